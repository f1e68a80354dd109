//! What only the whole can tell: names that must exist, tables that must be right.

use bottle_api::Registry;

use crate::{
    agents,
    config::Config,
    diagnostic::Sink,
    flags::PluginKind,
    plugins,
    source::{Layer, Located, Source},
};

const KINDS: [PluginKind; 3] = [
    PluginKind::Backend,
    PluginKind::Proxy,
    PluginKind::Provisioner,
];

/// Every name that somebody wrote. Defaults are judged when they are used: a binary without
/// the default chain can still be told another.
pub(crate) fn names(config: &Config, registry: &Registry, sink: &Sink) {
    let launch = &config.sections.launch;
    if let Some(agent) = &launch.agent
        && !config.agents.contains_key(&agent.value)
        && !config.has_table_of_agent(agent)
    {
        let known = config.agents.keys().map(String::as_str);
        sink.push(agents::unknown(agent, known));
    }
    let list = |names: &Option<Located<Vec<Located<String>>>>| -> Vec<Located<String>> {
        names
            .as_ref()
            .map(|names| names.value.clone())
            .unwrap_or_default()
    };
    let written = [
        (
            PluginKind::Backend,
            launch.backend.iter().cloned().collect(),
        ),
        (PluginKind::Proxy, list(&launch.proxies)),
        (PluginKind::Provisioner, list(&launch.provisioners)),
    ];
    for (kind, names) in written {
        for name in &names {
            if name.source.layer() != Layer::Default {
                known(kind, name, &name.source, registry, sink);
            }
        }
    }
    for kind in KINDS {
        for (name, source) in config.tables(kind).iter() {
            known(kind, name, source, registry, sink);
        }
    }
}

fn known(kind: PluginKind, name: &str, at: &Source, registry: &Registry, sink: &Sink) {
    if !plugins::names(kind, registry).contains(&name) {
        sink.push(plugins::unknown(kind, name, at, registry));
    }
}

/// Every table of a plugin this binary has, used by this launch or not: a mistake in one must
/// not wait for the day it is needed.
pub(crate) fn tables(config: &Config, registry: &Registry, sink: &Sink) {
    for kind in KINDS {
        let written = config.tables(kind).iter().map(|(name, _)| name.to_owned());
        let flags = config.origin.flags.iter().filter(|flag| flag.kind == kind);
        let mut names: Vec<String> = written
            .chain(flags.map(|flag| flag.plugin.clone()))
            .collect();
        names.sort();
        names.dedup();
        for name in names {
            let job = config.job(kind, &name);
            let errors = match kind {
                PluginKind::Backend => registry.backend(&name).ok().map(|r| job.build(r).err()),
                PluginKind::Proxy => registry.proxy(&name).ok().map(|r| job.build(r).err()),
                PluginKind::Provisioner => {
                    registry.provisioner(&name).ok().map(|r| job.build(r).err())
                }
            };
            for error in errors.flatten().into_iter().flatten() {
                sink.push(error);
            }
        }
    }
}
