//! What a repository's file asks for beyond what its user has granted.

use std::{collections::BTreeMap, path::Path};

use bottle_api::{AllowRule, DlpMode, EnvValue, Mount, Registry, RuntimeChoice, WorkspaceMode};
use serde::Serialize;

use super::{
    widen_agents::{self, covers, trusted_rules},
    widen_plugins,
};
use crate::{
    agents::Agent,
    section::Sections,
    source::{Located, Source},
};

/// One thing that needs trust.
#[derive(Clone, Debug, Serialize)]
pub struct Widening {
    /// The key: `secret.GH_TOKEN`.
    pub key: String,
    /// What it would widen.
    pub why: String,
    /// Where it stands.
    #[serde(serialize_with = "as_text")]
    pub source: Source,
}

fn as_text<S: serde::Serializer>(source: &Source, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(source)
}

/// What a repository's file is measured against.
pub(crate) struct Ground<'a> {
    /// Defaults and the user's file: what the repository's file lies over.
    pub(crate) below: &'a Sections,
    /// Profiles, variables and flags: what is said there is the user's word, whatever a
    /// repository says.
    pub(crate) above: &'a Sections,
    /// The agent that will run, as far as known.
    pub(crate) agent: Option<&'a str>,
    /// The agents without those of the repository's file.
    pub(crate) agents: &'a BTreeMap<String, Agent>,
    pub(crate) registry: &'a Registry,
    /// The repository's folder.
    pub(crate) folder: &'a Path,
}

/// Collects.
pub(super) struct Found(Vec<Widening>);

impl Found {
    pub(super) fn add(&mut self, key: impl Into<String>, why: impl Into<String>, at: &Source) {
        self.0.push(Widening {
            key: key.into(),
            why: why.into(),
            source: at.clone(),
        });
    }
}

/// Everything in `project` that needs trust, in no particular order.
pub(crate) fn widenings(project: &Sections, ground: &Ground<'_>) -> Vec<Widening> {
    let mut found = Found(vec![]);
    launch(project, ground, &mut found);
    egress(project, ground, &mut found);
    workspace(project, ground, &mut found);
    limits(project, ground, &mut found);
    granted(project, ground, &mut found);
    widen_agents::agents(project, ground, &mut found);
    widen_plugins::tables(project, ground, &mut found);
    found.0
}

fn launch(project: &Sections, ground: &Ground<'_>, found: &mut Found) {
    let (below, above) = (&ground.below.launch, &ground.above.launch);
    if let Some(backend) = project
        .launch
        .backend
        .as_ref()
        .filter(|_| above.backend.is_none())
    {
        let same = below
            .backend
            .as_ref()
            .is_some_and(|old| old.value == backend.value);
        let only = below.backend.is_none() && ground.registry.backends().count() == 1;
        if !same && !only {
            found.add("launch.backend", "chooses another engine", &backend.source);
        }
    }
    if let (Some(new), Some(old), None) = (&project.launch.runtime, &below.runtime, &above.runtime)
    {
        let strong = RuntimeChoice::Named(crate::defaults::STRONG_RUNTIME.to_owned());
        let stronger = old.value == RuntimeChoice::Auto && new.value == strong;
        if new.value != old.value && !stronger {
            found.add("launch.runtime", "may isolate less", &new.source);
        }
    }
    if let (Some(new), Some(old), None) = (&project.launch.proxies, &below.proxies, &above.proxies)
    {
        let mut wanted = old.iter().map(|name| &name.value).peekable();
        for hop in &new.value {
            wanted.next_if(|name| **name == hop.value);
        }
        if !new.is_empty() && wanted.peek().is_some() {
            found.add("launch.proxies", "leaves a proxy out", &new.source);
        }
    }
    if let (Some(new), None) = (&project.launch.provisioners, &above.provisioners) {
        let names = |list: &[Located<String>]| -> Vec<String> {
            list.iter().map(|name| name.value.clone()).collect()
        };
        let same = |old: &Located<Vec<Located<String>>>| names(old) == names(new);
        if !below.provisioners.as_ref().is_some_and(same) {
            found.add(
                "launch.provisioners",
                "changes what prepares the agent",
                &new.source,
            );
        }
    }
}

fn egress(project: &Sections, ground: &Ground<'_>, found: &mut Found) {
    let own = ground
        .agent
        .and_then(|name| trusted_rules(name, project, ground));
    let granted: Vec<&AllowRule> = (ground.below.egress.allow.iter())
        .chain(&ground.above.egress.allow)
        .map(|rule| &rule.value)
        .chain(own.into_iter().flatten())
        .collect();
    for rule in &project.egress.allow {
        if !granted.iter().any(|old| covers(old, rule)) {
            let why = format!("lets the agent reach `{}`", rule.host);
            found.add("egress.allow", why, &rule.source);
        }
    }
    let weight = |mode: &DlpMode| match mode {
        DlpMode::Block => 0,
        DlpMode::Warn => 1,
        DlpMode::Off => 2,
    };
    if let (Some(new), None) = (&project.egress.dlp, &ground.above.egress.dlp) {
        let old = ground
            .below
            .egress
            .dlp
            .as_ref()
            .map_or(0, |old| weight(&old.value));
        if weight(&new.value) > old {
            found.add("egress.dlp", "lets secret-shaped text out", &new.source);
        }
    }
    for (name, address) in &project.egress.hosts {
        let below = ground.below.egress.hosts.get(name);
        let said = ground.above.egress.hosts.contains_key(name);
        if !said && below.is_none_or(|old| old.value != address.value) {
            found.add(
                format!("egress.hosts.{name}"),
                "sends a name to an address of its own",
                &address.source,
            );
        }
    }
    for host in &project.egress.trusted_private {
        let mut granted = (ground.below.egress.trusted_private.iter())
            .chain(&ground.above.egress.trusted_private);
        if !granted.any(|old| old.covers(host)) {
            let why = format!("lets `{}` be a private address", host.value);
            found.add("egress.trusted_private", why, &host.source);
        }
    }
}

