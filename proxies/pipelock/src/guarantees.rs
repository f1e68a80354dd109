//! What this hop promises, and what it withholds.

use bottle_api::{DlpMode, Guarantee, HopContext, HostPattern, Readable, Statement, TrafficClass};

use crate::{NAME, config::Config};

/// Hosts whose traffic it does not see decrypted.
enum Closed {
    /// It sees tunnels only.
    All,
    /// All but these are handed over in plain text, or opened here.
    Only(Vec<HostPattern>),
}

/// The statements for this place and policy.
pub(crate) fn statements(config: &Config, cx: &HopContext<'_>, dlp: DlpMode) -> Vec<Statement> {
    let mut all = vec![Statement::given(
        Guarantee::HostPolicy,
        NAME,
        "strict allowlist, checked again on redirects; any port of an allowed host",
    )];
    // A hop in front that decrypts answers for that itself.
    if config.tls_interception || cx.first {
        all.push(
            seen(config, cx, Guarantee::TlsInspected).unwrap_or_else(|| {
                let how = "tunnels are opened with the session's CA";
                Statement::given(Guarantee::TlsInspected, NAME, how)
            }),
        );
    }
    let withheld = |why| {
        let remedy = "set `egress.dlp = \"block\"` and drop `proxy.pipelock.dlp.action`";
        Statement::withheld(Guarantee::Dlp, NAME, why).remedy(remedy)
    };
    all.push(match dlp {
        DlpMode::Off => withheld("`dlp` is off"),
        DlpMode::Warn => withheld("findings in headers and bodies are only logged"),
        DlpMode::Block => seen(config, cx, Guarantee::Dlp).unwrap_or_else(|| {
            let how = "URLs, headers and bodies are scanned, findings refused";
            Statement::given(Guarantee::Dlp, NAME, how)
        }),
    });
    all
}

/// Whether they give `dlp`.
pub(crate) fn refuses_secrets(statements: &[Statement]) -> bool {
    let given = |one: &Statement| one.guarantee == Guarantee::Dlp && one.given;
    statements.iter().any(given)
}

/// Withholds a guarantee about content for what is not seen; `None` when all is.
fn seen(config: &Config, cx: &HopContext<'_>, g: Guarantee) -> Option<Statement> {
    match closed(config, cx) {
        Closed::Only(hosts) if hosts.is_empty() => None,
        Closed::Only(hosts) => {
            let names: Vec<String> = hosts.iter().map(|host| format!("`{host}`")).collect();
            let why = format!("the TLS of {} stays closed here", names.join(", "));
            let remedy = "drop the classes `passthrough` and `tunnel` for these hosts";
            Some(
                Statement::withheld(g, NAME, why)
                    .remedy(remedy)
                    .only_for(hosts),
            )
        }
        Closed::All => {
            let why = if cx.first {
                "alone, it sees only the host of a tunnel"
            } else {
                "the hop in front opens tunnels, of which it sees only the host"
            };
            let remedy = format!(
                "set `proxy.{NAME}.tls_interception = true`, or put a hop in front that decrypts \
                 and hands over"
            );
            Some(Statement::withheld(g, NAME, why).remedy(remedy))
        }
    }
}

fn closed(config: &Config, cx: &HopContext<'_>) -> Closed {
    // As in `tls_interception.passthrough_domains`.
    let unopened: Vec<HostPattern> = cx
        .policy
        .allow
        .iter()
        .filter(|rule| rule.class != TrafficClass::Inspect)
        .map(|rule| rule.host.clone())
        .collect();
    match (&cx.readable, config.tls_interception) {
        (Readable::AllBut(tunnels), true) => Closed::Only(HostPattern::common(tunnels, &unopened)),
        (Readable::AllBut(tunnels), false) => Closed::Only(tunnels.clone()),
        (Readable::Nothing, true) => Closed::Only(unopened),
        (Readable::Nothing, false) => Closed::All,
    }
}
