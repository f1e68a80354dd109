//! Why a command failed, as people and programs read it.

use std::error::Error;

use bottle_api::{BackendError, PluginError, RegistryError};
use bottle_config::Diagnostic;

use super::{Style, Tone};

/// What the process ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Code(pub(crate) u8);

impl Code {
    /// All went well.
    pub(crate) const SUCCESS: Self = Self(0);
    /// A check said no: `doctor`, `config check`, `trust --show`.
    pub(crate) const CHECK: Self = Self(1);
    /// `--timeout` was reached.
    pub(crate) const TIMEOUT: Self = Self(124);
    /// `bottle` itself failed.
    pub(crate) const OURS: Self = Self(125);
    /// There is no such command inside.
    pub(crate) const NOT_FOUND: Self = Self(127);
    /// Standard output was closed by its reader, as if by the signal `PIPE`.
    pub(crate) const BROKEN_PIPE: Self = Self(141);

    /// The agent's own exit status. One that does not fit is the nearest that does.
    pub(crate) fn of_agent(status: bottle_api::ExitStatus) -> Self {
        Self(u8::try_from(status.0).unwrap_or(if status.0 == 0 { 0 } else { 255 }))
    }
}

/// A failed command: what, why, and the next step. Holds nothing of a secret, because no error
/// type it is made from does.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    causes: Vec<String>,
    hints: Vec<String>,
    code: Code,
    /// With places in files; shown instead of message and causes.
    diagnostics: Vec<Diagnostic>,
}

impl Failure {
    /// A failure of our own.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            causes: vec![],
            hints: vec![],
            code: Code::OURS,
            diagnostics: vec![],
        }
    }
    /// A failure with the chain of an error as its causes.
    pub(crate) fn because(message: impl Into<String>, error: &(dyn Error + 'static)) -> Self {
        let mut this = Self::new(message);
        this.push_causes(Some(error));
        this
    }
    /// An error and its causes.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Self {
        let mut this = Self::new(error.to_string());
        this.push_causes(error.source());
        this
    }
    /// Adds the next step.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
    /// Adds the next step, if there is one.
    #[must_use]
    pub(crate) fn maybe_hint(self, hint: Option<&str>) -> Self {
        match hint {
            Some(hint) => self.hint(hint),
            None => self,
        }
    }
    /// Takes another failure in, as one of several causes.
    #[must_use]
    pub(crate) fn absorb(mut self, name: &str, other: &Self) -> Self {
        let causes = other.causes.iter().map(|cause| format!(": {cause}"));
        let causes: String = causes.collect();
        self.causes
            .push(format!("{name}: {}{causes}", other.message));
        let hints = other.hints.iter().map(|hint| format!("{name}: {hint}"));
        self.hints.extend(hints);
        self
    }
    /// Sets what is shown instead of message and causes.
    #[must_use]
    pub(crate) fn diagnostics(mut self, diagnostics: Vec<Diagnostic>) -> Self {
        self.diagnostics = diagnostics;
        self
    }
    /// Adds lines that somebody else wrote, under a heading.
    #[must_use]
    pub(crate) fn detail(mut self, heading: &str, lines: &[String]) -> Self {
        if !lines.is_empty() {
            // They come from a program in a container, which must not move our cursor.
            let clean =
                |line: &String| line.replace(|c: char| c.is_control() && c != '\t', "\u{fffd}");
            let lines: Vec<String> = lines.iter().map(clean).collect();
            self.causes.push(format!("{heading}\n{}", lines.join("\n")));
        }
        self
    }
    /// Sets the exit code.
    #[must_use]
    pub(crate) fn code(mut self, code: Code) -> Self {
        self.code = code;
        self
    }
    /// In one line.
    pub(crate) fn summary(&self) -> String {
        if let Some(first) = self.diagnostics.first() {
            return match first.place() {
                Some((file, line, _)) => format!("{file}:{line}: {}", first.message()),
                None => first.message().to_owned(),
            };
        }
        let parts = [&self.message].into_iter().chain(&self.causes);
        let parts: Vec<String> = parts.map(|part| part.replace('\n', " ")).collect();
        parts.join(": ")
    }
    /// What the process ends with.
    pub(crate) fn exit(&self) -> Code {
        self.code
    }

    fn push_causes(&mut self, mut error: Option<&(dyn Error + 'static)>) {
        while let Some(cause) = error {
            let text = cause.to_string();
            // Transparent wrappers say the same twice, and some types repeat their source.
            let said = self.causes.last().unwrap_or(&self.message);
            if !said.contains(&text) {
                self.causes.push(text);
            }
            error = cause.source();
        }
    }

    /// As people read it, on a terminal of this width.
    pub(crate) fn render(&self, style: Style, width: usize) -> String {
        let mut text = if self.diagnostics.is_empty() {
            let mut text = format!("{} {}", style.paint(Tone::Bad, "error:"), self.message);
            for cause in &self.causes {
                text.push_str("\n  caused by: ");
                text.push_str(&cause.replace('\n', "\n    "));
            }
            text
        } else {
            let each = self.diagnostics.iter();
            let texts: Vec<String> = each.map(|d| d.render(style.colors(), width)).collect();
            texts.join("\n\n")
        };
        for (at, hint) in self.hints.iter().enumerate() {
            text.push_str(if at == 0 { "\n\n" } else { "\n" });
            text.push_str(&style.paint(Tone::Strong, "hint:"));
            text.push(' ');
            text.push_str(&hint.replace('\n', "\n      "));
        }
        text
    }

    /// As programs read it.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "event": "error",
            "message": self.message,
            "causes": self.causes,
            "hints": self.hints,
            "diagnostics": self.diagnostics.iter().map(Diagnostic::to_json).collect::<Vec<_>>(),
            "exit_code": self.code.0,
        })
    }
}

