//! What presets are made of.

use std::collections::BTreeMap;

use bottle_api::{
    AgentSpec, AllowRule, Content, Delivery, EnvValue, FilePlan, HostPattern, SecretRef, SecretSpec,
};

use super::recipe;

/// An agent with nothing but its image and its command.
pub(super) fn agent(name: &str, summary: &str, command: &[&str]) -> AgentSpec {
    AgentSpec {
        name: name.to_owned(),
        summary: summary.to_owned(),
        image: recipe::image(name, None),
        command: command.iter().map(|&word| word.to_owned()).collect(),
        replace_command: false,
        env: BTreeMap::new(),
        files: vec![],
        allow: vec![],
        login: vec![],
        prompt: None,
        skills_dir: None,
    }
}

/// Plain variables.
pub(super) fn env(variables: &[(&str, &str)]) -> BTreeMap<String, EnvValue> {
    variables
        .iter()
        .map(|&(name, value)| (name.to_owned(), EnvValue::from(value)))
        .collect()
}

/// A file in the agent's home. The planner sets the owner.
pub(super) fn file(path: &str, text: &str) -> FilePlan {
    FilePlan {
        path: path.to_owned(),
        mode: 0o644,
        uid: 0,
        gid: 0,
        content: Content::Text(text.to_owned()),
    }
}

/// Everything on one host, scanned as a whole.
pub(super) fn allow(host: &str) -> AllowRule {
    AllowRule::host(pattern(host))
}

/// A key that stands in an environment variable of the same name, here and inside; the agent's
/// holds a placeholder, and the real one is put into `header` on the way to `host`.
pub(super) fn login(name: &str, host: &str, header: &str, format: &str) -> SecretSpec {
    SecretSpec {
        name: name.to_owned(),
        source: SecretRef::FromEnv(name.to_owned()),
        delivery: Delivery::Inject {
            env: vec![name.to_owned()],
            hosts: vec![pattern(host)],
            header: header.to_owned(),
            format: format.to_owned(),
            always: false,
        },
    }
}

#[expect(
    clippy::expect_used,
    reason = "only literals of this module's neighbours come here, and a test builds them all"
)]
fn pattern(host: &str) -> HostPattern {
    host.parse().expect("a host pattern")
}
