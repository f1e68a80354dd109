//! Files to begin with.

use std::{
    fs::{DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use bottle_api::Registry;

use crate::defaults::PROXIES;

/// [`user`] before its plugins are known.
const USER: &str = include_str!("init/user.toml");
/// Where the remarks behind its lines begin.
const REMARKS: usize = 40;

/// A commented `bottle.toml` for a project.
pub const PROJECT: &str = include_str!("init/project.toml");

/// The agent the templates name.
const TEMPLATE_AGENT: &str = "\"claude\"";

/// A commented file for a user: what holds anyway, and what could be said of these plugins.
pub fn user(registry: &Registry) -> String {
    let chain = PROXIES.iter().copied();
    let mut chain: Vec<&str> = chain.filter(|name| registry.proxy(name).is_ok()).collect();
    if chain.is_empty() {
        chain.extend(registry.proxies().map(|one| one.name).take(1));
    }
    let backends = registry
        .backends()
        .map(|one| ("backend", one.name, one.summary));
    let proxies = registry
        .proxies()
        .map(|one| ("proxy", one.name, one.summary));
    let tables = backends
        .chain(proxies)
        .map(|(kind, name, summary)| remarked(&format!("# [{kind}.{name}]"), summary))
        .collect::<Vec<_>>()
        .join("\n");
    let setting = |key: &str, value: toml::Value, remark: &str| {
        remarked(&format!("# {key} = {value}"), remark)
    };
    let backend = registry.backends().next().map(|one| one.name.into());
    let lines = USER.lines().filter_map(|line| match line {
        "{backend}" => Some(setting(
            "backend",
            backend.clone()?,
            "without it, the first that answers",
        )),
        "{proxies}" => Some(setting(
            "proxies",
            chain.clone().into(),
            "from the agent outward; [] is a bottle without network",
        )),
        "{tables}" => Some(tables.clone()),
        line => Some(line.to_owned()),
    });
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

/// A line with its remark where the others have theirs.
fn remarked(text: &str, remark: &str) -> String {
    format!(
        "{text:<width$}# {remark}",
        width = REMARKS.max(text.len() + 1)
    )
}

/// [`user`] or [`PROJECT`] with another agent.
pub fn with_agent(template: &str, agent: &str) -> String {
    template.replace(
        TEMPLATE_AGENT,
        &toml::Value::String(agent.to_owned()).to_string(),
    )
}

/// Writes a file that is not there yet, and the folders above it. The user's own folders are
/// for the user's eyes only.
pub fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o644)
        .open(path)?;
    file.write_all(text.as_bytes())
}
