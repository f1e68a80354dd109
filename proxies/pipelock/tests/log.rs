//! Lines as pipelock 2.3.0 wrote them, and what they must become.
#![expect(clippy::unwrap_used, reason = "tests")]

use bottle_api::{Decision, EgressEvent, PluginBuild, Proxy};
use bottle_proxy_pipelock::{Config, Pipelock};

const TOKEN: &str = "ghp_abcdefghijklmnopqrstuvwxyz0123456789";

fn parse(line: &str) -> Option<EgressEvent> {
    let proxy: Box<dyn Proxy> = Pipelock::build(Config::default()).unwrap();
    proxy.parse_log(line)
}

/// A line with pipelock's common members.
fn line(members: &str) -> String {
    format!(
        r#"{{"level":"warn","component":"pipelock",{members},"client_ip":"10.0.0.3","request_id":"req-1","agent":"a","time":"2026-04-24T10:00:00Z","message":"m"}}"#
    )
}

fn event(members: &str) -> EgressEvent {
    parse(&line(members)).unwrap_or_else(|| panic!("no event: {members}"))
}

#[test]
fn an_answered_request_is_allowed() {
    let event = event(
        r#""event":"forward_http","method":"GET","url":"https://H.test:8443/a/b?k=v#f","status_code":200,"size_bytes":6,"duration_ms":36.6"#,
    );
    assert_eq!(event.decision, Decision::Allow);
    assert_eq!(event.proxy, "pipelock");
    assert_eq!(event.time, "2026-04-24T10:00:00Z");
    assert_eq!(event.method.as_deref(), Some("GET"));
    assert_eq!(event.host.as_deref(), Some("h.test"));
    assert_eq!(event.path.as_deref(), Some("/a/b"));
    assert_eq!(
        (event.status, event.response_bytes, event.ms),
        (Some(200), Some(6), Some(37))
    );
    assert_eq!((event.rule, event.reason), (None, None));
}

#[test]
fn a_refused_host_names_the_rule() {
    let event = event(
        r#""event":"blocked","method":"CONNECT","target":"h.test:443","scanner":"allowlist","reason":"domain not in allowlist: h.test""#,
    );
    assert_eq!(event.decision, Decision::Deny);
    assert_eq!(event.host.as_deref(), Some("h.test"));
    assert_eq!(event.rule.as_deref(), Some("allowlist"));
    assert_eq!(
        event.reason.as_deref(),
        Some("domain not in allowlist: h.test")
    );
    assert_eq!(event.status, Some(403));
}

#[test]
fn denials_are_exactly_these() {
    let denied = [
        r#""event":"blocked","url":"https://h.test/","scanner":"ssrf","reason":"r""#,
        r#""event":"ws_blocked","target":"wss://h.test/","scanner":"dlp","reason":"r""#,
        r#""event":"sni_mismatch","connect_host":"h.test","sni_host":"x.test","category":"mismatch""#,
        r#""event":"kill_switch_deny","transport":"forward","endpoint":"https://h.test/","deny_message":"off""#,
        r#""event":"airlock_deny","transport":"connect","method":"CONNECT""#,
        r#""event":"body_dlp","method":"POST","url":"https://h.test/","action":"block","patterns":["P"]"#,
        r#""event":"header_dlp","method":"GET","url":"https://h.test/","header":"Cookie","action":"block","patterns":["P"]"#,
    ];
    for members in denied {
        assert_eq!(event(members).decision, Decision::Deny, "{members}");
    }
    let warned = [
        r#""event":"body_dlp","method":"POST","url":"https://h.test/","action":"warn","patterns":["P"]"#,
        r#""event":"header_dlp","method":"GET","url":"https://h.test/","header":"Cookie","action":"warn","patterns":["P"]"#,
        r#""event":"response_scan","method":"GET","url":"https://h.test/","action":"warn","patterns":["P"]"#,
        r#""event":"anomaly","method":"GET","url":"https://h.test/","scanner":"sse_stream","reason":"r""#,
    ];
    for members in warned {
        assert_eq!(event(members).decision, Decision::Warn, "{members}");
    }
}

