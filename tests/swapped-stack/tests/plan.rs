//! The hop as data, and the log.
#![expect(clippy::unwrap_used, reason = "tests fail loudly")]

use std::collections::{BTreeMap, BTreeSet};

use bottle_api::{
    Accepts, AllowRule, Content, Decision, EgressPolicy, Enforces, HealthEndpoint, HopContext,
    HopPlan, NextHop, PluginBuild as _, PluginError, SessionId,
};
use bottle_squid::{Config, Squid};

fn policy() -> EgressPolicy {
    let rule = |host: &str| AllowRule::host(host.parse().unwrap());
    EgressPolicy {
        allow: vec![
            rule("a.test"),
            AllowRule {
                ports: vec![8443, 9000],
                ..rule("*.b.test")
            },
        ],
        deny: vec!["bad.b.test".parse().unwrap()],
        trusted_private: vec!["a.test".parse().unwrap(), "*.b.test".parse().unwrap()],
        ..EgressPolicy::default()
    }
}

fn next(accepts: &[Accepts], health: bool) -> NextHop {
    NextHop {
        host: "gate".into(),
        port: 8888,
        accepts: accepts.iter().copied().collect::<BTreeSet<_>>(),
        scan: None,
        health: health.then(|| HealthEndpoint {
            port: 8889,
            path: "/health".into(),
            expect: [("status".to_owned(), "ok".into())].into(),
        }),
        ends_tls: false,
        enforces: Enforces::default(),
    }
}

fn hop(
    config: Config,
    policy: &EgressPolicy,
    next: Option<&NextHop>,
) -> Result<HopPlan, PluginError> {
    let session = SessionId::new("s");
    let context = HopContext::new(&session, "squid", policy).next(next);
    Squid::build(config).unwrap().plan(&context)
}

fn files(hop: &HopPlan) -> BTreeMap<&str, &str> {
    hop.files
        .iter()
        .map(|file| match &file.content {
            Content::Text(text) => (file.path.as_str(), text.as_str()),
            other => panic!("{other:?}"),
        })
        .collect()
}

/// The generated lines about access, in order.
fn access(hop: &HopPlan) -> Vec<&str> {
    files(hop)["/squid/squid.conf"]
        .lines()
        .filter(|line| line.contains("http_access") || line.ends_with("direct allow all"))
        .collect()
}

#[test]
fn the_last_hop_guards_private_networks_after_the_hosts() {
    let hop = hop(Config::default(), &policy(), None).unwrap();
    assert_eq!(
        access(&hop),
        [
            "http_access deny deny0 note1",
            "http_access deny wanted !trusted0 !trusted1 private note2",
            "http_access allow CONNECT host0 tunnel0 note3",
            "http_access allow !CONNECT http host0 plain0 note4",
            "http_access allow CONNECT host1 tunnel1 note5",
            "http_access allow !CONNECT http host1 plain1 note6",
            "http_access deny all note7",
        ]
    );
    let conf = files(&hop)["/squid/squid.conf"];
    for line in [
        "acl tunnel0 port 443",
        "acl plain0 port 80",
        "acl tunnel1 port 8443 9000",
        "acl host1_below dstdomain -n .b.test",
        "acl host1 all-of host1_below !host1_itself",
        "acl note5 annotate_transaction rule=*.b.test",
    ] {
        assert!(conf.lines().any(|found| found == line), "{line}\n{conf}");
    }
    assert_eq!(files(&hop)["/squid/next.json"], "{}\n");
    assert_eq!(
        hop.accepts,
        [Accepts::Connect, Accepts::AbsoluteHttp].into()
    );
    assert!(!hop.ends_tls && hop.enforces.hosts && !hop.enforces.http_rules);
}