impl From<BackendError> for Failure {
    fn from(error: BackendError) -> Self {
        Self::of(&error).hint(error.hint().unwrap_or(error.kind().advice()))
    }
}
impl From<PluginError> for Failure {
    fn from(error: PluginError) -> Self {
        Self::of(&error).maybe_hint(error.hint())
    }
}
impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Self {
        let known = matches!(error, RegistryError::Unknown { .. });
        Self::of(&error).maybe_hint(known.then_some("see `bottle plugins`"))
    }
}

#[cfg(test)]
mod tests {
    use bottle_api::{BackendErrorKind, ExitStatus};

    use super::*;

    #[test]
    fn message_causes_blank_line_hint() {
        let cause = std::io::Error::other("permission denied (os error 13)");
        let error = BackendError::new(
            BackendErrorKind::Denied,
            "probe",
            "`/var/run/docker.sock` refuses this user",
        )
        .with_source(cause)
        .with_hint("add yourself to the group `docker`");
        assert_eq!(
            Failure::from(error).render(Style::PLAIN, 80),
            "error: probe: `/var/run/docker.sock` refuses this user\n  \
             caused by: permission denied (os error 13)\n\n\
             hint: add yourself to the group `docker`"
        );
    }

    #[test]
    fn a_cause_that_was_said_is_not_repeated() {
        let inner = BackendError::new(BackendErrorKind::Other, "start", "no");
        let failure = Failure::of(&PluginError::from(inner));
        assert_eq!(failure.render(Style::PLAIN, 80), "error: start: no");
    }

    #[test]
    fn json_has_the_same_parts() {
        let json = Failure::new("no").hint("yes").to_json();
        assert_eq!(json["message"], "no");
        assert_eq!(json["hints"][0], "yes");
        assert_eq!(json["exit_code"], 125);
    }

    #[test]
    fn agents_exit_codes_pass_through() {
        assert_eq!(Code::of_agent(ExitStatus(0)), Code(0));
        assert_eq!(Code::of_agent(ExitStatus(137)), Code(137));
        assert_eq!(Code::of_agent(ExitStatus(-1)), Code(255));
        assert_eq!(Code::of_agent(ExitStatus(256)), Code(255));
    }
}
