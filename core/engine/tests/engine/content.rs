//! What the chain promises about content, for every order of who decrypts, hands over, searches.

use bottle_api::{
    AllowRule, Backend as _, Guarantee, HostPattern, SessionId, Statement, TrafficClass,
};
use bottle_backend_memory::Memory;
use bottle_engine::{PlanInput, plan};

use crate::support::{boxed, spec};

async fn said(chain: &[&str], class: TrafficClass, guarantee: Guarantee) -> Statement {
    let memory = Memory::default();
    let mut spec = spec();
    spec.secrets.clear();
    spec.allow.push(AllowRule {
        class,
        ..AllowRule::host("b.example.com".parse().unwrap())
    });
    let (proxies, provisioners) = boxed(chain);
    let plan = plan(&PlanInput {
        session: &SessionId::new("s1"),
        instance: &"inst".into(),
        spec: &spec,
        backend: &memory,
        info: &memory.probe().await.unwrap(),
        proxies: &proxies,
        provisioners: &provisioners,
    })
    .unwrap();
    let mut found = plan.guarantees.into_iter();
    found.find(|s| s.guarantee == guarantee).unwrap()
}

/// `back` searches whatever it is given to read, and says so wherever it stands.
#[tokio::test]
async fn a_hop_is_believed_only_for_what_it_reads() {
    use TrafficClass::{Inspect, Passthrough, Tunnel};
    let (all, closed) = (Some(""), Some("b.example.com"));
    for (chain, class, tls, dlp) in [
        (&["back"][..], Inspect, all, all),
        (&["lax", "back"], Inspect, all, all),
        (&["front", "back"], Inspect, None, None),
        (&["front", "back"], Tunnel, None, closed),
        (&["front", "back"], Passthrough, closed, closed),
        (&["lax", "front", "back"], Inspect, None, None),
        (&["front", "lax", "back"], Inspect, None, all),
        (&["front-tunnels", "back"], Inspect, None, all),
        (&["front-tunnels", "front", "back"], Inspect, None, None),
        (&["front-tunnels", "back"], Passthrough, closed, all),
        (&["front", "front", "back"], Passthrough, closed, closed),
    ] {
        for (guarantee, expected) in [(Guarantee::TlsInspected, tls), (Guarantee::Dlp, dlp)] {
            let said = said(chain, class, guarantee).await;
            let hosts: Vec<_> = said.hosts.iter().map(HostPattern::as_str).collect();
            let withheld = (!said.given).then(|| hosts.join(" "));
            assert_eq!(
                withheld.as_deref(),
                expected,
                "{chain:?} {class:?}: {said:?}"
            );
        }
    }
    let said = said(&["lax", "back"], Inspect, Guarantee::Dlp).await;
    assert_eq!(said.by, "back");
    assert!(said.how.contains("no hop in front"), "{}", said.how);
    assert!(said.remedy.unwrap().contains("decrypts"));
}
