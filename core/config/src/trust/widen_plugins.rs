//! Plugin tables in a repository's file: only keys that the plugin itself declares harmless are
//! free, and paths only inside the repository.

use std::path::Path;

use serde_json::Value;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::widen::{Found, Ground};
use crate::{
    flags::PluginKind,
    node::absolute,
    plugins::schema_of,
    schema::plugin::PluginSchema,
    section::{PluginTables, Sections},
    source::Source,
};

pub(super) fn tables(project: &Sections, ground: &Ground<'_>, found: &mut Found) {
    let rows = [
        (
            PluginKind::Backend,
            &project.backend,
            &ground.below.backend,
            &ground.above.backend,
        ),
        (
            PluginKind::Proxy,
            &project.proxy,
            &ground.below.proxy,
            &ground.above.proxy,
        ),
        (
            PluginKind::Provisioner,
            &project.provisioner,
            &ground.below.provisioner,
            &ground.above.provisioner,
        ),
    ];
    for (kind, new, below, above) in rows {
        for (name, at) in new.iter().filter(|(name, _)| above.get(name).is_none()) {
            let Some(schema) = schema_of(kind, name, ground.registry) else {
                continue; // an unknown plugin is an error of its own
            };
            let table = Table {
                kind,
                name,
                at,
                schema: &schema,
                folder: ground.folder,
            };
            table.keys(found);
            table.replaced(below, found);
        }
    }
}

struct Table<'a> {
    kind: PluginKind,
    name: &'a str,
    at: &'a Source,
    schema: &'a Value,
    folder: &'a Path,
}

impl Table<'_> {
    fn path(&self) -> String {
        format!("{}.{}", self.kind.as_str(), self.name)
    }

    /// Keys that are not free.
    fn keys(&self, found: &mut Found) {
        let Some((document, _)) = self.at.place() else {
            return;
        };
        let (tree, _) = document.tree();
        let Some(table) = entry(tree.get_ref(), self.kind, self.name) else {
            return;
        };
        let schema = PluginSchema::new(self.schema);
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            let source = Source::text(document, key.span());
            match schema.key(name).filter(|part| part.is_free()) {
                None => {
                    let why = "sets up a plugin";
                    found.add(format!("{}.{name}", self.path()), why, &source);
                }
                Some(part) if !paths_inside(value, part, document.base(), self.folder) => {
                    let why = "names a path outside the repository";
                    found.add(format!("{}.{name}", self.path()), why, &source);
                }
                Some(_) => {}
            }
        }
    }

    /// A table comes whole from one file, so this one takes the user's settings away.
    fn replaced(&self, below: &PluginTables, found: &mut Found) {
        let Some((document, _)) = below.get(self.name).and_then(Source::place) else {
            return;
        };
        let (tree, _) = document.tree();
        let schema = PluginSchema::new(self.schema);
        let free = |key: &str| schema.key(key).is_some_and(PluginSchema::is_free);
        let lost = entry(tree.get_ref(), self.kind, self.name)
            .into_iter()
            .flatten()
            .any(|(key, _)| !free(key.get_ref()));
        if lost {
            found.add(self.path(), "replaces your own settings of it", self.at);
        }
    }
}

/// The table `[kind.name]` of a document.
pub(crate) fn entry<'a, 't>(
    tree: &'t DeTable<'a>,
    kind: PluginKind,
    name: &str,
) -> Option<&'t DeTable<'a>> {
    let DeValue::Table(tables) = tree.get(kind.as_str())?.get_ref() else {
        return None;
    };
    match tables.get(name)?.get_ref() {
        DeValue::Table(table) => Some(table),
        _ => None,
    }
}

fn paths_inside(
    value: &Spanned<DeValue<'_>>,
    schema: PluginSchema<'_>,
    base: &Path,
    folder: &Path,
) -> bool {
    match value.get_ref() {
        // The home of the user is outside, wherever the repository is.
        DeValue::String(text) if schema.is_path() => {
            !text.starts_with('~') && inside(&absolute(text, base, base), folder)
        }
        DeValue::Array(items) => {
            let part = schema.item().unwrap_or(schema);
            items
                .iter()
                .all(|item| paths_inside(item, part, base, folder))
        }
        DeValue::Table(table) => table.iter().all(|(key, value)| {
            let part = schema.key(key.get_ref()).unwrap_or(schema);
            paths_inside(value, part, base, folder)
        }),
        _ => true,
    }
}

/// Whether a path, links followed, stays in `folder`. One that does not exist is judged as it
/// is written, and `..` in it is never inside.
pub(super) fn inside(path: &Path, folder: &Path) -> bool {
    let dots = |path: &Path| {
        let mut parts = path.components();
        parts.any(|part| part == std::path::Component::ParentDir)
    };
    match path.canonicalize() {
        Ok(real) => real.starts_with(folder),
        Err(_) => !dots(path) && path.starts_with(folder),
    }
}
