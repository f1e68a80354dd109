//! What this hop promises, and what it withholds.

use bottle_api::{Guarantee, HostPattern, Statement};

use crate::{NAME, policy::PolicyFile};

const REMEDY: &str = "drop `passthrough` for these hosts";

/// The statements for this very policy.
pub(crate) fn statements(file: &PolicyFile<'_>) -> Vec<Statement> {
    let closed = file.closed();
    let names = quoted(closed.iter().copied());
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
        .remedy(REMEDY)
        .only_for(closed.iter().map(|host| (*host).clone()))
    });
    all.push(dlp(file, closed));
    all.push(Statement::given(
        Guarantee::CredentialsAtProxy,
        NAME,
        "real values are put in after the scan, for their hosts only, and taken out of answers",
    ));
    all
}

/// Whether they give `dlp`.
pub(crate) fn refuses_secrets(statements: &[Statement]) -> bool {
    let given = |one: &Statement| one.guarantee == Guarantee::Dlp && one.given;
    statements.iter().any(given)
}

fn dlp(file: &PolicyFile<'_>, closed: Vec<&HostPattern>) -> Statement {
    let g = Guarantee::Dlp;
    let places = file.unsearched();
    if !places.is_empty() {
        let why = format!("secrets in {} are not refused", places.join(", "));
        return Statement::withheld(g, NAME, why).remedy(
            "set `egress.dlp = \"block\"` and drop other modes under `proxy.mitmproxy.dlp`",
        );
    }
    let unsearched = file.unsearched_hosts();
    if unsearched.is_empty() && closed.is_empty() {
        return Statement::given(
            g,
            NAME,
            "URLs, headers and bodies are searched, findings refused; bodies to hosts with \
             credentials as `proxy.mitmproxy.dlp.credentialed` says",
        );
    }
    let (why, remedy) = if closed.is_empty() {
        let names = quoted(&unsearched);
        (
            format!("secrets in bodies to {names} are not refused"),
            "drop `off` and `warn` under `proxy.mitmproxy.dlp`",
        )
    } else {
        let names = quoted(closed.iter().copied());
        (format!("what goes to {names} is not looked at"), REMEDY)
    };
    let closed = closed.into_iter().cloned();
    Statement::withheld(g, NAME, why)
        .remedy(remedy)
        .only_for(closed.chain(unsearched))
}

fn quoted<'a>(hosts: impl IntoIterator<Item = &'a HostPattern>) -> String {
    let names: Vec<String> = hosts.into_iter().map(|host| format!("`{host}`")).collect();
    names.join(", ")
}