#[test]
fn a_hop_in_front_sends_everything_to_its_parent() {
    let both = [Accepts::Connect, Accepts::AbsoluteHttp];
    let gate = next(&both, true);
    let front = hop(Config::default(), &policy(), Some(&gate)).unwrap();
    let conf = files(&front)["/squid/squid.conf"];
    assert!(conf.contains("cache_peer gate parent 8888 0 "), "{conf}");
    assert_eq!(
        access(&front)[..3],
        [
            "http_access deny deny0 note1",
            "never_direct allow all",
            "http_access allow itself manager",
        ]
    );
    assert!(!conf.contains("acl private"), "names are not resolved here");
    let asked: serde_json::Value = serde_json::from_str(files(&front)["/squid/next.json"]).unwrap();
    assert_eq!(asked["expect"]["status"], "ok");
    assert_eq!(
        (&asked["port"], &asked["path"]),
        (&8889.into(), &"/health".into())
    );
}

#[test]
fn a_next_hop_that_does_not_take_it_is_refused() {
    let http = next(&[Accepts::AbsoluteHttp], false);
    let error = hop(Config::default(), &policy(), Some(&http)).unwrap_err();
    assert!(
        error.to_string().contains("`gate` takes no CONNECT"),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("connect = false"));
    let closed = Config {
        connect: false,
        ..Config::default()
    };
    let plain = hop(closed.clone(), &policy(), Some(&http)).unwrap();
    assert_eq!(plain.accepts, [Accepts::AbsoluteHttp].into());
    assert!(
        access(&plain)
            .iter()
            .all(|line| !line.contains("allow CONNECT"))
    );
    let tunnels = next(&[Accepts::Connect], false);
    let error = hop(closed, &policy(), Some(&tunnels)).unwrap_err();
    assert!(error.to_string().contains("plain `http`"), "{error}");
}

#[test]
fn nothing_allowed_is_nothing_resolved() {
    let hop = hop(Config::default(), &EgressPolicy::default(), None).unwrap();
    assert_eq!(access(&hop), ["http_access deny all note1"]);
}

#[test]
fn the_same_input_gives_the_same_hop() {
    let one = hop(Config::default(), &policy(), None).unwrap();
    assert_eq!(one, hop(Config::default(), &policy(), None).unwrap());
}

#[test]
fn values_out_of_range_are_refused() {
    for (key, text) in [
        ("idle_seconds", "idle_seconds = 0"),
        ("memory_mb", "memory_mb = 1"),
        ("ready_seconds", "ready_seconds = 4000"),
    ] {
        let config: Config = toml::from_str(text).unwrap();
        let error = Squid::build(config).err().unwrap();
        assert!(error.to_string().contains(key), "{error}");
    }
    assert!(toml::from_str::<Config>("nonsense = 1").is_err());
}

fn event(line: &str) -> Option<bottle_api::EgressEvent> {
    Squid::build(Config::default()).unwrap().parse_log(line)
}

/// Lines as Squid 5.7 wrote them.
#[test]
fn log_lines_become_events() {
    let tunnel = event(include_str!("log/tunnel.json")).unwrap();
    assert_eq!(tunnel.decision, Decision::Allow);
    assert_eq!(tunnel.host.as_deref(), Some("origin.test"));
    assert_eq!(
        (tunnel.method.as_deref(), tunnel.path),
        (Some("CONNECT"), None)
    );
    assert_eq!(tunnel.rule.as_deref(), Some("origin.test"));
    assert_eq!(tunnel.status, Some(200));

    let refused = event(include_str!("log/refused.json")).unwrap();
    assert_eq!(refused.decision, Decision::Deny);
    assert_eq!(refused.reason.as_deref(), Some("no rule allows it"));
    assert_eq!(refused.path.as_deref(), Some("/x;p/y"));

    let private = event(include_str!("log/private.json")).unwrap();
    assert_eq!(private.rule.as_deref(), Some("private_address"));

    let failed = event(include_str!("log/failed.json")).unwrap();
    assert_eq!(failed.decision, Decision::Error);
    assert_eq!(failed.reason.as_deref(), Some("ERR_CANNOT_FORWARD"));

    let nonsense = event(include_str!("log/nonsense.json")).unwrap();
    assert_eq!((nonsense.decision, nonsense.host), (Decision::Error, None));

    for line in [
        "",
        "{}",
        "2026/11/27 14:19:47| Starting Squid Cache",
        "{\"bottle\":\"x\"}",
    ] {
        assert_eq!(event(line), None, "{line}");
    }
}
