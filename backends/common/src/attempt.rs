//! What is being tried, and what an engine said to it: the shape of every error.

use std::{io, time::Duration};

use bottle_api::{BackendError, BackendErrorKind as Kind, ExposeSecret, SecretString};

use crate::{PackError, Refusal};

/// Longer texts of an engine are cut.
const MAX_TEXT: usize = 2000;
/// Shorter values would blank out half of any text.
const MIN_SECRET: usize = 4;

/// How one engine words its refusals, and what its users do about them.
#[derive(Debug)]
pub struct Dialect {
    /// The engine's program: `docker`.
    pub program: &'static str,
    /// The backend's table: `backend.docker`.
    pub table: &'static str,
    /// The kind of a refusal, by status and words.
    pub kind_of: fn(u16, &str) -> Kind,
    /// What to do about a refusal.
    pub hint_for: fn(Kind, &str) -> Option<String>,
    /// What to do without permission on the socket.
    pub no_permission: &'static str,
    /// What to do when nothing answers.
    pub not_reached: &'static str,
    /// What to do when the certificate is not trusted.
    pub not_trusted: &'static str,
    /// How to free space on the engine's disk.
    pub free_space: &'static str,
}

/// What is being tried, on what: the first half of an error's text.
#[derive(Clone, Debug)]
pub struct Attempt<'a> {
    dialect: &'static Dialect,
    operation: &'static str,
    subject: &'a str,
    hidden: Vec<&'a SecretString>,
}

impl<'a> Attempt<'a> {
    /// Trying `operation` ("create network") on `subject` (its name).
    pub fn new(dialect: &'static Dialect, operation: &'static str, subject: &'a str) -> Self {
        Self {
            dialect,
            operation,
            subject,
            hidden: vec![],
        }
    }
    /// Values that must not come back in the engine's words, should it repeat the request.
    #[must_use]
    pub fn hiding(mut self, values: impl IntoIterator<Item = &'a SecretString>) -> Self {
        self.hidden.extend(values);
        self
    }
    /// The engine's words.
    pub fn dialect(&self) -> &'static Dialect {
        self.dialect
    }

    /// A failure of this kind.
    pub fn error(&self, kind: Kind, message: &str) -> BackendError {
        BackendError::new(
            kind,
            self.operation,
            format!("`{}`: {}", self.subject, self.clean(message)),
        )
    }

    /// No answer within the limit.
    pub fn timeout(&self, limit: Duration) -> BackendError {
        self.error(
            Kind::Timeout,
            &format!("no answer from the engine within {} s", limit.as_secs()),
        )
        .with_hint(format!(
            "if the engine is only slow, raise `timeout_secs` in `[{}]`",
            self.dialect.table
        ))
    }

    /// An answer with an error status.
    pub fn refused(&self, status: u16, message: &str) -> BackendError {
        let kind = if is_disk_full(message) {
            Kind::DiskFull
        } else {
            (self.dialect.kind_of)(status, message)
        };
        let error = self.error(kind, message);
        match (kind, (self.dialect.hint_for)(kind, message)) {
            (_, Some(hint)) => error.with_hint(hint),
            (Kind::DiskFull, None) => error.with_hint(format!(
                "free some space on the engine's disk: {}",
                self.dialect.free_space
            )),
            _ => error,
        }
    }

    /// An answer that is no answer.
    pub fn not_understood(&self, why: &str) -> BackendError {
        self.error(
            Kind::Other,
            &format!("the engine's answer is not understood: {why}"),
        )
    }

    /// Why [`crate::Transport`] has no answer.
    pub fn refusal(&self, refusal: &Refusal) -> BackendError {
        match refusal {
            Refusal::Connect(error) => self.io(error),
            Refusal::Http(error) => self.lost(error),
            Refusal::Status(status, message) => self.refused(status.as_u16(), message),
        }
    }

    /// A context that cannot be packed.
    pub fn packing(&self, error: &PackError) -> BackendError {
        let kind = if error.is_disk_full() {
            Kind::DiskFull
        } else {
            Kind::Other
        };
        self.error(kind, &error.to_string())
    }

    /// No connection.
    pub fn io(&self, error: &io::Error) -> BackendError {
        if error.kind() == io::ErrorKind::PermissionDenied {
            return self
                .error(Kind::Denied, "no permission on the engine's socket")
                .with_hint(self.dialect.no_permission);
        }
        let message = format!("the engine is not reached: {error}");
        let hint = match error.kind() {
            // How rustls reports a certificate it does not trust.
            io::ErrorKind::InvalidData => self.dialect.not_trusted,
            _ => self.dialect.not_reached,
        };
        self.error(Kind::EngineDown, &message).with_hint(hint)
    }

    /// A connection that broke.
    pub fn lost(&self, error: &impl std::fmt::Display) -> BackendError {
        self.error(
            Kind::EngineDown,
            &format!("the connection to the engine broke: {error}"),
        )
        .with_hint(format!(
            "see whether the engine still runs: `{} version`",
            self.dialect.program
        ))
    }

    /// One line, of bearable length, without the values to hide.
    fn clean(&self, text: &str) -> String {
        let mut text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for secret in &self.hidden {
            // As it is in this text: its blanks are joined too.
            let value = secret.expose_secret();
            let joined = value.split_whitespace().collect::<Vec<_>>().join(" ");
            for shape in [value, joined.as_str()] {
                if shape.len() >= MIN_SECRET {
                    text = text.replace(shape, "***");
                }
            }
        }
        if let Some((at, _)) = text.char_indices().nth(MAX_TEXT) {
            text.truncate(at);
            text.push('…');
        }
        text
    }
}

