//! `[agent.NAME]`: an agent of one's own, or a preset changed.

use std::collections::BTreeMap;

use bottle_api::{AllowRule, Content, FilePlan, ImagePlan, PromptTarget};

use super::{
    egress,
    env::{self, EnvTable},
    image,
    secret::{self, SecretTable, inside_path},
};
use crate::{diagnostic::Diagnostic, node::Node, source::Located};

/// An agent as one file describes it. Comes whole from the highest layer that has it.
#[derive(Clone, Debug, Default)]
pub(crate) struct AgentTable {
    pub(crate) extends: Option<Located<String>>,
    pub(crate) summary: Option<Located<String>>,
    pub(crate) image: Option<Located<ImagePlan>>,
    pub(crate) command: Option<Located<Vec<String>>>,
    pub(crate) replace_command: Option<Located<bool>>,
    pub(crate) env: EnvTable,
    pub(crate) file: Vec<Located<FilePlan>>,
    pub(crate) allow: Vec<Located<AllowRule>>,
    pub(crate) login: SecretTable,
    pub(crate) prompt: Option<Located<PromptTarget>>,
    pub(crate) skills_dir: Option<Located<String>>,
}

/// Reads `[agent]`.
pub(crate) fn read(node: &Node<'_>) -> BTreeMap<String, Located<AgentTable>> {
    let mut found = BTreeMap::new();
    for entry in node.entries() {
        let name = &entry.name.value;
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || name.starts_with('-') || !name.chars().all(good) {
            entry.report(
                Diagnostic::error(format!("`{name}` cannot be the name of an agent"))
                    .at(&entry.name.source, "not a name")
                    .hint("use lower-case letters, digits and hyphens"),
            );
        } else if let Some(agent) = one(&entry) {
            found.insert(name.clone(), Located::new(agent, entry.name.source.clone()));
        }
    }
    found
}

fn one(node: &Node<'_>) -> Option<AgentTable> {
    node.fields(|table| AgentTable {
        extends: table.text("extends"),
        summary: table.text("summary"),
        image: table
            .get("image")
            .and_then(|image| image::read(&image, &node.name)),
        command: table.get("command").and_then(|node| command(&node)),
        replace_command: table.boolean("replace_command"),
        env: table.read("env", env::read),
        file: table.read("file", files),
        allow: table.read("allow", egress::rules),
        login: table.read("login", secret::read),
        prompt: table.get("prompt").and_then(|node| prompt(&node)),
        skills_dir: table
            .get("skills_dir")
            .and_then(|node| Some(Located::new(inside_path(&node, true)?, node.source()))),
    })
}

fn command(node: &Node<'_>) -> Option<Located<Vec<String>>> {
    let argv: Vec<String> = node.texts().into_iter().map(|text| text.value).collect();
    if !node.is_array() {
        return None;
    }
    if argv.first().is_none_or(String::is_empty) {
        node.wrong(
            format!("`{}` names no program", node.key),
            "no program",
            "write `[\"PROGRAM\", \"ARGUMENT\"]`; there is no shell",
        );
        return None;
    }
    Some(Located::new(argv, node.source()))
}

fn prompt(node: &Node<'_>) -> Option<Located<PromptTarget>> {
    let target = node.fields(|table| match (table.get("file"), table.get("args")) {
        (Some(file), None) => Some(PromptTarget::File(inside_path(&file, true)?)),
        (None, Some(args)) => {
            let args: Vec<String> = args.texts().into_iter().map(|text| text.value).collect();
            if !args.iter().any(|arg| arg.contains("{}")) {
                node.wrong(
                    format!("`{}.args` must hold `{{}}`", node.key),
                    "where does the instruction go?",
                    "`{}` stands for the path of the text",
                );
            }
            Some(PromptTarget::Args(args))
        }
        _ => {
            node.wrong(
                format!("`{}` needs `file` or `args`", node.key),
                "one of them",
                "write `{ file = \"~/AGENTS.md\" }` or `{ args = [\"--instructions\", \"{}\"] }`",
            );
            None
        }
    })??;
    Some(Located::new(target, node.source()))
}

fn files(node: &Node<'_>) -> Vec<Located<FilePlan>> {
    node.items().iter().filter_map(file).collect()
}

fn file(node: &Node<'_>) -> Option<Located<FilePlan>> {
    node.fields(|table| {
        let path = table.get("path");
        let mode = table.get("mode");
        let content = match (table.get("text"), table.get("source")) {
            (Some(text), None) => text.text().map(|text| Content::Text(text.to_owned())),
            (None, Some(source)) => source.path().map(Content::HostFile),
            _ => {
                node.wrong(
                    format!("`{}` needs `text` or `source`", node.key),
                    "one of them",
                    "write `text = \"...\"`, or `source = \"PATH\"` for a file of this machine",
                );
                None
            }
        };
        if path.is_none() {
            node.wrong(
                format!("`{}` needs `path`", node.key),
                "where inside?",
                "write `path = \"~/.config/tool.toml\"`",
            );
        }
        let plan = FilePlan {
            path: inside_path(&path?, true)?,
            mode: mode.map_or(Some(0o644), |node| bits(&node))?,
            uid: 0,
            gid: 0,
            content: content?,
        };
        Some(Located::new(plan, node.source()))
    })?
}

/// Permission bits as text in octal.
fn bits(node: &Node<'_>) -> Option<u32> {
    let text = node.text()?;
    let bits = u32::from_str_radix(text, 8)
        .ok()
        .filter(|bits| *bits <= 0o777);
    if bits.is_none() {
        node.wrong(
            format!("`{text}` is not a file mode"),
            "not a mode",
            "write permission bits in octal, such as `\"0600\"`",
        );
    }
    bits
}
