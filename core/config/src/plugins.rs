//! Building plugins from their tables, with errors that point into the file.

use std::{borrow::Cow, ops::Range, path::Path, sync::Arc};

use bottle_api::{Backend, ConfigError, PluginTable, Registration, Registry};
use serde::Deserialize;
use serde_json::Value;
use toml::{
    Spanned,
    de::{DeTable, DeValue, ValueDeserializer},
};

use crate::{
    diagnostic::{Diagnostic, Diagnostics, Sink},
    document::Document,
    flags::{PluginFlag, PluginKind, PluginValue},
    node::absolute,
    schema::plugin::PluginSchema,
    source::{Layer, Source},
    suggest,
    trust::entry,
};

/// The schema of a plugin's table, if the plugin is linked.
pub(crate) fn schema_of(kind: PluginKind, name: &str, registry: &Registry) -> Option<Value> {
    let schema = match kind {
        PluginKind::Backend => registry.backend(name).ok()?.schema(),
        PluginKind::Proxy => registry.proxy(name).ok()?.schema(),
        PluginKind::Provisioner => registry.provisioner(name).ok()?.schema(),
    };
    Some(schema.to_value())
}

/// The names of the linked plugins of a kind.
pub(crate) fn names(kind: PluginKind, registry: &Registry) -> Vec<&'static str> {
    match kind {
        PluginKind::Backend => registry.backends().map(|one| one.name).collect(),
        PluginKind::Proxy => registry.proxies().map(|one| one.name).collect(),
        PluginKind::Provisioner => registry.provisioners().map(|one| one.name).collect(),
    }
}

/// Nobody registered this plugin.
pub(crate) fn unknown(
    kind: PluginKind,
    name: &str,
    at: &Source,
    registry: &Registry,
) -> Diagnostic {
    let kind_name = kind.as_str();
    let known = names(kind, registry);
    Diagnostic::error(format!("unknown {kind_name} `{name}`"))
        .at(at, format!("no such {kind_name} in this binary"))
        .hint(suggest::hint(name, known, "this binary has"))
}

/// What a plugin is built from.
pub(crate) struct Job<'a> {
    pub(crate) kind: PluginKind,
    pub(crate) name: &'a str,
    /// Where its table stands, if any file has one.
    pub(crate) table: Option<&'a Source>,
    /// Where it was chosen, for errors that nobody's table is to blame for.
    pub(crate) chosen: &'a Source,
    pub(crate) flags: &'a [PluginFlag],
    pub(crate) cwd: &'a Path,
    pub(crate) home: &'a Path,
}

