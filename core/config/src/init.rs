//! Files to begin with.

use std::{
    fs::{DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

/// A commented file for a user: what holds anyway, and what could be said.
pub const USER: &str = include_str!("init/user.toml");

/// A commented `bottle.toml` for a project.
pub const PROJECT: &str = include_str!("init/project.toml");

/// The agent the templates name.
const TEMPLATE_AGENT: &str = "\"claude\"";

/// [`USER`] or [`PROJECT`] with another agent.
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
