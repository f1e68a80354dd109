//! One text that configures: a file, a variable, a flag.

use std::{
    fmt,
    ops::Range,
    path::{Path, PathBuf},
};

use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};
use toml::{Spanned, de::DeTable};

use crate::{redact, source::Layer};

/// Lines longer than this are not shown: nobody reads them, and the renderer counts columns in
/// 16 bits and panics beyond.
const LONGEST_LINE: usize = 1000;
/// More than a screen of text shows nobody where the mistake is.
const LARGEST_SNIPPET: usize = 8 << 10;

/// A text that configures. Keeps the text as written for reading, and shows a masked one: a
/// snippet in an error must not print a secret that somebody wrote next to the mistake.
pub(crate) struct Document {
    layer: Layer,
    /// The file, absolute.
    path: Option<PathBuf>,
    /// How it is called: the path as shown, `BOTTLE_ALLOW`, `--allow`.
    label: String,
    /// The folder that relative paths in it start from.
    base: PathBuf,
    text: String,
    shown: String,
    masked: Vec<Range<usize>>,
}

impl Document {
    /// A TOML file.
    pub(crate) fn file(layer: Layer, path: &Path, label: String, text: String) -> Self {
        let (tree, errors) = DeTable::parse_recoverable(&text);
        let masked = redact::ranges(&text, Some(tree.get_ref()), !errors.is_empty());
        Self {
            layer,
            base: path.parent().unwrap_or(Path::new("/")).to_owned(),
            path: Some(path.to_owned()),
            label,
            shown: redact::apply(&text, &masked),
            masked,
            text,
        }
    }

    /// The value of a variable or flag, written the way a user would.
    pub(crate) fn words(layer: Layer, label: &str, base: &Path, text: String) -> Self {
        let masked = redact::ranges(&text, None, false);
        Self {
            layer,
            path: None,
            label: label.to_owned(),
            base: base.to_owned(),
            shown: redact::apply(&text, &masked),
            masked,
            text,
        }
    }

    pub(crate) fn layer(&self) -> Layer {
        self.layer
    }
    pub(crate) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }
    pub(crate) fn label(&self) -> &str {
        &self.label
    }
    pub(crate) fn base(&self) -> &Path {
        &self.base
    }
    /// As written; may hold secrets.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
    /// The content as a table, syntax errors apart.
    pub(crate) fn tree(&self) -> (Spanned<DeTable<'_>>, Vec<toml::de::Error>) {
        DeTable::parse_recoverable(&self.text)
    }
    /// Line and column, from 1, of a byte.
    pub(crate) fn position(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
        (line, column)
    }
    /// Whether the lines of a span, and those around it, are short enough to be shown.
    pub(crate) fn fits_a_snippet(&self, span: &SourceSpan) -> bool {
        let text = self.shown.as_bytes();
        let start = span.offset().min(text.len());
        let end = start.saturating_add(span.len()).min(text.len());
        let newline = |byte: &u8| *byte == b'\n';
        let (before, within, after) = (&text[..start], &text[start..end], &text[end..]);
        // One line of context either side, and one to spare.
        let before: usize = before
            .rsplit(newline)
            .take(3)
            .map(|line| line.len() + 1)
            .sum();
        let after: usize = after
            .split(newline)
            .take(3)
            .map(|line| line.len() + 1)
            .sum();
        let from = (start + 1).saturating_sub(before);
        let to = (end + after).saturating_sub(1).min(text.len());
        within.len() <= LARGEST_SNIPPET
            && text[from..to]
                .split(newline)
                .all(|line| line.len() <= LONGEST_LINE)
    }
    /// A message without the masked values of this text, and without anything else that looks
    /// like a secret.
    pub(crate) fn scrub(&self, message: &str) -> String {
        redact::scrub(message, &self.text, &self.masked)
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document")
            .field("layer", &self.layer)
            .field("label", &self.label)
            .finish_non_exhaustive()
    }
}

impl SourceCode for Document {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        context_lines_before: usize,
        context_lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let inner = self
            .shown
            .read_span(span, context_lines_before, context_lines_after)?;
        Ok(Box::new(MietteSpanContents::new_named(
            self.label.clone(),
            inner.data(),
            *inner.span(),
            inner.line(),
            inner.column(),
            inner.line_count(),
        )))
    }
}
