//! Agents in a repository's file, and the rules an agent brings along.

use bottle_api::{AgentSpec, AllowRule, EnvValue, ImageSource, TrafficClass};

use super::widen::{Found, Ground};
use crate::{
    section::{AgentTable, Sections},
    source::Located,
};

pub(super) fn agents(project: &Sections, ground: &Ground<'_>, found: &mut Found) {
    for (name, table) in &project.agent {
        if !ground.above.agent.contains_key(name) {
            agent(name, table, ground, found);
        }
    }
}

/// The rules of the agent without what the repository itself put into it.
pub(super) fn trusted_rules<'a>(
    name: &str,
    project: &Sections,
    ground: &Ground<'a>,
) -> Option<&'a Vec<AllowRule>> {
    let mut name = name.to_owned();
    for _ in 0..16 {
        match project
            .agent
            .get(&name)
            .and_then(|table| table.extends.as_ref())
        {
            Some(base) if base.value != name => name.clone_from(&base.value),
            _ => break,
        }
    }
    Some(&ground.agents.get(&name)?.spec.allow)
}

/// Whether everything that `new` lets through is let through by `old`, no less scanned.
pub(super) fn covers(old: &AllowRule, new: &AllowRule) -> bool {
    fn within<T: PartialEq>(old: &[T], new: &[T]) -> bool {
        old.is_empty() || (!new.is_empty() && new.iter().all(|one| old.contains(one)))
    }
    let depth = |class: TrafficClass| match class {
        TrafficClass::Inspect => 0,
        TrafficClass::Tunnel => 1,
        TrafficClass::Passthrough => 2,
    };
    // No ports are the usual ones, not all.
    let usual = |rule: &AllowRule| match rule.ports.as_slice() {
        [] => vec![80, 443],
        ports => ports.to_vec(),
    };
    old.host.covers(&new.host)
        && usual(new).iter().all(|port| usual(old).contains(port))
        && within(&old.methods, &new.methods)
        && within(&old.paths, &new.paths)
        && depth(new.class) <= depth(old.class)
}

fn agent(name: &str, table: &Located<AgentTable>, ground: &Ground<'_>, found: &mut Found) {
    let base = table
        .extends
        .as_ref()
        .map_or(name, |base| base.value.as_str());
    let base: Option<&AgentSpec> = ground.agents.get(base).map(|agent| &agent.spec);
    if ground.below.agent.contains_key(name) {
        found.add(
            format!("agent.{name}"),
            "replaces your own agent",
            &table.source,
        );
    }
    if let Some(image) = &table.image
        && !matches!(image.value.source, ImageSource::Pull { .. })
    {
        let why = "builds an image outside a bottle";
        found.add(format!("agent.{name}.image"), why, &image.source);
    }
    if let Some(command) = &table.command {
        found.add(
            format!("agent.{name}.command"),
            "runs a command of its own",
            &command.source,
        );
    }
    for (variable, value) in &table.env {
        if matches!(value.value, EnvValue::Secret(_)) {
            let why = "hands a value of this machine to the agent";
            found.add(format!("agent.{name}.env.{variable}"), why, &value.source);
        }
    }
    for file in &table.file {
        found.add(
            format!("agent.{name}.file"),
            "puts a file into the agent's home",
            &file.source,
        );
    }
    for (secret, spec) in &table.login {
        found.add(
            format!("agent.{name}.login.{secret}"),
            "uses a secret of yours",
            &spec.source,
        );
    }
    let own: Vec<&AllowRule> = base.into_iter().flat_map(|base| &base.allow).collect();
    let user = (ground.below.egress.allow.iter())
        .chain(&ground.above.egress.allow)
        .map(|rule| &rule.value);
    let granted: Vec<&AllowRule> = user.chain(own).collect();
    for rule in &table.allow {
        if !granted.iter().any(|old| covers(old, rule)) {
            let why = format!("lets the agent reach `{}`", rule.host);
            found.add(format!("agent.{name}.allow"), why, &rule.source);
        }
    }
}
