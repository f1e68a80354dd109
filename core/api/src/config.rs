//! A plugin's own configuration table, with its place in the file.

use std::{borrow::Cow, ops::Range};

use serde::de::DeserializeOwned;
use toml::{
    Spanned,
    de::{DeTable, DeValue, ValueDeserializer},
};

/// A plugin's own TOML table, with the byte offsets of the file it came from.
#[derive(Clone, Debug)]
pub struct PluginTable<'a>(Cow<'a, Spanned<DeValue<'a>>>);

/// A configuration error that can point at bytes of the source file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ConfigError {
    /// What is wrong.
    pub message: String,
    /// Where, in bytes of the file the table came from.
    pub span: Option<Range<usize>>,
    /// The unknown key, so that the nearest valid one can be named.
    pub unknown_key: Option<String>,
}

impl ConfigError {
    /// An error without a place.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            span: None,
            unknown_key: None,
        }
    }
}

impl<'a> PluginTable<'a> {
    /// A table read from a file.
    pub fn new(value: &'a Spanned<DeValue<'a>>) -> Self {
        Self(Cow::Borrowed(value))
    }
    /// No configuration: every field at its default.
    pub fn empty() -> Self {
        Self(Cow::Owned(Spanned::new(
            0..0,
            DeValue::Table(DeTable::new()),
        )))
    }

    /// Deserializes the table. A key the type does not know is an error even when the type's
    /// author forgot `deny_unknown_fields`.
    pub fn deserialize<T: DeserializeOwned>(&self) -> Result<T, ConfigError> {
        let deserializer = ValueDeserializer::from(self.0.clone().into_owned());
        let mut unknown: Vec<String> = Vec::new();
        let value: T =
            serde_ignored::deserialize(deserializer, |path| unknown.push(path.to_string()))
                .map_err(|error: toml::de::Error| ConfigError {
                    unknown_key: unknown_field(error.message()),
                    message: error
                        .message()
                        .lines()
                        .next()
                        .unwrap_or_default()
                        .to_owned(),
                    span: error.span(),
                })?;
        match unknown.first() {
            None => Ok(value),
            Some(path) => Err(ConfigError {
                message: format!("unknown field `{path}`"),
                span: self.key_span(path),
                unknown_key: path.rsplit('.').next().map(str::to_owned),
            }),
        }
    }

    /// Where a dotted key stands in the file.
    pub fn key_span(&self, path: &str) -> Option<Range<usize>> {
        let mut value = self.0.get_ref();
        let mut found = None;
        for segment in path.split('.') {
            let DeValue::Table(table) = value else {
                return found;
            };
            let (key, next) = table.iter().find(|(key, _)| key.get_ref() == segment)?;
            found = Some(key.span());
            value = next.get_ref();
        }
        found
    }
}

/// serde's own wording: "unknown field `x`, expected ...".
fn unknown_field(message: &str) -> Option<String> {
    let rest = message.strip_prefix("unknown field `")?;
    rest.split('`').next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, serde::Deserialize)]
    #[serde(default)]
    struct Sample {
        size: u32,
        inner: Inner,
    }
    #[derive(Debug, Default, serde::Deserialize)]
    #[serde(default)]
    struct Inner {
        name: String,
    }

    fn read(text: &str) -> Result<Sample, (String, String)> {
        let table = DeTable::parse(text).unwrap();
        let value = Spanned::new(table.span(), DeValue::Table(table.into_inner()));
        PluginTable::new(&value).deserialize().map_err(|error| {
            let span = error.span.clone().unwrap_or_default();
            (error.message, text[span].to_owned())
        })
    }

    #[test]
    fn errors_point_at_the_key_or_value() {
        let sample = read("size = 3\ninner.name = \"x\"").unwrap();
        assert_eq!((sample.size, sample.inner.name.as_str()), (3, "x"));
        assert_eq!(read("sise = 3").unwrap_err().1, "sise");
        assert_eq!(read("[inner]\nnmae = 'x'").unwrap_err().1, "nmae");
        assert_eq!(read("size = 'three'").unwrap_err().1, "'three'");
    }
}
