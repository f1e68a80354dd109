//! mitmproxy with its add-on keeps the contract of a proxy.

use bottle_api::Decision;
use bottle_conformance::ProxySuite;
use bottle_proxy_mitmproxy::Mitmproxy;

const ALLOWED: &str = r#"{"bottle":"egress","ts":"2026-01-02T03:04:05.678Z","id":"f1","client":"10.0.0.3","method":"POST","host":"api.llm.test","rule":"allow:api.llm.test","status":200,"url":"https://api.llm.test/v1/messages?k=v","class":"credentialed","req_bytes":12,"resp_bytes":345,"ms":67,"decision":"allow","credential":"API_KEY"}"#;
const DENIED: &str = r#"{"bottle":"egress","ts":"t","id":"f2","method":"GET","host":"bad.test","url":"https://bad.test/x","status":403,"rule":"no_rule","reason":"no rule allows it","decision":"deny"}"#;
const STARTED: &str = "HTTP(S) proxy listening at *:8080.";

bottle_conformance::proxy_main!(
    ProxySuite::of::<Mitmproxy>("")
        .decision(ALLOWED, Decision::Allow, Some("api.llm.test"))
        .decision(DENIED, Decision::Deny, Some("bad.test"))
        .no_decision(STARTED)
);
