//! From the configuration to the planner's input.

mod mounts;
mod secrets;
mod workspace;

use std::collections::BTreeMap;

use bottle_api::{
    AgentSpec, AllowRule, Delivery, HostPattern, LaunchSpec, Limits, NamePlan, SecretSpec, Stdio,
};

use crate::{
    agents,
    config::Config,
    diagnostic::{Diagnostic, Diagnostics, Sink},
    source::Located,
    suggest,
    values::slug,
};

/// What one launch adds to the configuration.
#[derive(Clone, Debug, Default)]
pub struct SpecRequest {
    /// Arguments behind `--`.
    pub args: Vec<String>,
    /// Terminal and input of the agent.
    pub stdio: Stdio,
}

impl Config {
    /// What a launch is asked to be. Looks at the working folder and at the sources of mounts
    /// (owner, existence), and reads no secret.
    pub fn spec(&self, request: &SpecRequest) -> Result<LaunchSpec, Diagnostics> {
        let mut agent = self.chosen_agent()?;
        if let Some(image) = &self.sections.image {
            agent.image = image.value.clone();
        }
        let sink = Sink::default();
        let workspace = workspace::resolve(self, &sink);
        let user = workspace::user(self, &workspace);
        let mounts = mounts::resolve(self, &workspace, &sink);
        let secrets = secrets::resolve(self, &agent);
        secrets::collisions(self, &secrets, &sink);
        let egress = &self.sections.egress;
        let spec = LaunchSpec {
            name: self.name(&agent, &workspace),
            runtime: self.runtime().value.clone(),
            require: self
                .sections
                .launch
                .require
                .iter()
                .map(|one| one.value)
                .collect(),
            allow: rules(&egress.allow, &agent),
            deny: hosts(&egress.deny),
            dlp: egress.dlp.as_ref().map(|dlp| dlp.value).unwrap_or_default(),
            hosts: plain(&egress.hosts),
            trusted_private: hosts(&egress.trusted_private),
            limits: self.limits(),
            env: plain(&self.sections.env),
            args: request.args.clone(),
            stdio: request.stdio,
            agent,
            secrets,
            workspace,
            mounts,
            user,
        };
        sink.finish(spec)
    }

    /// What is worth telling about a launch that stops nothing.
    pub fn warnings(&self, spec: &LaunchSpec) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        if self.proxies().is_empty() {
            return found; // no network: nothing can be injected, and the planner says so
        }
        if !secrets::can_log_in(spec) {
            found.push(nothing_to_log_in_with(&spec.agent));
        }
        for secret in &spec.secrets {
            let Delivery::Inject { hosts, .. } = &secret.delivery else {
                continue;
            };
            let allowed = |host: &&HostPattern| {
                let mut rules = spec.allow.iter();
                rules.any(|rule| rule.host.covers(host) || host.covers(&rule.host))
            };
            let closed: Vec<&str> = hosts
                .iter()
                .filter(|host| !allowed(host))
                .map(HostPattern::as_str)
                .collect();
            let own = self.sections.secret.get(&secret.name);
            if let (Some(own), false) = (own, closed.is_empty()) {
                found.push(
                    Diagnostic::warning(format!(
                        "secret `{}` is injected for {}, which no rule allows",
                        secret.name,
                        suggest::ticked(&closed)
                    ))
                    .at(&own.source, "never used there")
                    .hint("add the host to `[egress] allow`, or take it out of `hosts`"),
                );
            }
        }
        found
    }

    fn chosen_agent(&self) -> Result<AgentSpec, Diagnostics> {
        let names: Vec<&str> = self.agents.keys().map(String::as_str).collect();
        let Some(name) = self.agent() else {
            let hint = format!(
                "name one (`bottle run {}`), or set `agent` under `[launch]`; there are: {}",
                names.first().unwrap_or(&"NAME"),
                suggest::ticked(&names)
            );
            return Err(Diagnostic::error("no agent was chosen").hint(hint).into());
        };
        let found = self.agents.get(&name.value);
        let missing = || agents::unknown(name, names.iter().copied());
        Ok(found.ok_or_else(missing)?.spec.clone())
    }

    /// The user's, pinned; else the agent and its folder.
    fn name(&self, agent: &AgentSpec, workspace: &bottle_api::WorkspaceSpec) -> NamePlan {
        if let Some(name) = &self.sections.launch.name {
            return NamePlan {
                base: name.value.clone(),
                pinned: true,
            };
        }
        let folder = workspace
            .folder
            .file_name()
            .map(|name| name.to_string_lossy());
        let folder = folder.filter(|_| workspace.mode != bottle_api::WorkspaceMode::None);
        NamePlan {
            base: slug(&format!("{}-{}", agent.name, folder.unwrap_or_default())),
            pinned: false,
        }
    }

    fn limits(&self) -> Limits {
        let (set, default) = (&self.sections.limits, Limits::default());
        let or = |own: &Option<Located<Option<u64>>>, default| {
            own.as_ref().map_or(default, |own| own.value)
        };
        Limits {
            memory: or(&set.memory, default.memory),
            milli_cpus: or(&set.cpus, default.milli_cpus),
            pids: or(&set.pids, default.pids),
            nofile: or(&set.nofile, default.nofile),
        }
    }
}

/// The warning about an agent none of whose logins is there.
pub fn nothing_to_log_in_with(agent: &AgentSpec) -> Diagnostic {
    let sources = agent.login.iter().map(|login| login.source.to_string());
    let sources: Vec<String> = sources.collect();
    Diagnostic::warning(format!("`{}` has nothing to log in with", agent.name))
        .hint(format!("set {}", sources.join(" or ")))
}

/// The user's rules and the agent's own, each once.
fn rules(own: &[Located<AllowRule>], agent: &AgentSpec) -> Vec<AllowRule> {
    let mut all: Vec<AllowRule> = Vec::new();
    for rule in own.iter().map(|rule| &rule.value).chain(&agent.allow) {
        if !all.contains(rule) {
            all.push(rule.clone());
        }
    }
    all
}

fn hosts(list: &[Located<HostPattern>]) -> Vec<HostPattern> {
    let mut all: Vec<HostPattern> = list.iter().map(|host| host.value.clone()).collect();
    all.sort();
    all.dedup();
    all
}

fn plain<T: Clone>(map: &BTreeMap<String, Located<T>>) -> BTreeMap<String, T> {
    let entries = map.iter();
    entries
        .map(|(name, value)| (name.clone(), value.value.clone()))
        .collect()
}

/// The secrets of the configuration by name.
pub(super) fn own_secrets(config: &Config) -> impl Iterator<Item = &Located<SecretSpec>> {
    config.sections.secret.values()
}
