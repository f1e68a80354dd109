//! Policies, places and plans to test with.

use bottle_api::{
    Accepts, AllowRule, Content, Credential, DlpMode, EgressPolicy, Enforces, FilePlan,
    HealthEndpoint, HopContext, HopPlan, NextHop, PluginBuild, PluginError, Proxy, ScanApi,
    SecretRef, SessionId, TrafficClass,
};
use bottle_proxy_mitmproxy::{Config, Mitmproxy};

pub(crate) fn rule(host: &str) -> AllowRule {
    AllowRule::host(host.parse().unwrap())
}

pub(crate) fn credential(host: &str) -> Credential {
    Credential {
        name: "API_KEY".into(),
        secret: SecretRef::FromEnv("API_KEY".into()),
        placeholder: "bottle-placeholder-api-key-0123456789ab".into(),
        hosts: vec![host.parse().unwrap()],
        header: "x-api-key".into(),
        format: "{}".into(),
        always: false,
    }
}

/// Something of everything.
pub(crate) fn policy() -> EgressPolicy {
    EgressPolicy {
        allow: vec![
            rule("api.llm.test"),
            AllowRule {
                ports: vec![443, 8443],
                methods: vec!["GET".into(), "HEAD".into()],
                paths: vec!["/repos/acme/**".into()],
                ..rule("api.code.test")
            },
            rule("*.code.test"),
            AllowRule {
                class: TrafficClass::Tunnel,
                ..rule("files.test")
            },
            AllowRule {
                class: TrafficClass::Passthrough,
                ..rule("pinned.test")
            },
        ],
        deny: vec!["gist.code.test".parse().unwrap()],
        credentials: vec![credential("api.llm.test")],
        dlp: DlpMode::Block,
        hosts: [("origin.test".to_owned(), "192.0.2.1".parse().unwrap())].into(),
        trusted_private: vec!["origin.test".parse().unwrap()],
    }
}

pub(crate) fn open_policy(hosts: &[&str]) -> EgressPolicy {
    EgressPolicy {
        allow: hosts.iter().map(|host| rule(host)).collect(),
        ..EgressPolicy::default()
    }
}

/// A hop that scans, last in the chain.
pub(crate) fn next() -> NextHop {
    NextHop {
        host: "firewall".into(),
        port: 8888,
        accepts: [
            Accepts::Connect,
            Accepts::AbsoluteHttp,
            Accepts::AbsoluteHttps,
        ]
        .into(),
        scan: Some(ScanApi {
            port: 9090,
            path: "/api/v1/scan".into(),
            dialect: "pipelock-v1".into(),
            token: SecretRef::Session("firewall-scan".into()),
        }),
        health: Some(HealthEndpoint {
            port: 8888,
            path: "/health".into(),
            expect: [("forward_proxy_enabled".to_owned(), true.into())].into(),
        }),
        ends_tls: false,
        enforces: Enforces {
            hosts: true,
            dlp: true,
            ..Enforces::default()
        },
    }
}

pub(crate) fn plan(
    config: Config,
    policy: &EgressPolicy,
    next: Option<&NextHop>,
) -> Result<HopPlan, PluginError> {
    let session = SessionId::new("0123456789ab");
    let proxy: Box<dyn Proxy> = Mitmproxy::build(config).unwrap();
    proxy.plan(&HopContext::new(&session, "mitmproxy", policy).next(next))
}

pub(crate) fn file<'a>(hop: &'a HopPlan, path: &str) -> &'a FilePlan {
    let path = format!("/conf/{path}");
    hop.files
        .iter()
        .find(|file| file.path == path)
        .unwrap_or_else(|| panic!("no `{path}`"))
}

pub(crate) fn policy_text(hop: &HopPlan) -> &str {
    match &file(hop, "policy.json").content {
        Content::Text(text) => text,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn policy_json(hop: &HopPlan) -> serde_json::Value {
    serde_json::from_str(policy_text(hop)).unwrap()
}

pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::default();
    change(&mut config);
    config
}
