// [docs: conformance]
use acme_proxy_turnstile::Turnstile;
use bottle_api::Decision;
use bottle_conformance::ProxySuite;

bottle_conformance::proxy_main!(
    ProxySuite::of::<Turnstile>("timeout_secs = 120")
        .decision(
            r#"NOTICE    Nov 27 14:00:00.000 [7]: Proxying refused on filtered domain "Bad.test""#,
            Decision::Deny,
            Some("bad.test"),
        )
        .decision(
            r#"CONNECT   Nov 27 14:00:00.000 [7]: Established connection to host "h.test" using file descriptor 5."#,
            Decision::Allow,
            Some("h.test"),
        )
        .no_decision("NOTICE    Nov 27 14:00:00.000 [1]: Initializing tinyproxy ...")
);
// [docs: end]
