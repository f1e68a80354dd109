//! Where a value was written: the layer, the text, the place in it.

use std::{
    fmt,
    ops::{Deref, Range},
    path::Path,
    sync::Arc,
};

use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::document::Document;

/// The layer a value belongs to. Later ones win.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// Built in, or an agent preset.
    Default,
    /// `$XDG_CONFIG_HOME/bottle/config.toml` and what it extends.
    User,
    /// The nearest `bottle.toml` and what it extends. The only layer that needs trust.
    Project,
    /// A file named by `--config` or `BOTTLE_CONFIG`, instead of the nearest `bottle.toml`.
    Explicit,
    /// A profile named by `--profile` or `BOTTLE_PROFILE`.
    Profile,
    /// `BOTTLE_*` variables.
    Environment,
    /// Flags.
    CommandLine,
}

impl Layer {
    /// Its name as people read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::User => "user",
            Self::Project => "project",
            Self::Explicit => "explicit",
            Self::Profile => "profile",
            Self::Environment => "environment",
            Self::CommandLine => "command line",
        }
    }
}

/// Where a value came from. Prints as `default`, ``preset `claude` ``, `/p/bottle.toml:12`,
/// `` `BOTTLE_BACKEND` `` or `` `--backend` ``.
#[derive(Clone, Debug, Default)]
pub struct Source(Place);

#[derive(Clone, Debug, Default)]
enum Place {
    #[default]
    Default,
    Preset(String),
    Text {
        document: Arc<Document>,
        span: Range<usize>,
    },
}

impl Source {
    /// Nowhere: built in.
    pub(crate) const NOWHERE: Self = Self(Place::Default);
    pub(crate) fn preset(name: &str) -> Self {
        Self(Place::Preset(name.to_owned()))
    }
    pub(crate) fn text(document: &Arc<Document>, span: Range<usize>) -> Self {
        Self(Place::Text {
            document: Arc::clone(document),
            span,
        })
    }

    /// The layer.
    pub fn layer(&self) -> Layer {
        match &self.0 {
            Place::Default | Place::Preset(_) => Layer::Default,
            Place::Text { document, .. } => document.layer(),
        }
    }
    /// The file, when it was one.
    pub fn path(&self) -> Option<&Path> {
        self.place().and_then(|(document, _)| document.path())
    }
    /// The line in that file, from 1.
    pub fn line(&self) -> Option<usize> {
        let (document, span) = self.place()?;
        document.path()?;
        Some(document.position(span.start).0)
    }
    pub(crate) fn place(&self) -> Option<(&Arc<Document>, &Range<usize>)> {
        match &self.0 {
            Place::Text { document, span } => Some((document, span)),
            Place::Default | Place::Preset(_) => None,
        }
    }
    /// Whether both were written in the same text.
    pub(crate) fn same_text(&self, other: &Self) -> bool {
        match (self.place(), other.place()) {
            (Some((a, _)), Some((b, _))) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Default => f.write_str("default"),
            Place::Preset(name) => write!(f, "preset `{name}`"),
            Place::Text { document, span } => match document.path() {
                Some(path) => write!(f, "{}:{}", path.display(), document.position(span.start).0),
                None => write!(f, "`{}`", document.label()),
            },
        }
    }
}

/// A value and where it came from.
#[derive(Clone, Debug, Default)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it came from.
    pub source: Source,
}

impl<T> Located<T> {
    /// A value from this place.
    pub fn new(value: T, source: Source) -> Self {
        Self { value, source }
    }
    /// A built-in value.
    pub fn default_value(value: T) -> Self {
        Self::new(value, Source::default())
    }
    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Located<U> {
        Located::new(change(self.value), self.source)
    }
}

impl<T> Deref for Located<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: JsonSchema> JsonSchema for Located<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }
    fn schema_id() -> std::borrow::Cow<'static, str> {
        T::schema_id()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}
