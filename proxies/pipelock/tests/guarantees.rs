//! What it vouches for, by place, setting and class.
#![expect(clippy::unwrap_used, reason = "tests")]

use bottle_api::{
    AllowRule, EgressPolicy, Guarantee, HopContext, HopPlan, HostPattern, PluginBuild, Proxy,
    Readable, SessionId, TrafficClass,
};
use bottle_proxy_pipelock::{Config, Pipelock};

/// `a.test` is inspected, `b.test` is of this class.
fn policy(class: TrafficClass) -> EgressPolicy {
    let rule = |host: &str, class| AllowRule {
        class,
        ..AllowRule::host(host.parse().unwrap())
    };
    EgressPolicy {
        allow: vec![rule("a.test", TrafficClass::Inspect), rule("b.test", class)],
        ..EgressPolicy::default()
    }
}

fn plan(config: Config, policy: &EgressPolicy, first: bool, readable: Readable) -> HopPlan {
    let session = SessionId::new("0123456789ab");
    let proxy: Box<dyn Proxy> = Pipelock::build(config).unwrap();
    let cx = HopContext::new(&session, "pipelock", policy);
    proxy.plan(&cx.first(first).readable(readable)).unwrap()
}

/// Interception, place, what is handed over, class: whether TLS and content are vouched for,
/// and for whom not.
#[test]
fn it_vouches_only_for_what_it_sees() {
    use TrafficClass::{Inspect, Passthrough, Tunnel};
    let nothing = || Readable::Nothing;
    let but =
        |hosts: &[&str]| Readable::AllBut(hosts.iter().map(|host| host.parse().unwrap()).collect());
    let (all, closed) = (Some("all"), Some("b.test"));
    for (interception, first, readable, class, tls, dlp) in [
        (false, true, nothing(), Inspect, all, all),
        (true, true, nothing(), Inspect, None, None),
        (true, true, nothing(), Passthrough, closed, closed),
        (true, true, nothing(), Tunnel, closed, closed),
        (false, false, nothing(), Inspect, Some("-"), all),
        (false, false, but(&[]), Inspect, Some("-"), None),
        (
            false,
            false,
            but(&["b.test"]),
            Passthrough,
            Some("-"),
            closed,
        ),
        (true, false, nothing(), Inspect, None, None),
        (true, false, nothing(), Passthrough, closed, closed),
        (true, false, but(&["b.test"]), Passthrough, closed, closed),
        (true, false, but(&["a.test", "b.test"]), Inspect, None, None),
    ] {
        let case = format!("{interception} {first} {readable:?} {class:?}");
        let policy = policy(class);
        let config = Config {
            tls_interception: interception,
            ..Config::default()
        };
        let hop = plan(config, &policy, first, readable);
        let withheld = |guarantee| {
            let Some(said) = hop.guarantees.iter().find(|s| s.guarantee == guarantee) else {
                return Some("-".to_owned());
            };
            let hosts: Vec<_> = said.hosts.iter().map(HostPattern::as_str).collect();
            assert_eq!(said.given, said.remedy.is_none(), "{case}");
            match (said.given, hosts.is_empty()) {
                (true, _) => None,
                (false, true) => Some("all".to_owned()),
                (false, false) => Some(hosts.join(" ")),
            }
        };
        assert_eq!(withheld(Guarantee::TlsInspected).as_deref(), tls, "{case}");
        assert_eq!(withheld(Guarantee::Dlp).as_deref(), dlp, "{case}");
        assert_eq!(hop.enforces.dlp, dlp.is_none(), "{case}");
    }
}
