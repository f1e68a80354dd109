//! `[env]`: the agent's environment.

use std::collections::BTreeMap;

use bottle_api::EnvValue;

use super::secret;
use crate::{node::Node, source::Located, values::Word};

/// Variables by name.
pub(crate) type EnvTable = BTreeMap<String, Located<EnvValue>>;

/// Reads `[env]` or `[agent.NAME.env]`.
pub(crate) fn read(node: &Node<'_>) -> EnvTable {
    let mut found = BTreeMap::new();
    for entry in node.entries() {
        let name = Word::new(&entry.name, node.reading.sink).variable();
        if let (Some(name), Some(value)) = (name, value(&entry)) {
            found.insert(name.value, Located::new(value, entry.name.source.clone()));
        }
    }
    found
}

fn value(node: &Node<'_>) -> Option<EnvValue> {
    if node.is_text() {
        return Some(EnvValue::Literal(node.text()?.to_owned()));
    }
    if !node.is_table() {
        node.wrong(
            format!("`{}` must be a string", node.key),
            "not a string",
            "put it in quotes, or take it from somewhere: `{ from_env = \"VARIABLE\" }`",
        );
        return None;
    }
    node.fields(|table| {
        let reference = secret::reference(table);
        if reference.is_none_given() {
            node.wrong(
                format!("`{}` has no value", node.key),
                "no source",
                "write `{ from_env = \"VARIABLE\" }`, or a string",
            );
        }
        reference.found().map(EnvValue::Secret)
    })?
}
