//! What a builder says: its steps, and why it failed.

use std::collections::VecDeque;

use bottle_api::{BackendError, BackendErrorKind, Event, OpContext};

use crate::{Attempt, is_disk_full};

/// How much of a failing build is shown.
const LAST_LINES: usize = 20;

/// Where a build stands, and what it said last.
#[derive(Debug)]
pub struct BuildLog<'a> {
    tag: &'a str,
    step: Option<String>,
    lines: VecDeque<String>,
    unfinished: String,
}

impl<'a> BuildLog<'a> {
    /// A build under this tag that has not begun.
    pub fn new(tag: &'a str) -> Self {
        Self {
            tag,
            step: None,
            lines: VecDeque::new(),
            unfinished: String::new(),
        }
    }

    /// Takes a piece of the builder's output, cut anywhere.
    pub fn take(&mut self, piece: &str, cx: &OpContext) {
        self.unfinished.push_str(piece);
        while let Some(end) = self.unfinished.find('\n') {
            let line: String = self.unfinished.drain(..=end).collect();
            self.line(plain(&line).trim_end(), cx);
        }
    }

    fn line(&mut self, line: &str, cx: &OpContext) {
        if line.is_empty() {
            return;
        }
        if let Some((current, total, step)) = step(line) {
            // What earlier steps printed says nothing about this one's failure.
            self.lines.clear();
            self.step = Some(line.to_owned());
            cx.events.emit(Event::Progress {
                task: format!("build {}", self.tag),
                detail: step.to_owned(),
                current: Some(current),
                total: Some(total),
            });
            return;
        }
        let chatter = [" ---> ", "--> ", "Removing intermediate container"];
        if !chatter.iter().any(|words| line.starts_with(words)) {
            if self.lines.len() == LAST_LINES {
                self.lines.pop_front();
            }
            self.lines.push_back(line.to_owned());
        }
    }

    /// The builder says in one text whether a step failed, the disk is full or the base is
    /// missing.
    pub fn failed(&self, attempt: &Attempt<'_>, error: &BackendError) -> BackendError {
        let text = error.to_string();
        let detail = text.rsplit_once("`: ").map_or(text.as_str(), |(_, d)| d);
        if matches!(
            error.kind(),
            BackendErrorKind::EngineDown | BackendErrorKind::Denied
        ) {
            return attempt.error(error.kind(), detail);
        }
        let at = self.step.as_deref().unwrap_or("the first step");
        if is_disk_full(&text) || self.lines.iter().any(|line| is_disk_full(line)) {
            return attempt
                .error(
                    BackendErrorKind::DiskFull,
                    &format!("no space left on the engine's disk at `{at}`"),
                )
                .with_hint(format!("free some: {}", attempt.dialect().free_space));
        }
        let from = self
            .step
            .as_deref()
            .is_none_or(|step| step.to_uppercase().contains(": FROM "));
        if from && cannot_be_had(&text) {
            return attempt
                .error(
                    BackendErrorKind::ImageMissing,
                    &format!("the base image cannot be had at `{at}`: {detail}"),
                )
                .with_hint("pull or load the base image by hand, or choose another image");
        }
        let lines: Vec<_> = self.lines.iter().map(String::as_str).collect();
        let last = lines
            .last()
            .map_or(String::new(), |line| format!(": {line}"));
        let error = attempt
            .error(
                BackendErrorKind::BuildFailed,
                &format!("failed at `{at}`: {detail}{last}"),
            )
            .with_hint(format!(
                "run the build by hand with `{} build` to see all of its output",
                attempt.dialect().program
            ));
        if lines.is_empty() {
            error
        } else {
            error.with_source(LastLines(lines.join("\n")))
        }
    }
}

/// In the words of registries and of the networks before them.
fn cannot_be_had(text: &str) -> bool {
    let text = text.to_lowercase();
    [
        "manifest unknown",
        "pull access denied",
        "no such image",
        "image not known",
        "not found",
        "dial tcp",
        "unauthorized",
        "tls handshake timeout",
        "client.timeout",
    ]
    .iter()
    .any(|words| text.contains(words))
}

/// What a failing step said last, a line each: the cause of its error.
#[derive(Debug)]
struct LastLines(String);

impl std::fmt::Display for LastLines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the step's last output:\n{}", self.0)
    }
}
impl std::error::Error for LastLines {}