#[test]
fn an_opened_tunnel_is_allowed_once() {
    let opened = event(r#""event":"tunnel_open","target":"h.test:443""#);
    assert_eq!(opened.decision, Decision::Allow);
    assert_eq!(opened.method.as_deref(), Some("CONNECT"));
    assert_eq!(opened.host.as_deref(), Some("h.test"));
    let intercepted = event(
        r#""event":"anomaly","method":"CONNECT","target":"h.test:443","scanner":"tls_intercept","reason":"TLS MITM interception active","score":0"#,
    );
    assert_eq!(intercepted.decision, Decision::Allow);
    assert_eq!((intercepted.rule, intercepted.reason), (None, None));
    assert_eq!(
        parse(&line(
            r#""event":"tunnel_close","target":"h.test:443","total_bytes":9"#
        )),
        None
    );
}

#[test]
fn failures_of_requests_are_errors_and_others_nothing() {
    let failed = event(
        r#""event":"error","method":"GET","url":"https://h.test/","error":"Get \"https://h.test/x?k=v\": dial tcp 127.0.0.1:1: connect: connection refused""#,
    );
    assert_eq!(
        (failed.decision, failed.status),
        (Decision::Error, Some(502))
    );
    assert_eq!(
        failed.reason.as_deref(),
        Some("Get \"https://h.test/...\": dial tcp 127.0.0.1:1: connect: connection refused")
    );
    for members in [
        r#""event":"error","method":"close","error":"clientConn: close tcp"#,
        r#""event":"error","method":"CONFIG_RELOAD","resource":"/config/pipelock.yaml","error":"rejected""#,
        r#""event":"startup","listen":"0.0.0.0:8888""#,
        r#""event":"config_reload","status":"success""#,
        r#""event":"redirect","original_url":"https://a.test/","redirect_url":"https://b.test/""#,
        r#""event":"response_scan_exempt","url":"https://h.test/""#,
        r#""event":"shutdown","reason":"signal received""#,
    ] {
        assert_eq!(parse(&line(members)), None, "{members}");
    }
}

#[test]
fn what_is_no_line_of_pipelock_is_passed_over() {
    for text in [
        "",
        "Pipelock v2.3.0 starting",
        "pipelock: config reload failed: parsing config",
        "{",
        "{\"event\":\"blocked\"}",
        "{\"component\":\"other\",\"event\":\"blocked\"}",
        "[1]",
    ] {
        assert_eq!(parse(text), None, "{text}");
    }
}

#[test]
fn secrets_that_pipelock_logs_do_not_come_through() {
    for members in [
        format!(
            r#""event":"blocked","method":"GET","url":"https://h.test/?k={TOKEN}","scanner":"core_dlp","reason":"core DLP match: GitHub Token (critical)""#
        ),
        format!(
            r#""event":"blocked","method":"GET","url":"https://h.test/{TOKEN}/x","scanner":"core_dlp","reason":"r""#
        ),
        format!(
            r#""event":"blocked","method":"GET","url":"https://h.test/{TOKEN}","scanner":"entropy","reason":"r""#
        ),
        format!(
            r#""event":"body_dlp","method":"POST","url":"https://h.test/{TOKEN}","action":"block","patterns":["P"]"#
        ),
        format!(
            r#""event":"forward_http","method":"GET","url":"https://u:{TOKEN}@h.test/a?k={TOKEN}","status_code":200"#
        ),
        format!(
            r#""event":"blocked","method":"GET","url":"https://h.test/","scanner":"allowlist","reason":"redirect from https://a.test/r?k={TOKEN} blocked: x""#
        ),
        format!(
            r#""event":"error","method":"GET","url":"https://h.test/?k={TOKEN}","error":"Get \"https://u:{TOKEN}@h.test/?k={TOKEN}\": EOF""#
        ),
    ] {
        let event = event(&members);
        assert_eq!(event.host.as_deref(), Some("h.test"), "{members}");
        assert!(!format!("{event:?}").contains(TOKEN), "{event:?}");
    }
}

#[test]
fn content_refusals_say_what_and_where() {
    let header = event(
        r#""event":"header_dlp","method":"GET","url":"https://h.test/","header":"Cookie","action":"block","patterns":["GitHub Token","JWT Token"]"#,
    );
    assert_eq!(header.rule.as_deref(), Some("header_dlp"));
    assert_eq!(
        header.reason.as_deref(),
        Some("header `Cookie` contains a secret: GitHub Token, JWT Token")
    );
    let limited = event(
        r#""event":"blocked","method":"GET","url":"https://h.test/","scanner":"ratelimit","reason":"rate limit exceeded for h.test""#,
    );
    assert_eq!(limited.status, Some(429));
    let v6 = event(r#""event":"tunnel_open","target":"[::1]:443""#);
    assert_eq!(v6.host.as_deref(), Some("::1"));
}
