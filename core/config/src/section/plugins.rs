//! `[backend.NAME]`, `[proxy.NAME]`, `[provisioner.NAME]`: where each plugin's table stands.

use std::collections::BTreeMap;

use super::Overlay;
use crate::{node::Node, source::Source};

/// The tables of one kind of plugin, by name. The value is where the name stands; the table
/// itself is read from that text when the plugin is built, so that spans stay true.
#[derive(Clone, Debug, Default)]
pub(crate) struct PluginTables(BTreeMap<String, Source>);

impl PluginTables {
    pub(crate) fn read(node: &Node<'_>) -> Self {
        let mut found = BTreeMap::new();
        for entry in node.entries() {
            if entry.must_be_table() {
                found.insert(entry.name.value.clone(), entry.name.source.clone());
            }
        }
        Self(found)
    }
    pub(crate) fn get(&self, name: &str) -> Option<&Source> {
        self.0.get(name)
    }
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Source)> {
        self.0.iter().map(|(name, at)| (name.as_str(), at))
    }
}

impl Overlay for PluginTables {
    fn over(self, lower: Self) -> Self {
        Self(self.0.over(lower.0))
    }
}
