//! Every `BOTTLE_*` variable and the flag that says the same, in one table.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use bottle_api::{AllowRule, EnvValue, SecretRef};

use crate::{
    diagnostic::{Diagnostic, Sink},
    document::Document,
    flags::Flags,
    node::absolute,
    section::{Sections, image_from_word, mount_from_flag},
    source::{Layer, Located, Source},
    suggest,
    values::{Word, is_variable},
};

/// A `BOTTLE_*` variable. A flag of the same meaning wins over it, and it over every file.
#[derive(Clone, Copy)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// The flag that says the same.
    pub flag: &'static str,
    /// The key of a config file that says the same.
    pub key: &'static str,
    /// What it does.
    pub summary: &'static str,
    /// Its value is a list, separated by commas.
    pub list: bool,
    apply: Apply,
}

impl std::fmt::Debug for Variable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Variable")
            .field("name", &self.name)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

type Apply = fn(&mut Sections, Word<'_>, &Paths<'_>);

/// Where relative paths of variables and flags start.
#[derive(Clone, Copy)]
pub(crate) struct Paths<'a> {
    pub(crate) cwd: &'a Path,
    pub(crate) home: &'a Path,
}

const fn one(
    name: &'static str,
    flag: &'static str,
    key: &'static str,
    summary: &'static str,
    apply: Apply,
) -> Variable {
    Variable {
        name,
        flag,
        key,
        summary,
        list: false,
        apply,
    }
}

const fn many(
    name: &'static str,
    flag: &'static str,
    key: &'static str,
    summary: &'static str,
    apply: Apply,
) -> Variable {
    Variable {
        name,
        flag,
        key,
        summary,
        list: true,
        apply,
    }
}

/// Read by the loader itself, before anything else.
const NOTHING: Apply = |_, _, _| {};

/// Every variable that configures.
#[rustfmt::skip]
pub const VARIABLES: &[Variable] = &[
    one("BOTTLE_CONFIG", "--config", "", "a file to read instead of the nearest `bottle.toml`", NOTHING),
    many("BOTTLE_PROFILE", "--profile", "extends", "profiles to lay over the files", NOTHING),
    one("BOTTLE_AGENT", "AGENT", "launch.agent", "the agent", |to, word, _| to.launch.agent = Some(word.text.clone())),
    one("BOTTLE_NAME", "--name", "launch.name", "the bottle's name, pinned", |to, word, _| to.launch.name = word.slug()),
    one("BOTTLE_BACKEND", "--backend", "launch.backend", "the backend", |to, word, _| to.launch.backend = Some(word.text.clone())),
    one("BOTTLE_RUNTIME", "--runtime", "launch.runtime", "the OCI runtime: `auto` or a name", |to, word, _| to.launch.runtime = word.runtime()),
    one("BOTTLE_PROXY", "--proxy", "launch.proxies", "the chain, from the agent outward; `none` is no network", |to, word, _| to.launch.proxies = Some(word.names())),
    one("BOTTLE_PROVISIONERS", "--provisioner", "launch.provisioners", "the provisioners", |to, word, _| to.launch.provisioners = Some(word.names())),
    many("BOTTLE_REQUIRE", "--require", "launch.require", "guarantees without which nothing starts", |to, word, _| to.launch.require.extend(word.guarantee())),
    one("BOTTLE_IMAGE", "--image", "agent.NAME.image", "the agent's image", |to, word, _| to.image = image_from_word(word)),
    many("BOTTLE_ALLOW", "--allow", "egress.allow", "further hosts to allow", |to, word, _| to.egress.allow.extend(word.host().map(|host| host.map(AllowRule::host)))),
    many("BOTTLE_DENY", "--deny", "egress.deny", "further hosts to refuse", |to, word, _| to.egress.deny.extend(word.host())),
    one("BOTTLE_DLP", "--dlp", "egress.dlp", "what happens to secret-shaped text: `block`, `warn`, `off`", |to, word, _| to.egress.dlp = word.dlp()),
    one("BOTTLE_WORKSPACE", "--workspace", "workspace.path", "the working folder", |to, word, paths| {
        let path = absolute(word.text, paths.cwd, paths.home);
        to.workspace.path = Some(Located::new(path, word.text.source.clone()));
    }),
    one("BOTTLE_WORKSPACE_MODE", "--workspace-mode", "workspace.mode", "how it gets in: `bind`, `copy`, `clone`, `worktree`, `none`", |to, word, _| to.workspace.mode = word.mode()),
    one("BOTTLE_MEMORY", "--memory", "limits.memory", "memory of the agent: `4GiB`, `unlimited`", |to, word, _| to.limits.memory = word.size(crate::section::LEAST_MEMORY)),
    one("BOTTLE_CPUS", "--cpus", "limits.cpus", "processors of the agent: `1.5`, `unlimited`", |to, word, _| to.limits.cpus = word.cpus()),
    one("BOTTLE_PIDS", "--pids", "limits.pids", "processes and threads of the agent", |to, word, _| to.limits.pids = word.count("processes", crate::section::FEWEST_PIDS)),
];

fn variable(flag: &str) -> Option<&'static Variable> {
    VARIABLES.iter().find(|variable| variable.flag == flag)
}

/// The words of a text `LABEL<separator>VALUE`, each at its place.
pub(crate) fn words(
    layer: Layer,
    label: &str,
    separator: &str,
    value: &str,
    list: bool,
    cwd: &Path,
) -> Vec<Located<String>> {
    let text = format!("{label}{separator}{value}");
    let document = Arc::new(Document::words(layer, label, cwd, text));
    let mut start = label.len() + separator.len();
    let mut found = Vec::new();
    for part in if list {
        value.split(',').collect()
    } else {
        vec![value]
    } {
        let trimmed = part.trim();
        let from = start + part.len() - part.trim_start().len();
        if !(list && trimmed.is_empty()) {
            let source = Source::text(&document, from..from + trimmed.len());
            found.push(Located::new(trimmed.to_owned(), source));
        }
        start += part.len() + 1;
    }
    found
}