impl Job<'_> {
    /// Builds the plugin: unknown keys first, all of them, then what the plugin itself says.
    pub(crate) fn build<T: ?Sized + 'static>(
        &self,
        registration: &Registration<T>,
    ) -> Result<Box<T>, Diagnostics> {
        let schema = registration.schema().to_value();
        let schema = PluginSchema::new(&schema);
        let document = self.document();
        let tree = document.map(|document| document.tree().0);
        let mut table = self.written(tree.as_ref());
        if let Some(document) = document {
            let sink = Sink::default();
            self.unknown_keys(&table, schema, "", document, &sink);
            sink.finish(())?;
        }
        let text_length = document.map_or(0, |document| document.text().len());
        let overlay = self.complete(&mut table, schema, text_length);
        let value = Spanned::new(0..0, DeValue::Table(table));
        registration
            .build(&PluginTable::new(&value))
            .map_err(|error| {
                let mut known = schema.keys().unwrap_or_default();
                known.sort_unstable();
                let place = |span: &Range<usize>| match span.start.checked_sub(text_length) {
                    Some(start) => overlay
                        .as_ref()
                        .map(|flags| Source::text(flags, start..start + span.len())),
                    None => document.map(|document| Source::text(document, span.clone())),
                };
                let source = error
                    .span
                    .as_ref()
                    .filter(|span| !span.is_empty())
                    .and_then(place);
                self.refused(&error, source.as_ref(), &known).into()
            })
    }

    /// The table as it takes effect, as text.
    pub(crate) fn toml(&self, schema: &Value) -> String {
        let tree = self.document().map(|document| document.tree().0);
        let mut table = self.written(tree.as_ref());
        self.complete(&mut table, PluginSchema::new(schema), 0);
        let value = Spanned::new(0..0, DeValue::Table(table));
        let value = toml::Table::deserialize(ValueDeserializer::from(value));
        value.map(|value| value.to_string()).unwrap_or_default()
    }

    fn document(&self) -> Option<&Arc<Document>> {
        self.table
            .and_then(Source::place)
            .map(|(document, _)| document)
    }
    /// The table as its file has it.
    fn written<'t>(&self, tree: Option<&Spanned<DeTable<'t>>>) -> DeTable<'t> {
        let table = tree.and_then(|tree| entry(tree.get_ref(), self.kind, self.name));
        table.cloned().unwrap_or_default()
    }
    /// Makes paths absolute and lays the flags over it.
    fn complete(
        &self,
        table: &mut DeTable<'_>,
        schema: PluginSchema<'_>,
        behind: usize,
    ) -> Option<Arc<Document>> {
        if let Some(document) = self.document() {
            absolute_paths(table, schema, document.base(), self.home);
        }
        self.lay_flags_over(table, schema, behind)
    }

    fn refused(&self, error: &ConfigError, source: Option<&Source>, known: &[&str]) -> Diagnostic {
        let exact = source.is_some();
        let source = source.or(self.table).unwrap_or(self.chosen);
        let document = source.place().map(|(document, _)| document);
        let message = match document {
            Some(document) => document.scrub(&error.message),
            None => error.message.clone(),
        };
        let label = if exact {
            message.clone()
        } else {
            "set up here".to_owned()
        };
        let diagnostic = self.failed(&message).at(source, label);
        match &error.unknown_key {
            Some(key) => {
                let hint = suggest::hint(key, known.iter().copied(), "known keys");
                diagnostic.hint(hint)
            }
            None => diagnostic.hint(format!(
                "`bottle config schema` describes `[{}.{}]`",
                self.kind.as_str(),
                self.name
            )),
        }
    }

    fn failed(&self, why: &str) -> Diagnostic {
        Diagnostic::error(format!("{} `{}`: {why}", self.kind.as_str(), self.name))
    }

    fn unknown_keys(
        &self,
        table: &DeTable<'_>,
        schema: PluginSchema<'_>,
        above: &str,
        document: &Arc<Document>,
        sink: &Sink,
    ) {
        let known = schema.keys();
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            if let Some(known) = known.as_ref().filter(|known| !known.contains(&name)) {
                let place = format!("{}.{}{above}", self.kind.as_str(), self.name);
                sink.push(
                    Diagnostic::error(format!("unknown key `{name}` in `{place}`"))
                        .at(&Source::text(document, key.span()), "unknown key")
                        .hint(suggest::hint(name, known.iter().copied(), "known keys")),
                );
                continue;
            }
            let Some(part) = schema.key(name) else {
                continue;
            };
            let above = format!("{above}.{name}");
            match value.get_ref() {
                DeValue::Table(below) => self.unknown_keys(below, part, &above, document, sink),
                DeValue::Array(items) => {
                    let part = part.item().unwrap_or(part);
                    for item in items {
                        if let DeValue::Table(below) = item.get_ref() {
                            self.unknown_keys(below, part, &above, document, sink);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// Puts the flags' values in. Their places lie behind the end of the file's text, in a text
    /// of their own, so that one span tells which of the two is to blame.
    fn lay_flags_over(
        &self,
        table: &mut DeTable<'_>,
        schema: PluginSchema<'_>,
        behind: usize,
    ) -> Option<Arc<Document>> {
        let mine = |flag: &&PluginFlag| flag.kind == self.kind && flag.plugin == self.name;
        let flags: Vec<&PluginFlag> = self.flags.iter().filter(mine).collect();
        let mut text = String::new();
        for flag in &flags {
            let values = match &flag.value {
                PluginValue::Text(value) => std::slice::from_ref(value),
                PluginValue::Items(values) => values,
            };
            let part = schema.key(&flag.key);
            let is_path = part.is_some_and(super::schema::plugin::PluginSchema::is_path);
            let mut items = Vec::new();
            for value in values {
                text.push_str(&flag.flag);
                text.push(' ');
                let start = behind + text.len();
                text.push_str(value);
                text.push('\n');
                let value = if is_path {
                    absolute(value, self.cwd, self.home)
                        .to_string_lossy()
                        .into_owned()
                } else {
                    value.clone()
                };
                let span = start..behind + text.len() - 1;
                items.push(Spanned::new(span, DeValue::String(Cow::Owned(value))));
            }
            put(table, flag, items);
        }
        let label = &flags.first()?.flag;
        let document = Document::words(Layer::CommandLine, label, self.cwd, text);
        Some(Arc::new(document))
    }
}

fn put<'a>(table: &mut DeTable<'a>, flag: &PluginFlag, items: Vec<Spanned<DeValue<'a>>>) {
    let Some(span) = items.first().map(Spanned::span) else {
        return;
    };
    let key = Spanned::new(span.clone(), Cow::Owned(flag.key.clone()));
    match &flag.value {
        PluginValue::Text(_) => {
            for item in items {
                table.insert(key.clone(), item);
            }
        }
        PluginValue::Items(_) => {
            if let Some(DeValue::Array(old)) =
                table.get_mut(flag.key.as_str()).map(Spanned::get_mut)
            {
                for item in items {
                    old.push(item);
                }
            } else {
                let mut list = toml::de::DeArray::new();
                for item in items {
                    list.push(item);
                }
                table.insert(key, Spanned::new(span, DeValue::Array(list)));
            }
        }
    }
}

/// Makes every string that the schema calls a path absolute.
fn absolute_paths(table: &mut DeTable<'_>, schema: PluginSchema<'_>, base: &Path, home: &Path) {
    for (key, value) in table.iter_mut() {
        if let Some(part) = schema.key(key.get_ref()) {
            absolute_path(value, part, base, home);
        }
    }
}

fn absolute_path(
    value: &mut Spanned<DeValue<'_>>,
    schema: PluginSchema<'_>,
    base: &Path,
    home: &Path,
) {
    match value.get_mut() {
        DeValue::String(text) if schema.is_path() && !text.is_empty() => {
            let path = absolute(text, base, home);
            *text = Cow::Owned(path.to_string_lossy().into_owned());
        }
        DeValue::Array(items) => {
            let part = schema.item().unwrap_or(schema);
            for item in items.iter_mut() {
                absolute_path(item, part, base, home);
            }
        }
        DeValue::Table(table) => absolute_paths(table, schema, base, home),
        _ => {}
    }
}

/// Builds a backend from text that [`Config::backend_toml`](crate::Config::backend_toml) gave:
/// how a later process reaches the engine of a session that an earlier one started.
pub fn backend_from_toml(
    name: &str,
    text: &str,
    registry: &Registry,
) -> Result<Box<dyn Backend>, Diagnostics> {
    let at = Source::default();
    let Ok(registration) = registry.backend(name) else {
        return Err(unknown(PluginKind::Backend, name, &at, registry).into());
    };
    let failed = |why: &str| Diagnostic::error(format!("backend `{name}` of a session: {why}"));
    let tree = DeTable::parse(text).map_err(|error| failed(error.message()))?;
    let value = Spanned::new(tree.span(), DeValue::Table(tree.into_inner()));
    let built = registration.build(&PluginTable::new(&value));
    built.map_err(|error| failed(&error.message).into())
}
