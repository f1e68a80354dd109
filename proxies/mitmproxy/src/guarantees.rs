//! What this hop promises, and what it withholds.

use bottle_api::{DlpMode, Guarantee, HopContext, Statement};

use crate::{NAME, policy::PolicyFile};

/// The statements for this very policy.
pub(crate) fn statements(file: &PolicyFile<'_>, cx: &HopContext<'_>) -> Vec<Statement> {
    let closed = file.closed();
    let names: Vec<String> = closed.iter().map(|host| format!("`{host}`")).collect();
    let names = names.join(", ");
    let mut all = vec![Statement::given(
        Guarantee::HostPolicy,
        NAME,
        "host, port, method and path of every request; TLS name, `CONNECT` and Host must agree",
    )];
    all.push(if closed.is_empty() {
        Statement::given(
            Guarantee::TlsInspected,
            NAME,
            "TLS is opened with the session's CA",
        )
    } else {
        Statement::withheld(
            Guarantee::TlsInspected,
            NAME,
            format!("the TLS of {names} stays closed"),
        )
        .remedy("drop `passthrough` for these hosts")
    });
    all.push(if cx.policy.dlp == DlpMode::Off || file.ignores_secrets() {
        Statement::withheld(Guarantee::Dlp, NAME, "`dlp` is off")
            .remedy("set `egress.dlp = \"block\"` and drop `off` under `proxy.mitmproxy.dlp`")
    } else if !closed.is_empty() {
        Statement::withheld(
            Guarantee::Dlp,
            NAME,
            format!("what goes to {names} is not looked at"),
        )
        .remedy("drop `passthrough` for these hosts")
    } else {
        let what = if file.blocks_secrets() {
            "refused"
        } else {
            "logged"
        };
        Statement::given(
            Guarantee::Dlp,
            NAME,
            format!(
                "URLs, headers and bodies are searched, findings {what}; bodies to hosts with \
                 credentials as `proxy.mitmproxy.dlp.credentialed` says"
            ),
        )
    });
    all.push(Statement::given(
        Guarantee::CredentialsAtProxy,
        NAME,
        "real values are put in after the scan, for their hosts only, and taken out of answers",
    ));
    all
}
