//! The agents there are: presets, and `[agent.NAME]` laid over what it extends.

use std::collections::BTreeMap;

use bottle_api::AgentSpec;

use crate::{
    diagnostic::{Diagnostic, Sink},
    section::AgentTable,
    source::{Located, Source},
    suggest,
};

/// An agent and where it was described.
#[derive(Clone, Debug)]
pub(crate) struct Agent {
    pub(crate) spec: AgentSpec,
    pub(crate) source: Source,
}

type Tables = BTreeMap<String, Located<AgentTable>>;

/// Every agent, by name.
pub(crate) fn resolve(
    presets: &[AgentSpec],
    tables: &Tables,
    sink: &Sink,
) -> BTreeMap<String, Agent> {
    let mut agents: BTreeMap<String, Agent> = presets
        .iter()
        .map(|preset| {
            let agent = Agent {
                spec: preset.clone(),
                source: Source::preset(&preset.name),
            };
            (preset.name.clone(), agent)
        })
        .collect();
    let complete = sink.is_empty();
    let resolver = Resolver {
        presets,
        tables,
        sink,
        complete,
    };
    for (name, table) in tables {
        if let Some(spec) = resolver.agent(name, table, &mut vec![]) {
            let source = table.source.clone();
            agents.insert(name.clone(), Agent { spec, source });
        }
    }
    agents
}

struct Resolver<'a> {
    presets: &'a [AgentSpec],
    tables: &'a Tables,
    sink: &'a Sink,
    /// Everything could be read, so that what is missing was not written.
    complete: bool,
}

impl<'a> Resolver<'a> {
    fn agent(
        &self,
        name: &'a str,
        table: &'a Located<AgentTable>,
        chain: &mut Vec<&'a str>,
    ) -> Option<AgentSpec> {
        chain.push(name);
        let base = match &table.extends {
            None => self.preset(name).cloned().unwrap_or_else(|| empty(name)),
            Some(base) => self.base(name, base, chain)?,
        };
        chain.pop();
        let spec = laid_over(table, base, name);
        // Only what the table itself leaves open: its base was judged on its own.
        self.complete(&spec, table).then_some(spec)
    }

    fn base(
        &self,
        name: &str,
        wanted: &'a Located<String>,
        chain: &mut Vec<&'a str>,
    ) -> Option<AgentSpec> {
        let preset = self.preset(wanted);
        // `[agent.claude]` with `extends = "claude"` means the preset.
        if wanted.value == name && preset.is_some() {
            return preset.cloned();
        }
        if let Some(start) = chain.iter().position(|name| *name == wanted.value) {
            // Every agent on the circle comes here; one of them tells.
            if chain.iter().skip(start).min() != chain.first() {
                return None;
            }
            let names: Vec<&str> = chain.iter().copied().chain([wanted.as_str()]).collect();
            self.sink.push(
                Diagnostic::error(format!(
                    "agent `{}` extends itself: {}",
                    wanted.value,
                    names.join(" -> ")
                ))
                .at(&wanted.source, "closes the circle")
                .hint("let one of them extend a preset, or nothing"),
            );
            return None;
        }
        if let Some((name, table)) = self.tables.get_key_value(&wanted.value) {
            return self.agent(name, table, chain);
        }
        if preset.is_none() {
            self.sink.push(unknown(wanted, self.names()));
        }
        preset.cloned()
    }

    fn complete(&self, spec: &AgentSpec, table: &Located<AgentTable>) -> bool {
        let image = !spec.image.config_key.is_empty();
        let command = !spec.command.is_empty();
        if (image && command) || !self.complete {
            return image && command;
        }
        let missing = if image { "command" } else { "image" };
        let presets: Vec<&str> = self.presets.iter().map(|one| one.name.as_str()).collect();
        self.sink.push(
            Diagnostic::error(format!("agent `{}` has no {missing}", spec.name))
                .at(&table.source, format!("no `{missing}` here"))
                .hint(format!(
                    "write `{missing} = ...`, or begin with a preset: `extends = \"NAME\"` ({})",
                    suggest::ticked(&presets)
                )),
        );
        false
    }

    fn preset(&self, name: &str) -> Option<&'a AgentSpec> {
        self.presets.iter().find(|preset| preset.name == name)
    }
    fn names(&self) -> impl Iterator<Item = &'a str> {
        let presets = self.presets.iter().map(|preset| preset.name.as_str());
        presets.chain(self.tables.keys().map(String::as_str))
    }
}

/// Nobody knows this agent.
pub(crate) fn unknown<'a>(
    name: &Located<String>,
    known: impl IntoIterator<Item = &'a str>,
) -> Diagnostic {
    Diagnostic::error(format!("unknown agent `{}`", name.value))
        .at(&name.source, "no such agent")
        .hint(suggest::hint(name, known, "known agents"))
}

fn empty(name: &str) -> AgentSpec {
    AgentSpec {
        name: name.to_owned(),
        summary: String::new(),
        // The empty key marks an image that was never said.
        image: bottle_api::ImagePlan::pull("", ""),
        command: vec![],
        replace_command: false,
        env: BTreeMap::new(),
        files: vec![],
        allow: vec![],
        login: vec![],
        prompt: None,
        skills_dir: None,
    }
}

fn laid_over(table: &AgentTable, mut spec: AgentSpec, name: &str) -> AgentSpec {
    if spec.name != name {
        spec.summary = format!("{} of the configuration, from `{}`", name, spec.name);
        name.clone_into(&mut spec.name);
    } else if spec.summary.is_empty() {
        "agent of the configuration".clone_into(&mut spec.summary);
    }
    if let Some(summary) = &table.summary {
        spec.summary.clone_from(summary);
    }
    match &table.image {
        Some(image) => spec.image = image.value.clone(),
        None if spec.image.config_key.is_empty() => {}
        None => spec.image.config_key = format!("agent.{name}.image"),
    }
    if let Some(command) = &table.command {
        spec.command.clone_from(command);
    }
    if let Some(replace) = &table.replace_command {
        spec.replace_command = replace.value;
    }
    for (variable, value) in &table.env {
        spec.env.insert(variable.clone(), value.value.clone());
    }
    for file in &table.file {
        spec.files.retain(|old| old.path != file.path);
        spec.files.push(file.value.clone());
    }
    for rule in &table.allow {
        if !spec.allow.contains(rule) {
            spec.allow.push(rule.value.clone());
        }
    }
    for login in table.login.values() {
        spec.login.retain(|old| old.name != login.name);
        spec.login.push(login.value.clone());
    }
    if let Some(prompt) = &table.prompt {
        spec.prompt = Some(prompt.value.clone());
    }
    if let Some(folder) = &table.skills_dir {
        spec.skills_dir = Some(folder.value.clone());
    }
    spec
}