/// Whether this text tells of a full disk.
pub fn is_disk_full(message: &str) -> bool {
    let text = message.to_lowercase();
    text.contains("no space left on device") || text.contains("disk quota exceeded")
}

/// Whether the engine says that this is gone, or was never there.
pub fn is_gone(error: &BackendError) -> bool {
    error.kind() == Kind::NotFound
}

/// Engines word differently that there is no terminal (any more).
pub fn unless_ended(resized: Result<(), BackendError>) -> Result<(), BackendError> {
    match resized {
        Err(error) if is_gone(&error) || says_not_running(&error.to_string()) => Ok(()),
        other => other,
    }
}

fn says_not_running(text: &str) -> bool {
    let text = text.to_lowercase();
    [
        "not running",
        "not found",
        "no such process",
        "already finished",
        "cannot resize a stopped",
        "can only resize created or running",
        "as it has stopped",
        "session state improper",
    ]
    .iter()
    .any(|words| text.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_dialect::DIALECT;

    #[test]
    fn values_to_hide_never_come_back() {
        let secret = SecretString::from("s3cret value");
        let short = SecretString::from("a");
        let error = Attempt::new(&DIALECT, "create container", "x")
            .hiding([&secret, &short])
            .refused(
                400,
                "invalid environment variable: =s3cret  value\nand more",
            );
        assert_eq!(
            error.to_string(),
            "create container: `x`: invalid environment variable: =*** and more"
        );
        assert!(!format!("{error:?}").contains("s3cret"));
    }

    #[test]
    fn a_closed_door_and_a_dead_engine_say_what_to_do() {
        let attempt = Attempt::new(&DIALECT, "contact", "unix:///x");
        let denied = attempt.io(&io::ErrorKind::PermissionDenied.into());
        assert_eq!(denied.kind(), Kind::Denied);
        assert_eq!(denied.hint(), Some("join the group"));
        let down = attempt.io(&io::ErrorKind::NotFound.into());
        assert_eq!(down.kind(), Kind::EngineDown);
        assert_eq!(down.hint(), Some("start it"));
        let untrusted = attempt.io(&io::ErrorKind::InvalidData.into());
        assert_eq!(untrusted.hint(), Some("check the certificates"));
    }

    #[test]
    fn full_disks_are_told_in_every_dialect() {
        let attempt = Attempt::new(&DIALECT, "build", "x");
        let full = attempt.refused(500, "write /x: No space left on device");
        assert_eq!(full.kind(), Kind::DiskFull);
        assert!(full.hint().unwrap().ends_with("`free`"));
    }

    #[test]
    fn long_texts_are_cut() {
        let error = Attempt::new(&DIALECT, "a", "b").refused(500, &"ü".repeat(5000));
        assert!(error.to_string().chars().count() < 2100);
    }

    #[test]
    fn ended_terminals_take_no_offence() {
        let attempt = Attempt::new(&DIALECT, "resize terminal", "x");
        assert!(unless_ended(Err(attempt.refused(500, "Container x is not running"))).is_ok());
        assert!(unless_ended(Err(attempt.refused(500, "boom"))).is_err());
    }
}
