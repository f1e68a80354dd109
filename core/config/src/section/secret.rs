//! `[secret.NAME]`: where a value comes from and how it reaches its use.

use std::collections::BTreeMap;

use bottle_api::{Delivery, HostPattern, SecretRef, SecretSpec};

use super::egress;
use crate::{
    diagnostic::Diagnostic,
    node::{Fields, Node},
    source::Located,
    values::{Word, is_variable},
};

/// Secrets by name.
pub(crate) type SecretTable = BTreeMap<String, Located<SecretSpec>>;

const SOURCES: &str = "say where it comes from: `from_env = \"VARIABLE\"`, `from_file = \"PATH\"`, \
                       `from_command = [\"PROGRAM\", ...]` or `prompt = \"TEXT\"`";

const DELIVERIES: [&str; 3] = ["inject", "env", "file"];

/// Reads `[secret]` or `[agent.NAME.login]`.
pub(crate) fn read(node: &Node<'_>) -> SecretTable {
    let mut found = BTreeMap::new();
    for entry in node.entries() {
        let good = entry
            .name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        if !good || entry.name.is_empty() || entry.name.len() > 64 {
            entry.report(
                Diagnostic::error(format!(
                    "`{}` cannot be the name of a secret",
                    entry.name.value
                ))
                .at(&entry.name.source, "not a name")
                .hint("use letters, digits, `_` and `-`, 64 at most"),
            );
        } else if let Some(secret) = one(&entry) {
            found.insert(entry.name.value.clone(), secret);
        }
    }
    found
}

fn one(node: &Node<'_>) -> Option<Located<SecretSpec>> {
    if !node.is_table() {
        inlined(node, &node.name.value);
        return None;
    }
    let name = &node.name.value;
    node.fields(|table| {
        if let Some(value) = table.refused("value") {
            inlined(&value, name);
            // One error is enough; what else stands there is known.
            for key in ["from_env", "from_file", "from_command", "prompt"] {
                let _ = table.get(key);
            }
            for key in DELIVERIES {
                let _ = table.get(key);
            }
            return None;
        }
        let source = reference(table);
        if source.is_none_given() {
            node.report(
                Diagnostic::error(format!("secret `{name}` has no source"))
                    .at(&node.name.source, "where does the value come from?")
                    .hint(SOURCES),
            );
        }
        let delivery = delivery(table, name);
        let spec = SecretSpec {
            name: name.clone(),
            source: source.found?,
            delivery: delivery?,
        };
        Some(Located::new(spec, node.name.source.clone()))
    })?
}

fn inlined(node: &Node<'_>, name: &str) {
    node.wrong(
        format!("the value of secret `{name}` must not be written into a config file"),
        "never here",
        SOURCES,
    );
}

/// Where a value comes from, and whether anything was said about it.
pub(super) struct Reference {
    found: Option<SecretRef>,
    given: usize,
}

impl Reference {
    pub(super) fn is_none_given(&self) -> bool {
        self.given == 0
    }
    pub(super) fn found(self) -> Option<SecretRef> {
        self.found
    }
}

