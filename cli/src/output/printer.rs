//! The one place that writes to standard output and standard error.

use std::{
    fmt::Display,
    io::{self, IsTerminal, Write},
    sync::Arc,
};

use bottle_config::Diagnostic;
use indicatif::{MultiProgress, ProgressDrawTarget};
use serde::Serialize;

use super::{Failure, Style, Tone};
use crate::args::GlobalArgs;

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verbosity {
    /// What everyone wants to see.
    Normal,
    /// `-v`: each step and its time.
    Verbose,
    /// `-vv`: for debugging.
    Debug,
}

/// Writes results to standard output and everything else to standard error.
///
/// A reader that closed its end (`bottle list | head -1`) is no error. While progress bars are
/// shown, lines for standard error are written above them.
#[derive(Clone, Debug)]
pub(crate) struct Printer {
    out: Style,
    err: Style,
    json: bool,
    verbosity: Verbosity,
    bars: Option<Arc<MultiProgress>>,
}

#[expect(
    clippy::unused_self,
    reason = "whoever writes has been given the one printer"
)]
impl Printer {
    /// As the flags say.
    pub(crate) fn new(args: &GlobalArgs) -> Self {
        let err = Style::of(&io::stderr(), args.color);
        let terminal = io::stderr().is_terminal() && std::env::var("TERM").as_deref() != Ok("dumb");
        Self {
            out: Style::of(&io::stdout(), args.color),
            err,
            json: args.json,
            verbosity: match args.verbose {
                0 => Verbosity::Normal,
                1 => Verbosity::Verbose,
                _ => Verbosity::Debug,
            },
            bars: (terminal && !args.json && !args.no_progress)
                .then(|| Arc::new(MultiProgress::new())),
        }
    }

    /// Decoration for standard output.
    pub(crate) fn style(&self) -> Style {
        self.out
    }
    /// Decoration for standard error.
    pub(crate) fn err_style(&self) -> Style {
        self.err
    }
    /// Whether programs are reading.
    pub(crate) fn json(&self) -> bool {
        self.json
    }
    /// How much is said.
    pub(crate) fn verbosity(&self) -> Verbosity {
        self.verbosity
    }
    /// The progress bars, where there may be some.
    pub(crate) fn bars(&self) -> Option<&MultiProgress> {
        self.bars.as_deref()
    }

    /// Hides the bars while the guard lives: somebody else draws on the terminal.
    pub(crate) fn hide_bars(&self) -> HiddenBars {
        if let Some(bars) = &self.bars {
            let _ = bars.clear();
            bars.set_draw_target(ProgressDrawTarget::hidden());
        }
        HiddenBars(self.bars.clone())
    }

    /// A line of the result.
    pub(crate) fn line(&self, text: impl Display) {
        write_line(&mut io::stdout().lock(), &text);
    }
    /// Several lines of the result.
    pub(crate) fn lines<T: Display>(&self, lines: impl IntoIterator<Item = T>) {
        let mut out = io::stdout().lock();
        for line in lines {
            write_line(&mut out, &line);
        }
    }
    /// Bytes of the result, as they are.
    pub(crate) fn bytes(&self, bytes: &[u8]) {
        let mut out = io::stdout().lock();
        let _ = out.write_all(bytes).and_then(|()| out.flush());
    }
    /// The result as JSON, readable.
    pub(crate) fn document(&self, value: &impl Serialize) {
        self.line(serde_json::to_string_pretty(value).unwrap_or_else(|error| error.to_string()));
    }
    /// A part of the result as one line of JSON.
    pub(crate) fn json_line(&self, value: &impl Serialize) {
        self.line(serde_json::to_string(value).unwrap_or_else(|error| error.to_string()));
    }

    /// A line for people, beside the result.
    pub(crate) fn note(&self, text: impl Display) {
        self.beside(&text);
    }
    /// A line for people who asked for more.
    pub(crate) fn verbose(&self, text: impl Display) {
        if self.verbosity >= Verbosity::Verbose && !self.json {
            self.beside(&text);
        }
    }
    /// Something to look at that is no failure.
    pub(crate) fn warn(&self, text: &str) {
        if self.json {
            self.event(&serde_json::json!({ "event": "warning", "message": text }));
        } else {
            self.beside(&format_args!(
                "{} {text}",
                self.err.paint(Tone::Warn, "warning:")
            ));
        }
    }
    /// Something in a file to look at that is no failure.
    pub(crate) fn diagnostic(&self, diagnostic: &Diagnostic) {
        if self.json {
            self.event(&diagnostic.to_json());
        } else {
            self.beside(&diagnostic.render(self.err.colors(), width()));
        }
    }
    /// A line of JSON beside the result.
    pub(crate) fn event(&self, value: &impl Serialize) {
        if let Ok(text) = serde_json::to_string(value) {
            self.beside(&text);
        }
    }
    /// Why the command failed.
    pub(crate) fn failure(&self, failure: &Failure) {
        if self.json {
            self.event(&failure.to_json());
        } else {
            self.beside(&failure.render(self.err, width()));
        }
    }

    fn beside(&self, text: &dyn Display) {
        let write = || write_line(&mut io::stderr().lock(), text);
        match &self.bars {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }
}

/// Columns for texts with pictures in them.
fn width() -> usize {
    crate::terminal::size().map_or(100, |size| usize::from(size.cols).clamp(40, 120))
}

/// Shows the bars again when dropped.
#[derive(Debug)]
pub(crate) struct HiddenBars(Option<Arc<MultiProgress>>);

impl Drop for HiddenBars {
    fn drop(&mut self) {
        if let Some(bars) = &self.0 {
            bars.set_draw_target(ProgressDrawTarget::stderr());
        }
    }
}

/// Nothing can be done about an output that is gone, and a broken user interface must not stop
/// a teardown.
fn write_line(output: &mut impl Write, text: &(impl Display + ?Sized)) {
    let _ = writeln!(output, "{text}").and_then(|()| output.flush());
}