/// Without the colours in which builders show standard error.
fn plain(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        if c == '\u{1b}' {
            // Up to the letter that ends the sequence.
            let _ = rest.find(char::is_ascii_alphabetic);
        } else if c == '\t' || !c.is_control() {
            text.push(c);
        }
    }
    text
}

/// `Step 2/7 : RUN make`, and buildah's `[1/2] STEP 2/7: RUN make`.
fn step(line: &str) -> Option<(u64, u64, &str)> {
    let line = match line.strip_prefix('[') {
        Some(stage) => stage.split_once("] ")?.1,
        None => line,
    };
    let rest = line
        .strip_prefix("Step ")
        .or_else(|| line.strip_prefix("STEP "))?;
    let (numbers, step) = rest.split_once(": ")?;
    let (current, total) = numbers.trim_end().split_once('/')?;
    Some((current.parse().ok()?, total.parse().ok()?, step))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_dialect::DIALECT;

    fn after(lines: &str) -> BuildLog<'static> {
        let cx = OpContext::new(bottle_api::EventSink::discard());
        let mut log = BuildLog::new("bottle/x:1");
        // In pieces, as builders send them.
        for piece in lines.as_bytes().chunks(7) {
            log.take(&String::from_utf8_lossy(piece), &cx);
        }
        log
    }

    fn failure(lines: &str, error: &str) -> BackendError {
        let attempt = Attempt::new(&DIALECT, "build image", "x");
        after(lines).failed(&attempt, &attempt.refused(500, error))
    }

    #[test]
    fn a_failing_step_shows_its_last_lines_only() {
        let noise: String = (0..50).fold(String::new(), |all, n| format!("{all}line {n}\n"));
        for last_step in ["Step 2/2 : RUN make", "STEP 2/2: RUN make"] {
            let error = failure(
                &format!("Step 1/2 : FROM debian\n ---> abc\n{last_step}\n ---> Running\n{noise}"),
                "The command '/bin/sh -c make' returned a non-zero code: 2",
            );
            assert_eq!(error.kind(), BackendErrorKind::BuildFailed);
            let text = error.to_string();
            let begin = format!("build image: `x`: failed at `{last_step}`");
            assert!(text.starts_with(&begin), "{text}");
            assert!(text.ends_with("non-zero code: 2: line 49"), "{text}");
            assert!(!text.contains('\n'), "one line: {text}");
            let cause = std::error::Error::source(&error).unwrap().to_string();
            assert!(cause.contains("\nline 30\n") && cause.ends_with("\nline 49"));
            assert!(!cause.contains("line 29\n"), "{cause}");
        }
    }

    #[test]
    fn a_full_disk_and_a_missing_base_are_told_from_a_failing_step() {
        let full = failure(
            "Step 2/2 : RUN x\ncp: error writing 'a': No space left on device\n",
            "The command returned a non-zero code: 1",
        );
        assert_eq!(full.kind(), BackendErrorKind::DiskFull);
        for text in [
            "pull access denied for nope, repository does not exist",
            "manifest for debian:nope not found: manifest unknown: manifest unknown",
            "Get \"https://registry-1.docker.io/v2/\": dial tcp: lookup registry-1.docker.io: no such host",
        ] {
            let missing = failure("Step 1/2 : FROM nope\n", text);
            assert_eq!(missing.kind(), BackendErrorKind::ImageMissing, "{text}");
        }
        let not_the_base = failure(
            "Step 1/2 : FROM a\nStep 2/2 : COPY x /\n",
            "COPY failed: file not found in build context",
        );
        assert_eq!(not_the_base.kind(), BackendErrorKind::BuildFailed);
    }

    #[test]
    fn colours_are_taken_off() {
        assert_eq!(plain("\u{1b}[91mtwo\r\n\u{1b}[0m"), "two");
        assert_eq!(plain("a\tb\u{1b}"), "a\tb");
    }

    #[test]
    fn steps_are_read() {
        assert_eq!(step("Step 2/7 : RUN make"), Some((2, 7, "RUN make")));
        assert_eq!(step("STEP 2/7: RUN make"), Some((2, 7, "RUN make")));
        assert_eq!(step("[1/2] STEP 2/7: RUN a: b"), Some((2, 7, "RUN a: b")));
        assert_eq!(step("Stepping on"), None);
    }
}
