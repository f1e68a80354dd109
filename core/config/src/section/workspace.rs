//! `[workspace]`: the working folder.

use std::path::PathBuf;

use bottle_api::WorkspaceMode;
use schemars::JsonSchema;

use super::{Overlay, secret::inside_path};
use crate::{node::Node, source::Located, values::Word};

/// The working folder.
#[derive(Clone, Debug, Default, JsonSchema)]
#[schemars(deny_unknown_fields, default)]
pub(crate) struct Workspace {
    /// How it gets in.
    pub(crate) mode: Option<Located<WorkspaceMode>>,
    /// The folder; relative to this file. Without it, the folder of `bottle.toml`, else the
    /// current one.
    #[schemars(with = "Option<String>")]
    pub(crate) path: Option<Located<PathBuf>>,
    /// Where it is inside: `/workspace`.
    pub(crate) target: Option<Located<String>>,
    /// Whether a copy holds `.git`.
    pub(crate) include_git: Option<Located<bool>>,
    /// What a copy leaves out, in the syntax of `.gitignore`.
    #[schemars(with = "Option<Vec<String>>")]
    pub(crate) exclude: Option<Located<Vec<String>>>,
    /// The branch of a clone or worktree. Without it, it is named after the bottle.
    pub(crate) branch: Option<Located<String>>,
}

impl Workspace {
    pub(crate) fn read(node: &Node<'_>) -> Self {
        let sink = node.reading.sink;
        node.fields(|table| Self {
            mode: table
                .text("mode")
                .and_then(|text| Word::new(&text, sink).mode()),
            path: table
                .get("path")
                .and_then(|node| Some(Located::new(node.path()?, node.source()))),
            target: table
                .get("target")
                .and_then(|node| Some(Located::new(inside_path(&node, false)?, node.source()))),
            include_git: table.boolean("include_git"),
            exclude: table.get("exclude").map(|node| {
                let texts = node.texts().into_iter().map(|text| text.value);
                Located::new(texts.collect(), node.source())
            }),
            branch: table.get("branch").and_then(|node| branch(&node)),
        })
        .unwrap_or_default()
    }
}

impl Overlay for Workspace {
    fn over(self, lower: Self) -> Self {
        Self {
            mode: self.mode.over(lower.mode),
            path: self.path.over(lower.path),
            target: self.target.over(lower.target),
            include_git: self.include_git.over(lower.include_git),
            exclude: self.exclude.over(lower.exclude),
            branch: self.branch.over(lower.branch),
        }
    }
}

/// git's own rules for a branch, the common ones. A name that begins with `-` would be an
/// option of the command that makes it.
fn branch(node: &Node<'_>) -> Option<Located<String>> {
    let text = node.text()?;
    let bad_byte = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
    let bad_part = |part: &str| {
        part.is_empty()
            || part.starts_with('.')
            || part.ends_with('.')
            || part.strip_suffix(".lock").is_some()
    };
    let bad = text.starts_with('-')
        || text.contains("..")
        || text.contains("@{")
        || text == "@"
        || text.chars().any(bad_byte)
        || text.split('/').any(bad_part);
    if bad {
        node.wrong(
            format!("`{text}` is not the name of a branch"),
            "not a branch",
            "write a name such as `agents/fix-tests`",
        );
        return None;
    }
    Some(Located::new(text.to_owned(), node.source()))
}
