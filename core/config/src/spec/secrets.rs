//! Which secrets a launch uses.

use std::collections::BTreeMap;

use bottle_api::{AgentSpec, Delivery, LaunchSpec, SecretRef, SecretSpec};

use super::own_secrets;
use crate::{
    config::Config,
    diagnostic::{Diagnostic, Sink},
    source::Source,
};

/// The configuration's secrets, and those the agent logs in with whose source is there.
pub(super) fn resolve(config: &Config, agent: &AgentSpec) -> Vec<SecretSpec> {
    let mut all: Vec<SecretSpec> = own_secrets(config).map(|own| own.value.clone()).collect();
    for login in &agent.login {
        let replaced = all.iter().any(|own| own.name == login.name);
        if !replaced && is_there(config, &login.source) {
            all.push(login.clone());
        }
    }
    all
}

fn is_there(config: &Config, source: &SecretRef) -> bool {
    match source {
        SecretRef::FromEnv(name) => config.origin.set.contains(name),
        SecretRef::FromFile(path) | SecretRef::FromEnvFile { path, .. } => path.is_file(),
        SecretRef::FromCommand(_) | SecretRef::Prompt(_) | SecretRef::Session(_) => true,
    }
}

/// Whether the agent could log in: with a login of its preset, or with something that takes the
/// place of one.
pub(super) fn can_log_in(spec: &LaunchSpec) -> bool {
    let logins = &spec.agent.login;
    let stands_for = |name: &str| {
        let variable = |login: &SecretSpec| variables(login).iter().any(|own| own == name);
        logins
            .iter()
            .any(|login| login.name == name || variable(login))
    };
    logins.is_empty()
        || spec.env.keys().chain(spec.agent.env.keys()).any(|name| stands_for(name))
        // A login is among these only when its source is there.
        || spec.secrets.iter().any(|secret| {
            stands_for(&secret.name) || variables(secret).iter().any(|name| stands_for(name))
        })
}

/// The agent's variables that a secret sets.
fn variables(secret: &SecretSpec) -> &[String] {
    match &secret.delivery {
        Delivery::Inject { env, .. } => env.as_slice(),
        Delivery::Env { name } => std::slice::from_ref(name),
        Delivery::File { .. } => &[],
    }
}

/// Two values for one variable of the agent.
pub(super) fn collisions(config: &Config, secrets: &[SecretSpec], sink: &Sink) {
    let mut taken: BTreeMap<&str, Source> = BTreeMap::new();
    for (name, value) in &config.sections.env {
        taken.insert(name, value.source.clone());
    }
    for secret in secrets {
        let own = config.sections.secret.get(&secret.name);
        let source = own.map(|own| own.source.clone()).unwrap_or_default();
        for name in variables(secret) {
            let Some(first) = taken.insert(name, source.clone()) else {
                continue;
            };
            sink.push(
                Diagnostic::error(format!("the variable `{name}` of the agent is set twice"))
                    .at(&first, "once here")
                    .at(&source, "once here")
                    .hint(format!(
                        "secret `{}` sets it; take the other one out",
                        secret.name
                    )),
            );
        }
    }
}
