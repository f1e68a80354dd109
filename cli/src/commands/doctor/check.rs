//! What was checked, how it went, and the next step.

use serde::Serialize;

use crate::output::{Printer, Tone};

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    Ok,
    Warn,
    Fail,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    area: String,
    status: Status,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl Check {
    /// Adds the next step.
    pub(super) fn hint(&mut self, hint: impl Into<String>) {
        self.hint = Some(hint.into());
    }
    /// Adds the next step, if there is one.
    pub(super) fn maybe_hint(&mut self, hint: Option<&str>) {
        self.hint = hint.map(str::to_owned);
    }
}

/// All checks, in the order they were made.
#[derive(Debug, Default)]
pub(super) struct Report(Vec<Check>);

impl Report {
    pub(super) fn ok(&mut self, area: &str, message: impl Into<String>) -> &mut Check {
        self.add(area, Status::Ok, &message.into())
    }
    pub(super) fn warn(&mut self, area: &str, message: impl Into<String>) -> &mut Check {
        self.add(area, Status::Warn, &message.into())
    }
    pub(super) fn fail(&mut self, area: &str, message: impl Into<String>) -> &mut Check {
        self.add(area, Status::Fail, &message.into())
    }

    fn add(&mut self, area: &str, status: Status, message: &str) -> &mut Check {
        let at = self.0.len();
        self.0.push(Check {
            area: area.to_owned(),
            status,
            // Some of it was said by engines and by programs inside a bottle.
            message: message.replace(char::is_control, " "),
            hint: None,
        });
        &mut self.0[at]
    }

    /// Whether something must be done before a launch can work.
    pub(super) fn failed(&self) -> bool {
        self.0.iter().any(|check| check.status == Status::Fail)
    }

    pub(super) fn print(&self, printer: &Printer) {
        if printer.json() {
            let document = serde_json::json!({ "ok": !self.failed(), "checks": self.0 });
            printer.document(&document);
            return;
        }
        let style = printer.style();
        let width = self
            .0
            .iter()
            .map(|check| check.area.len())
            .max()
            .unwrap_or_default();
        for check in &self.0 {
            let (word, tone) = match check.status {
                Status::Ok => ("ok  ", Tone::Good),
                Status::Warn => ("warn", Tone::Warn),
                Status::Fail => ("fail", Tone::Bad),
            };
            let word = style.paint(tone, word);
            printer.line(format_args!(
                "{word}  {:<width$}  {}",
                check.area, check.message
            ));
            if let Some(hint) = &check.hint {
                let hint = hint.replace('\n', " ");
                printer.line(format_args!("      {:<width$}  hint: {hint}", ""));
            }
        }
    }
}
