//! Log lines become events.
#![expect(clippy::unwrap_used, reason = "tests")]

use bottle_api::{Decision, EgressEvent, PluginBuild, Proxy};
use bottle_proxy_mitmproxy::{Config, Mitmproxy};

fn parse(line: &str) -> Option<EgressEvent> {
    let proxy: Box<dyn Proxy> = Mitmproxy::build(Config::default()).unwrap();
    proxy.parse_log(line)
}

#[test]
fn an_allowed_request() {
    let line = r#"{"bottle":"egress","ts":"2026-01-02T03:04:05.678Z","id":"f1","client":"10.0.0.3","method":"POST","host":"api.llm.test","rule":"allow:api.llm.test","status":200,"url":"https://api.llm.test/v1/messages","class":"credentialed","req_bytes":12,"resp_bytes":345,"ms":67,"streamed":true,"credential":"API_KEY","decision":"allow"}"#;
    insta::assert_json_snapshot!(parse(line).unwrap(), @r#"
    {
      "time": "2026-01-02T03:04:05.678Z",
      "proxy": "mitmproxy",
      "decision": "allow",
      "method": "POST",
      "host": "api.llm.test",
      "path": "/v1/messages",
      "rule": "allow:api.llm.test",
      "status": 200,
      "request_bytes": 12,
      "response_bytes": 345,
      "ms": 67,
      "credential": "API_KEY"
    }
    "#);
}

#[test]
fn every_decision_has_its_kind() {
    for (word, decision) in [
        ("allow", Decision::Allow),
        ("deny", Decision::Deny),
        ("warn", Decision::Warn),
        ("error", Decision::Error),
    ] {
        let line = format!(r#"{{"bottle":"egress","ts":"t","decision":"{word}"}}"#);
        assert_eq!(parse(&line).unwrap().decision, decision);
    }
}

#[test]
fn paths_carry_nothing_that_was_found() {
    let path = |url: &str| {
        let line = format!(r#"{{"bottle":"egress","ts":"t","decision":"deny","url":"{url}"}}"#);
        parse(&line).unwrap().path
    };
    assert_eq!(path("https://a.test/x").as_deref(), Some("/x"));
    assert_eq!(path("https://a.test/x?k=v#f").as_deref(), Some("/x"));
    assert_eq!(path("https://a.test/[hidden]"), None);
    assert_eq!(path("https://a.test:443"), None);
    assert_eq!(path("nonsense"), None);
}

#[test]
fn other_lines_are_no_events() {
    for line in [
        "",
        "[03:04:05.678] HTTP(S) proxy listening at *:8080.",
        r#"{"bottle":"policy","ts":"t","status":"loaded"}"#,
        r#"{"bottle":"internal","ts":"t","hook":"request","error":"KeyError","at":"x.py:1"}"#,
        r#"{"bottle":"egress","ts":"t","decision":"perhaps"}"#,
        r#"{"bottle":"egress","ts":"t""#,
        "{}",
        "{",
    ] {
        assert_eq!(parse(line), None, "{line}");
    }
}