fn workspace(project: &Sections, ground: &Ground<'_>, found: &mut Found) {
    let (new, below, above) = (
        &project.workspace,
        &ground.below.workspace,
        &ground.above.workspace,
    );
    let reach = |mode: WorkspaceMode| match mode {
        WorkspaceMode::None => 0,
        WorkspaceMode::Copy => 1,
        WorkspaceMode::Clone => 2,
        WorkspaceMode::Worktree => 3,
        WorkspaceMode::Bind => 4,
    };
    if let (Some(new), None) = (&new.mode, &above.mode) {
        let old = below.mode.as_ref().map_or(4, |old| reach(old.value));
        if reach(new.value) > old {
            found.add("workspace.mode", "lets the agent write more", &new.source);
        }
    }
    if let (Some(new), None) = (&new.path, &above.path)
        && !widen_plugins::inside(&new.value, ground.folder)
    {
        found.add("workspace.path", "is outside the repository", &new.source);
    }
    if let (Some(new), None) = (&new.include_git, &above.include_git) {
        let old = below.include_git.as_ref().is_none_or(|old| old.value);
        if new.value && !old {
            found.add(
                "workspace.include_git",
                "hands `.git` to the agent",
                &new.source,
            );
        }
    }
    if let (Some(new), Some(old), None) = (&new.exclude, &below.exclude, &above.exclude)
        && !old.iter().all(|pattern| new.contains(pattern))
    {
        found.add("workspace.exclude", "takes an exclusion away", &new.source);
    }
}

fn limits(project: &Sections, ground: &Ground<'_>, found: &mut Found) {
    let defaults = bottle_api::Limits::default();
    let (new, below, above) = (&project.limits, &ground.below.limits, &ground.above.limits);
    let rows = [
        (
            "limits.memory",
            &new.memory,
            &below.memory,
            &above.memory,
            defaults.memory,
        ),
        (
            "limits.cpus",
            &new.cpus,
            &below.cpus,
            &above.cpus,
            defaults.milli_cpus,
        ),
        (
            "limits.pids",
            &new.pids,
            &below.pids,
            &above.pids,
            defaults.pids,
        ),
        (
            "limits.nofile",
            &new.nofile,
            &below.nofile,
            &above.nofile,
            defaults.nofile,
        ),
    ];
    for (key, new, below, above, default) in rows {
        let (Some(new), None) = (new, above) else {
            continue;
        };
        let old = below.as_ref().map_or(default, |old| old.value);
        let more = match (new.value, old) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(new), Some(old)) => new > old,
        };
        if more {
            found.add(key, "takes more of this machine", &new.source);
        }
    }
}

/// Secrets, variables of the host, mounts, the pool.
fn granted(project: &Sections, ground: &Ground<'_>, found: &mut Found) {
    let (below, above) = (ground.below, ground.above);
    for (name, secret) in &project.secret {
        let same = below
            .secret
            .get(name)
            .is_some_and(|old| old.value == secret.value);
        if !same && !above.secret.contains_key(name) {
            found.add(
                format!("secret.{name}"),
                "uses a secret of yours",
                &secret.source,
            );
        }
    }
    for (name, value) in &project.env {
        let same = below
            .env
            .get(name)
            .is_some_and(|old| old.value == value.value);
        let host = matches!(value.value, EnvValue::Secret(_));
        if host && !same && !above.env.contains_key(name) {
            let why = "hands a value of this machine to the agent";
            found.add(format!("env.{name}"), why, &value.source);
        }
    }
    for mount in &project.mount {
        let mut old = below.mount.iter().chain(&above.mount);
        if !old.any(|old| old.value == mount.value) {
            let why = match &mount.value {
                Mount::Bind { source, .. } => format!("mounts `{}`", source.display()),
                Mount::Volume { .. } | Mount::Tmpfs { .. } => "mounts something".to_owned(),
            };
            found.add("mount", why, &mount.source);
        }
    }
    if let (Some(pool), None) = (&project.network.pool, &above.network.pool)
        && below
            .network
            .pool
            .as_ref()
            .is_none_or(|old| old.value != pool.value)
    {
        found.add(
            "network.pool",
            "chooses addresses on this machine",
            &pool.source,
        );
    }
}
