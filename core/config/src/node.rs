//! Reading a TOML tree by hand: every wrong type and unknown key is reported with its place,
//! and reading goes on.

use std::{
    cell::RefCell,
    path::{Path, PathBuf},
    sync::Arc,
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::{
    diagnostic::{Diagnostic, Sink},
    document::Document,
    source::{Located, Source},
    suggest,
};

/// What reading a document needs besides its tree.
#[derive(Clone, Copy)]
pub(crate) struct Reading<'a> {
    pub(crate) document: &'a Arc<Document>,
    pub(crate) home: &'a Path,
    pub(crate) sink: &'a Sink,
}

/// A value with its dotted key.
#[derive(Clone)]
pub(crate) struct Node<'a> {
    pub(crate) reading: Reading<'a>,
    pub(crate) key: String,
    pub(crate) name: Located<String>,
    pub(crate) value: &'a Spanned<DeValue<'a>>,
}

impl<'a> Node<'a> {
    /// The whole document.
    pub(crate) fn root(reading: Reading<'a>, value: &'a Spanned<DeValue<'a>>) -> Self {
        Self {
            reading,
            key: String::new(),
            name: Located::new(String::new(), Source::text(reading.document, 0..0)),
            value,
        }
    }

    /// Where the value is; for a table with a header, the header.
    pub(crate) fn source(&self) -> Source {
        Source::text(self.reading.document, self.value.span())
    }
    pub(crate) fn report(&self, diagnostic: Diagnostic) {
        self.reading.sink.push(diagnostic);
    }
    /// Reports that the value is not what it must be.
    pub(crate) fn wrong(&self, message: impl Into<String>, label: &str, hint: impl Into<String>) {
        let diagnostic = Diagnostic::error(message).at(&self.source(), label);
        let hint = hint.into();
        self.report(if hint.is_empty() {
            diagnostic
        } else {
            diagnostic.hint(hint)
        });
    }
    pub(crate) fn wrong_type(&self, expected: &str) {
        let found = article(self.value.get_ref().type_str());
        let message = format!("`{}` must be {expected}, not {found}", self.key);
        self.wrong(message, &format!("this is {found}"), "");
    }

    pub(crate) fn text(&self) -> Option<&'a str> {
        let DeValue::String(text) = self.value.get_ref() else {
            self.wrong_type("a string");
            return None;
        };
        if text.contains('\0') {
            self.wrong(
                format!("`{}` holds a NUL character", self.key),
                "holds a NUL",
                "take it out: no variable, path or argument of a process can hold it",
            );
            return None;
        }
        Some(text.as_ref())
    }
    pub(crate) fn located_text(&self) -> Option<Located<String>> {
        let text = self.text()?.to_owned();
        Some(Located::new(text, self.source()))
    }
    pub(crate) fn boolean(&self) -> Option<Located<bool>> {
        let DeValue::Boolean(value) = self.value.get_ref() else {
            self.wrong_type("`true` or `false`");
            return None;
        };
        Some(Located::new(*value, self.source()))
    }
    /// A string or a number, as it is written.
    pub(crate) fn scalar(&self, expected: &str) -> Option<Located<String>> {
        let text = match self.value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().replace('_', ""),
            DeValue::Float(number) => number.as_str().replace('_', ""),
            _ => {
                self.wrong_type(expected);
                return None;
            }
        };
        Some(Located::new(text, self.source()))
    }
    pub(crate) fn is_text(&self) -> bool {
        matches!(self.value.get_ref(), DeValue::String(_))
    }
    pub(crate) fn is_table(&self) -> bool {
        matches!(self.value.get_ref(), DeValue::Table(_))
    }
    pub(crate) fn is_boolean(&self) -> bool {
        matches!(self.value.get_ref(), DeValue::Boolean(_))
    }

    pub(crate) fn is_array(&self) -> bool {
        matches!(self.value.get_ref(), DeValue::Array(_))
    }
    pub(crate) fn is_empty_array(&self) -> bool {
        matches!(self.value.get_ref(), DeValue::Array(items) if items.is_empty())
    }

    /// The items of an array.
    pub(crate) fn items(&self) -> Vec<Node<'a>> {
        let DeValue::Array(items) = self.value.get_ref() else {
            self.wrong_type("an array");
            return vec![];
        };
        let item = |(at, value): (usize, &'a Spanned<DeValue<'a>>)| Node {
            reading: self.reading,
            key: format!("{}[{at}]", self.key),
            name: Located::new(
                at.to_string(),
                Source::text(self.reading.document, value.span()),
            ),
            value,
        };
        items.iter().enumerate().map(item).collect()
    }
    /// The strings of an array.
    pub(crate) fn texts(&self) -> Vec<Located<String>> {
        self.items().iter().filter_map(Node::located_text).collect()
    }
    /// A host path: `~/` is the home, a relative one starts at the file's folder.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        let text = self.text()?;
        if text.is_empty() {
            self.wrong(format!("`{}` is empty", self.key), "empty", "");
            return None;
        }
        Some(absolute(
            text,
            self.reading.document.base(),
            self.reading.home,
        ))
    }

    /// The entries of a table whose keys are names.
    pub(crate) fn entries(&self) -> Vec<Node<'a>> {
        match self.table() {
            Some(table) => table.iter().map(|(k, v)| self.child(k, v)).collect(),
            None => vec![],
        }
    }
    /// Reads a table with fixed keys; every key that `read` did not ask for is reported.
    pub(crate) fn fields<T>(&self, read: impl FnOnce(&Fields<'a, '_>) -> T) -> Option<T> {
        let fields = Fields {
            node: self,
            table: self.table()?,
            known: RefCell::default(),
            refused: RefCell::default(),
        };
        let value = read(&fields);
        fields.report_unknown();
        Some(value)
    }

    /// Reports anything but a table.
    pub(crate) fn must_be_table(&self) -> bool {
        self.table().is_some()
    }

    fn table(&self) -> Option<&'a DeTable<'a>> {
        let DeValue::Table(table) = self.value.get_ref() else {
            match crate::schema::section_of(&self.key) {
                Some(section) => {
                    let hint = format!("`{}` belongs under `[{section}]`", self.key);
                    let message = format!("`{}` must be a table", self.key);
                    self.wrong(message, "not a table", hint);
                }
                None => self.wrong_type("a table"),
            }
            return None;
        };
        Some(table)
    }
    fn child(
        &self,
        key: &'a Spanned<std::borrow::Cow<'a, str>>,
        value: &'a Spanned<DeValue<'a>>,
    ) -> Node<'a> {
        let name = key.get_ref().to_string();
        let dotted = match self.key.as_str() {
            "" => name.clone(),
            above => format!("{above}.{name}"),
        };
        Node {
            reading: self.reading,
            key: dotted,
            name: Located::new(name, Source::text(self.reading.document, key.span())),
            value,
        }
    }
}

