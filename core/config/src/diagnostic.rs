//! Errors with file, line, caret and the next step.

use std::{cell::RefCell, fmt, sync::Arc};

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, Severity, SourceCode};
use serde_json::json;
use textwrap::{WordSeparator, WordSplitter};

use crate::{document::Document, source::Source};

/// One thing that is wrong, and where.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    message: String,
    help: Option<String>,
    severity: Severity,
    labels: Vec<LabeledSpan>,
    document: Option<Arc<Document>>,
}

impl Diagnostic {
    /// An error without a place.
    pub fn error(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: None,
            severity: Severity::Error,
            labels: vec![],
            document: None,
        }
    }
    /// Something worth telling that stops nothing.
    pub fn warning(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(message)
        }
    }
    /// Points at a place with these words under the caret. Places in a second text are left
    /// out, for one snippet shows one text.
    #[must_use]
    pub fn at(mut self, source: &Source, label: impl Into<String>) -> Self {
        let Some((document, span)) = source.place() else {
            return self;
        };
        let foreign = |own: &Arc<Document>| !Arc::ptr_eq(own, document);
        if self.document.as_ref().is_some_and(foreign) {
            return self;
        }
        self.labels.push(LabeledSpan::new(
            Some(document.scrub(&label.into())),
            span.start,
            span.len(),
        ));
        self.message = document.scrub(&self.message);
        self.document = Some(Arc::clone(document));
        self
    }
    /// Adds what the user can do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.help = Some(hint.into());
        self
    }

    /// What is wrong.
    pub fn message(&self) -> &str {
        &self.message
    }
    /// What the user can do next.
    pub fn help_text(&self) -> Option<&str> {
        self.help.as_deref()
    }
    /// Whether it stops nothing.
    pub fn is_warning(&self) -> bool {
        self.severity != Severity::Error
    }
    /// The file (or variable, or flag) with line and column of the first label.
    pub fn place(&self) -> Option<(&str, usize, usize)> {
        let document = self.document.as_ref()?;
        let (line, column) = document.position(self.labels.first()?.offset());
        Some((document.label(), line, column))
    }

    /// As text for a terminal of this width: message, snippet with carets, hint.
    pub fn render(&self, colour: bool, width: usize) -> String {
        let theme = if colour {
            GraphicalTheme::unicode()
        } else {
            GraphicalTheme::unicode_nocolor()
        };
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_width(width)
            // A path or a command broken in the middle cannot be copied.
            .with_break_words(false)
            .with_word_separator(WordSeparator::AsciiSpace)
            .with_word_splitter(WordSplitter::NoHyphenation)
            .with_links(false);
        let mut bare = self.clone();
        let help = bare.help.take();
        let mut text = String::new();
        if handler.render_report(&mut text, &bare).is_err() {
            text.clone_from(&self.message);
        }
        let mut text = text.trim_matches('\n').to_owned();
        if let (Some((file, line, column)), false) = (self.place(), self.has_snippet()) {
            let words = self.labels.iter().filter_map(LabeledSpan::label);
            let place = format!("\n  at {file}:{line}:{column}");
            text.push_str(&words.fold(place, |place, label| place + ": " + label));
        }
        if let Some(help) = help {
            text.push_str("\n\nhint: ");
            text.push_str(&help.replace('\n', "\n      "));
        }
        text
    }

    /// As data.
    pub fn to_json(&self) -> serde_json::Value {
        let place = self.place();
        json!({
            "severity": if self.is_warning() { "warning" } else { "error" },
            "message": self.message,
            "hint": self.help,
            "file": place.map(|place| place.0),
            "line": place.map(|place| place.1),
            "column": place.map(|place| place.2),
            "labels": self.labels.iter().map(LabeledSpan::label).collect::<Vec<_>>(),
        })
    }

    /// Whether the text around every label can be shown.
    fn has_snippet(&self) -> bool {
        self.document.as_ref().is_some_and(|document| {
            let mut labels = self.labels.iter();
            labels.all(|label| document.fits_a_snippet(label.inner()))
        })
    }

    fn sort_key(&self) -> (String, usize) {
        match (&self.document, self.labels.first()) {
            (Some(document), Some(label)) => (document.label().to_owned(), label.offset()),
            _ => (String::new(), 0),
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
impl std::error::Error for Diagnostic {}
impl miette::Diagnostic for Diagnostic {
    fn severity(&self) -> Option<Severity> {
        Some(self.severity)
    }
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let help = self.help.as_ref()?;
        Some(Box::new(help))
    }
    fn source_code(&self) -> Option<&dyn SourceCode> {
        let document = self.document.as_deref().filter(|_| self.has_snippet())?;
        Some(document)
    }
    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        (!self.labels.is_empty()).then(|| Box::new(self.labels.iter().cloned()) as Box<_>)
    }
}

/// Everything found wrong in one go; never empty.
#[derive(Clone, Debug)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// In order.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }
    /// All of them as text for a terminal of this width.
    pub fn render(&self, colour: bool, width: usize) -> String {
        let parts: Vec<String> = self.iter().map(|one| one.render(colour, width)).collect();
        parts.join("\n\n")
    }
}
impl From<Diagnostic> for Diagnostics {
    fn from(one: Diagnostic) -> Self {
        Self(vec![one])
    }
}
impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}
impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [one] => write!(f, "{one}"),
            all => write!(f, "{} errors in the configuration", all.len()),
        }
    }
}
impl std::error::Error for Diagnostics {}
impl miette::Diagnostic for Diagnostics {
    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn miette::Diagnostic> + 'a>> {
        Some(Box::new(
            self.0.iter().map(|one| one as &dyn miette::Diagnostic),
        ))
    }
}

/// Collects what is wrong, so that one run reports all of it.
#[derive(Debug, Default)]
pub(crate) struct Sink(RefCell<Vec<Diagnostic>>);

impl Sink {
    pub(crate) fn push(&self, diagnostic: Diagnostic) {
        self.0.borrow_mut().push(diagnostic);
    }
    pub(crate) fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }
    /// `value`, unless something was wrong.
    pub(crate) fn finish<T>(self, value: T) -> Result<T, Diagnostics> {
        let mut all = self.0.into_inner();
        if all.is_empty() {
            return Ok(value);
        }
        all.sort_by_key(Diagnostic::sort_key);
        Err(Diagnostics(all))
    }
}