/// Reads exactly one of the keys that say where a value comes from.
pub(super) fn reference(table: &Fields<'_, '_>) -> Reference {
    type Read = fn(&Node<'_>) -> Option<SecretRef>;
    let readers: [(&'static str, Read); 4] = [
        ("from_env", from_env),
        ("from_file", |node| Some(SecretRef::FromFile(node.path()?))),
        ("from_command", from_command),
        ("prompt", |node| {
            Some(SecretRef::Prompt(node.text()?.to_owned()))
        }),
    ];
    let given: Vec<(Node<'_>, Read)> = readers
        .into_iter()
        .filter_map(|(key, read)| Some((table.get(key)?, read)))
        .collect();
    if let [(first, _), (second, _), ..] = given.as_slice() {
        let message = format!("`{}` has two sources", table.node().key);
        let diagnostic = Diagnostic::error(message)
            .at(&first.name.source, "this")
            .at(&second.name.source, "and this")
            .hint("keep one of them");
        second.report(diagnostic);
    }
    let mut found: Vec<Option<SecretRef>> = given.iter().map(|(node, read)| read(node)).collect();
    Reference {
        given: given.len(),
        found: if found.is_empty() {
            None
        } else {
            found.remove(0)
        },
    }
}

fn from_env(node: &Node<'_>) -> Option<SecretRef> {
    let text = node.located_text()?;
    let name = Word::new(&text, node.reading.sink).variable()?;
    Some(SecretRef::FromEnv(name.value))
}

fn from_command(node: &Node<'_>) -> Option<SecretRef> {
    let mut argv: Vec<String> = node.texts().into_iter().map(|text| text.value).collect();
    if !node.is_array() {
        return None;
    }
    let Some(program) = argv.first_mut().filter(|program| !program.is_empty()) else {
        node.wrong(
            format!("`{}` names no program", node.key),
            "no program",
            "write `[\"PROGRAM\", \"ARGUMENT\"]`; there is no shell",
        );
        return None;
    };
    if program.contains('/') {
        let path = crate::node::absolute(program, node.reading.document.base(), node.reading.home);
        *program = path.to_string_lossy().into_owned();
    }
    Some(SecretRef::FromCommand(argv))
}

/// Reads exactly one way of delivery.
fn delivery(table: &Fields<'_, '_>, name: &str) -> Option<Delivery> {
    let given: Vec<Node<'_>> = DELIVERIES
        .into_iter()
        .filter_map(|key| table.get(key))
        .collect();
    match given.as_slice() {
        [] => {
            let node = table.node();
            node.report(
                Diagnostic::error(format!("secret `{name}` is delivered nowhere"))
                    .at(&node.name.source, "how does it reach its use?")
                    .hint(
                        "prefer `inject = { hosts = [\"api.example.com\"], header = \"x-api-key\" }`, \
                         which keeps it out of the bottle; `env = true` and `file = \"~/PATH\"` hand \
                         it to the agent",
                    ),
            );
            None
        }
        [one] => one_delivery(one, name),
        [first, second, ..] => {
            second.report(
                Diagnostic::error(format!("secret `{name}` is delivered twice"))
                    .at(&first.name.source, "this")
                    .at(&second.name.source, "and this")
                    .hint("keep one; `inject` also sets variables: `inject = { env = [...] }`"),
            );
            None
        }
    }
}

fn one_delivery(node: &Node<'_>, name: &str) -> Option<Delivery> {
    match node.name.value.as_str() {
        "inject" => inject(node, name),
        "env" if node.is_boolean() => {
            let as_named = node.boolean()?;
            if !as_named.value {
                node.wrong(
                    format!("`{}` is `false`", node.key),
                    "then how is it delivered?",
                    "leave it out, or name another way",
                );
                return None;
            }
            let named = Located::new(name.to_owned(), node.source());
            let name = Word::new(&named, node.reading.sink).variable()?;
            Some(Delivery::Env { name: name.value })
        }
        "env" if node.is_array() => {
            node.wrong(
                format!("`{}` is a list", node.key),
                "one variable here",
                "write `env = true` or `env = \"VARIABLE\"` to hand the value to the agent; for \
                 several variables that hold a placeholder, `inject = { env = [...], ... }`",
            );
            None
        }
        "env" => {
            let text = node.located_text()?;
            let name = Word::new(&text, node.reading.sink).variable()?;
            Some(Delivery::Env { name: name.value })
        }
        _ => {
            let path = inside_path(node, true)?;
            Some(Delivery::File { path })
        }
    }
}

fn inject(node: &Node<'_>, name: &str) -> Option<Delivery> {
    node.fields(|table| {
        let hosts = table.get("hosts");
        if hosts.as_ref().is_none_or(Node::is_empty_array) {
            node.wrong(
                format!("secret `{name}` is injected for no host"),
                "no `hosts` here",
                "name the only hosts whose requests get it: `hosts = [\"api.example.com\"]`",
            );
        }
        let header = table.get("header").and_then(|node| header(&node));
        let format = table.get("format").and_then(|node| format(&node));
        let env = match table.get("env") {
            Some(node) => variables(&node),
            None if is_variable(name) => vec![name.to_owned()],
            None => vec![],
        };
        let header = header.unwrap_or_else(|| "authorization".to_owned());
        let default = if header == "authorization" {
            "Bearer {}"
        } else {
            "{}"
        };
        Some(Delivery::Inject {
            env,
            hosts: hosts_of(&hosts?),
            format: format.unwrap_or_else(|| default.to_owned()),
            header,
            always: table.boolean("always").is_some_and(|always| always.value),
        })
    })?
}

fn hosts_of(node: &Node<'_>) -> Vec<HostPattern> {
    let hosts = egress::hosts(node).into_iter();
    hosts.map(|host| host.value).collect()
}

fn variables(node: &Node<'_>) -> Vec<String> {
    let texts = node.texts();
    let read = |text| Word::new(text, node.reading.sink).variable();
    texts
        .iter()
        .filter_map(read)
        .map(|name| name.value)
        .collect()
}

fn header(node: &Node<'_>) -> Option<String> {
    let text = node.text()?;
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if text.is_empty() || !text.bytes().all(token) {
        node.wrong(
            format!("`{text}` is not the name of a header"),
            "not a header",
            "write a name such as `authorization` or `x-api-key`",
        );
        return None;
    }
    Some(text.to_ascii_lowercase())
}

fn format(node: &Node<'_>) -> Option<String> {
    let text = node.text()?;
    if text.matches("{}").count() != 1 || text.chars().any(char::is_control) {
        node.wrong(
            format!("`{}` must hold `{{}}` once", node.key),
            "where does the value go?",
            "write `Bearer {}`; `{}` stands for the value",
        );
        return None;
    }
    Some(text.to_owned())
}

/// A path inside the bottle; `home` says whether `~/` may stand in front.
pub(super) fn inside_path(node: &Node<'_>, home: bool) -> Option<String> {
    let text = node.text()?;
    let absolute = text.starts_with('/') || (home && text.starts_with("~/"));
    if !absolute || text.len() < 2 || text.split('/').any(|part| part == "..") {
        node.wrong(
            format!("`{text}` is not a path inside the bottle"),
            "not an absolute path",
            if home {
                "begin with `/`, or with `~/` for the agent's home; no `..`"
            } else {
                "begin with `/`; no `..`"
            },
        );
        return None;
    }
    Some(text.to_owned())
}
