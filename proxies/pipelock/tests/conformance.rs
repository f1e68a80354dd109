//! pipelock keeps the contract of a proxy.

use bottle_api::Decision;
use bottle_conformance::ProxySuite;
use bottle_proxy_pipelock::Pipelock;

const ANSWERED: &str = r#"{"level":"info","component":"pipelock","event":"forward_http","method":"GET","url":"https://H.test:8443/a/b?k=v#f","status_code":200,"size_bytes":6,"duration_ms":36.6,"client_ip":"10.0.0.3","request_id":"req-1","time":"2026-04-24T10:00:00Z","message":"m"}"#;
const REFUSED: &str = r#"{"level":"warn","component":"pipelock","event":"blocked","method":"CONNECT","target":"h.test:443","scanner":"allowlist","reason":"domain not in allowlist: h.test","client_ip":"10.0.0.3","time":"2026-04-24T10:00:00Z","message":"m"}"#;
const STARTED: &str =
    r#"{"level":"info","component":"pipelock","event":"startup","listen":"0.0.0.0:8888"}"#;

bottle_conformance::proxy_main!(
    ProxySuite::of::<Pipelock>("")
        .decision(ANSWERED, Decision::Allow, Some("h.test"))
        .decision(REFUSED, Decision::Deny, Some("h.test"))
        .no_decision(STARTED)
);
