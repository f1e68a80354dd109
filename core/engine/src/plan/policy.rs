//! The egress policy, and how each secret reaches its use.

use std::collections::BTreeSet;

use bottle_api::{
    Content, Credential, Delivery, EgressPolicy, EnvValue, FilePlan, Piece, SecretSpec,
};

use super::{PlanError, PlanInput};

/// What secrets turn into.
pub(super) struct Delivered {
    /// What the proxies enforce and inject.
    pub(super) policy: EgressPolicy,
    /// Variables of the agent, with the secret each comes from.
    pub(super) env: Vec<(String, EnvValue, String)>,
    /// Files of the agent, with the secret each comes from.
    pub(super) files: Vec<(FilePlan, String)>,
    /// Secrets that are in the agent's container by explicit grant.
    pub(super) granted: Vec<String>,
}

/// Sorts the secrets by their delivery.
pub(super) fn deliver(input: &PlanInput<'_>) -> Result<Delivered, PlanError> {
    let spec = input.spec;
    let mut delivered = Delivered {
        policy: EgressPolicy {
            allow: spec.allow.clone(),
            deny: spec.deny.clone(),
            credentials: vec![],
            dlp: spec.dlp,
            hosts: spec.hosts.clone(),
            trusted_private: spec.trusted_private.clone(),
        },
        env: vec![],
        files: vec![],
        granted: vec![],
    };
    let mut names: BTreeSet<&str> = BTreeSet::new();
    for secret in &spec.secrets {
        if !names.insert(&secret.name) {
            return Err(PlanError::conflict(
                format!("secret `{}` is delivered twice", secret.name),
                "keep one of the two",
            ));
        }
        delivered.add(input, secret);
    }
    if input.proxies.is_empty() {
        // Nothing goes out, so nothing is allowed and nothing is injected.
        delivered.policy.allow.clear();
        delivered.policy.credentials.clear();
    }
    Ok(delivered)
}

impl Delivered {
    fn add(&mut self, input: &PlanInput<'_>, secret: &SecretSpec) {
        let by = format!("secret `{}`", secret.name);
        match &secret.delivery {
            Delivery::Inject {
                env,
                hosts,
                header,
                format,
                always,
            } => {
                let placeholder = placeholder(input, &secret.name);
                self.env.extend(env.iter().map(|variable| {
                    let value = EnvValue::Literal(placeholder.clone());
                    (variable.clone(), value, by.clone())
                }));
                self.policy.credentials.push(Credential {
                    name: secret.name.clone(),
                    secret: secret.source.clone(),
                    placeholder,
                    hosts: hosts.clone(),
                    header: header.clone(),
                    format: format.clone(),
                    always: *always,
                });
            }
            Delivery::Env { name } => {
                self.granted.push(secret.name.clone());
                let value = EnvValue::Secret(secret.source.clone());
                self.env.push((name.clone(), value, by));
            }
            Delivery::File { path } => {
                self.granted.push(secret.name.clone());
                let file = FilePlan {
                    path: path.clone(),
                    mode: 0o600,
                    uid: input.spec.user.uid,
                    gid: input.spec.user.gid,
                    content: Content::Template(vec![Piece::Secret(secret.source.clone())]),
                };
                self.files.push((file, by));
            }
        }
    }
}

/// What the agent holds instead of a credential.
fn placeholder(input: &PlanInput<'_>, name: &str) -> String {
    let name = name.to_ascii_lowercase().replace('_', "-");
    format!("bottle-placeholder-{}-for-{name}", input.session)
}
