//! What plans are made of, when it does not matter what.

use std::collections::BTreeMap;

use bottle_api::{
    AgentSpec, AllowRule, Credential, DlpMode, EgressPolicy, HostPattern, ImagePlan, PromptTarget,
    SecretRef,
};

pub(crate) fn agent() -> AgentSpec {
    AgentSpec {
        name: "agent".into(),
        summary: String::new(),
        image: ImagePlan::pull("agent:1", "agent.agent.image"),
        command: vec!["agent".into()],
        replace_command: false,
        env: BTreeMap::new(),
        files: vec![],
        allow: vec![],
        login: vec![],
        prompt: Some(PromptTarget::File("~/AGENTS.md".into())),
        skills_dir: Some("~/.agent/skills".into()),
    }
}

fn patterns(hosts: &[&str]) -> Vec<HostPattern> {
    hosts.iter().filter_map(|host| host.parse().ok()).collect()
}

/// These hosts are allowed.
pub(crate) fn policy(hosts: &[&str]) -> EgressPolicy {
    EgressPolicy {
        allow: patterns(hosts).into_iter().map(AllowRule::host).collect(),
        ..EgressPolicy::default()
    }
}

/// Only this method and path of a host.
pub(crate) fn http_policy(host: &str, method: &str, path: &str) -> EgressPolicy {
    let mut policy = policy(&[host]);
    for rule in &mut policy.allow {
        rule.methods = vec![method.into()];
        rule.paths = vec![path.into()];
    }
    policy
}

/// A host with a credential, whose value is read from there.
pub(crate) fn credential_policy(host: &str, secret: SecretRef) -> EgressPolicy {
    let credential = Credential {
        name: "API_KEY".into(),
        secret,
        placeholder: "bottle-placeholder-api-key-0123456789ab".into(),
        hosts: patterns(&[host]),
        header: "x-api-key".into(),
        format: "{}".into(),
        always: false,
    };
    EgressPolicy {
        credentials: vec![credential],
        ..policy(&[host])
    }
}

/// Secret-shaped text is not looked for.
pub(crate) fn lax_policy(host: &str) -> EgressPolicy {
    EgressPolicy {
        dlp: DlpMode::Off,
        ..policy(&[host])
    }
}