/// What the environment says.
pub(crate) fn from_env(
    env: &BTreeMap<String, String>,
    others: &[String],
    paths: Paths<'_>,
    sink: &Sink,
) -> Sections {
    let mut sections = Sections::default();
    for (name, value) in env.iter().filter(|(name, _)| name.starts_with("BOTTLE_")) {
        match VARIABLES.iter().find(|variable| variable.name == name) {
            Some(variable) => {
                let layer = Layer::Environment;
                for word in words(layer, name, "=", value, variable.list, paths.cwd) {
                    (variable.apply)(&mut sections, Word::new(&word, sink), &paths);
                }
            }
            None if others.contains(name) => {}
            None => sink_unknown(name, paths.cwd, sink),
        }
    }
    sections
}

/// A variable that was surely meant for us is an error; others in our name (of tests, of the
/// set-up script, inside a bottle) are none of our business.
fn sink_unknown(name: &str, cwd: &Path, sink: &Sink) {
    let short = name.trim_start_matches("BOTTLE_");
    let shorts = VARIABLES
        .iter()
        .map(|one| one.name.trim_start_matches("BOTTLE_"));
    let hint = if let Some(near) = suggest::nearest(short, shorts) {
        format!("did you mean `BOTTLE_{near}`?")
    } else if crate::schema::is_key(&short.to_lowercase()) {
        "there is no variable for this; write it into a file".to_owned()
    } else {
        return;
    };
    let document = Document::words(Layer::Environment, name, cwd, name.to_owned());
    let source = Source::text(&Arc::new(document), 0..name.len());
    sink.push(
        Diagnostic::error(format!("unknown variable `{name}`"))
            .at(&source, "unknown variable")
            .hint(hint),
    );
}

/// What the flags say.
pub(crate) fn from_flags(flags: &Flags, paths: Paths<'_>, sink: &Sink) -> Sections {
    let mut sections = Sections::default();
    let workspace = flags
        .workspace
        .as_ref()
        .map(|path| path.to_string_lossy().into_owned());
    let singles = [
        ("AGENT", &flags.agent),
        ("--name", &flags.name),
        ("--image", &flags.image),
        ("--backend", &flags.backend),
        ("--runtime", &flags.runtime),
        ("--proxy", &flags.proxies),
        ("--provisioner", &flags.provisioners),
        ("--dlp", &flags.dlp),
        ("--workspace", &workspace),
        ("--workspace-mode", &flags.workspace_mode),
        ("--memory", &flags.memory),
        ("--cpus", &flags.cpus),
        ("--pids", &flags.pids),
    ];
    let lists = [
        ("--require", &flags.require),
        ("--allow", &flags.allow),
        ("--deny", &flags.deny),
    ];
    let singles = singles
        .into_iter()
        .filter_map(|(flag, value)| Some((flag, value.as_ref()?)));
    let lists = lists
        .into_iter()
        .flat_map(|(flag, all)| all.iter().map(move |one| (flag, one)));
    for (flag, value) in singles.chain(lists) {
        let Some(variable) = variable(flag) else {
            continue;
        };
        for word in words(
            Layer::CommandLine,
            flag,
            " ",
            value,
            variable.list,
            paths.cwd,
        ) {
            (variable.apply)(&mut sections, Word::new(&word, sink), &paths);
        }
    }
    for value in &flags.mounts {
        for word in words(Layer::CommandLine, "--mount", " ", value, false, paths.cwd) {
            let word = Word::new(&word, sink);
            sections
                .mount
                .extend(mount_from_flag(word, paths.cwd, paths.home));
        }
    }
    for value in &flags.env {
        environment(&mut sections, value, paths, sink);
    }
    sections
}

/// `--env`. Its value is never part of a text that could be shown.
fn environment(sections: &mut Sections, flag: &str, paths: Paths<'_>, sink: &Sink) {
    let (name, value) = match flag.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (flag, None),
    };
    let good = is_variable(name);
    let shown = match (good, value) {
        (true, Some(_)) => format!("{name}=..."),
        (true, None) => name.to_owned(),
        (false, _) => "...".to_owned(),
    };
    for word in words(Layer::CommandLine, "--env", " ", &shown, false, paths.cwd) {
        if !good {
            sink.push(
                Diagnostic::error("`--env` needs the name of a variable")
                    .at(&word.source, "not a name")
                    .hint("write `NAME=VALUE`, or `NAME` to hand on your own value as a secret"),
            );
            continue;
        }
        if value.is_some_and(|value| value.contains('\0')) {
            sink.push(
                Diagnostic::error(format!("the value of `{name}` holds a NUL character"))
                    .at(&word.source, "holds a NUL")
                    .hint("take it out: no variable can hold it"),
            );
            continue;
        }
        let value = match value {
            Some(value) => EnvValue::Literal(value.to_owned()),
            None => EnvValue::Secret(SecretRef::FromEnv(name.to_owned())),
        };
        sections
            .env
            .insert(name.to_owned(), Located::new(value, word.source));
    }
}

/// The names of the variables that are set to something.
pub(crate) fn set_names(env: &BTreeMap<String, String>) -> BTreeSet<String> {
    let set = env.iter().filter(|(_, value)| !value.is_empty());
    set.map(|(name, _)| name.clone()).collect()
}
