//! What programs in containers do.

use std::{sync::Arc, time::Duration};

use bottle_api::{ExecRequest, ExitStatus, Role};

/// What a program run by `exec` does.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// How it ends.
    pub status: i64,
    /// What it writes to standard output.
    pub stdout: String,
    /// What it writes to standard error.
    pub stderr: String,
    /// How long it takes.
    pub after: Duration,
}
impl Reply {
    /// It ends at once with this status and output.
    pub fn new(status: i64, stdout: impl Into<String>) -> Self {
        Self {
            status,
            stdout: stdout.into(),
            ..Self::default()
        }
    }
}

/// What a container's main process does once it is started.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// Lines it writes at once.
    pub lines: Vec<String>,
    /// How and when it ends; `None` runs until it is stopped.
    pub exit: Option<(Duration, i64)>,
}
impl Script {
    /// It writes these lines and ends at once.
    pub fn dies<S: Into<String>>(status: i64, lines: impl IntoIterator<Item = S>) -> Self {
        Self {
            lines: lines.into_iter().map(Into::into).collect(),
            exit: Some((Duration::ZERO, status)),
        }
    }
    /// It writes these lines and runs on.
    pub fn writes<S: Into<String>>(lines: impl IntoIterator<Item = S>) -> Self {
        Self {
            lines: lines.into_iter().map(Into::into).collect(),
            exit: None,
        }
    }
    pub(crate) fn status(&self) -> Option<(Duration, ExitStatus)> {
        self.exit.map(|(after, status)| (after, ExitStatus(status)))
    }
}

/// Answers to `exec`.
pub(crate) type ExecScript = Arc<dyn Fn(&Role, &ExecRequest) -> Reply + Send + Sync>;