/// A table with fixed keys, while it is read.
pub(crate) struct Fields<'a, 'n> {
    node: &'n Node<'a>,
    table: &'a DeTable<'a>,
    known: RefCell<Vec<&'static str>>,
    refused: RefCell<Vec<&'static str>>,
}

impl<'a> Fields<'a, '_> {
    /// The value of a key, if it is there. Asking makes the key known.
    pub(crate) fn get(&self, key: &'static str) -> Option<Node<'a>> {
        self.known.borrow_mut().push(key);
        let (key, value) = self.table.get_key_value(key)?;
        Some(self.node.child(key, value))
    }
    /// A key that is refused with words of its own: found, but never suggested.
    pub(crate) fn refused(&self, key: &'static str) -> Option<Node<'a>> {
        self.refused.borrow_mut().push(key);
        let (key, value) = self.table.get_key_value(key)?;
        Some(self.node.child(key, value))
    }
    pub(crate) fn text(&self, key: &'static str) -> Option<Located<String>> {
        self.get(key)?.located_text()
    }
    /// The value of a key, read; the default without it.
    pub(crate) fn read<T: Default>(
        &self,
        key: &'static str,
        read: impl FnOnce(&Node<'a>) -> T,
    ) -> T {
        self.get(key).map(|node| read(&node)).unwrap_or_default()
    }
    pub(crate) fn boolean(&self, key: &'static str) -> Option<Located<bool>> {
        self.get(key)?.boolean()
    }
    pub(crate) fn node(&self) -> &Node<'a> {
        self.node
    }

    fn report_unknown(&self) {
        let known = self.known.borrow();
        for (key, value) in self.table {
            let name = key.get_ref().as_ref();
            if known.contains(&name) || self.refused.borrow().contains(&name) {
                continue;
            }
            let child = self.node.child(key, value);
            let home = if self.node.key.is_empty() {
                crate::schema::section_of(name)
            } else {
                None
            };
            let place = match self.node.key.as_str() {
                "" => "at the top level".to_owned(),
                above => format!("in `{above}`"),
            };
            let hint = match home {
                Some(section) => format!("`{name}` belongs under `[{section}]`"),
                None => suggest::hint(name, known.iter().copied(), "known keys"),
            };
            self.node.report(
                Diagnostic::error(format!("unknown key `{name}` {place}"))
                    .at(&child.name.source, "unknown key")
                    .hint(hint),
            );
        }
    }
}

/// A host path as configuration writes it.
pub(crate) fn absolute(text: &str, base: &Path, home: &Path) -> PathBuf {
    let path = match text.strip_prefix("~/") {
        Some(rest) => home.join(rest),
        None if text == "~" => home.to_owned(),
        None => base.join(text),
    };
    // Drops `.` in the middle; `..` stays, for it may follow a link.
    path.components().collect()
}

fn article(kind: &str) -> String {
    match kind {
        "integer" | "array" => format!("an {kind}"),
        kind => format!("a {kind}"),
    }
}
