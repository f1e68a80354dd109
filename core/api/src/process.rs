//! A program running in a container, seen through its streams.

use std::{fmt, pin::Pin};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::Stream;
use tokio::io::AsyncWrite;

use crate::{BackendError, SecretString};

/// Columns and rows of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TermSize {
    /// Columns.
    pub cols: u16,
    /// Rows.
    pub rows: u16,
}

/// How a program ended. Killed by signal `n` is `128 + n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ExitStatus(pub i64);

impl ExitStatus {
    /// Whether it is zero.
    pub fn success(self) -> bool {
        self.0 == 0
    }
}

/// Bytes a program wrote. With a terminal everything is `Stdout`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Standard output.
    Stdout(Bytes),
    /// Standard error.
    Stderr(Bytes),
}

/// A stream of results, boxed.
pub type BoxStream<T> = Pin<Box<dyn Stream<Item = Result<T, BackendError>> + Send>>;

/// What to run inside a running container.
#[derive(Clone, Debug, Default)]
pub struct ExecRequest {
    /// The program and its arguments; no shell.
    pub argv: Vec<String>,
    /// Added to the container's environment; travels in the API body.
    pub env: Vec<(String, SecretString)>,
    /// `uid:gid` or a name; `None` is the container's user.
    pub user: Option<String>,
    /// Working directory; `None` is the container's.
    pub workdir: Option<String>,
    /// A pseudo-terminal of this size.
    pub tty: Option<TermSize>,
    /// Keep standard input open for writing; closed at once otherwise.
    pub stdin: bool,
}

impl ExecRequest {
    /// Runs `argv` as the container's user, without input or terminal.
    pub fn new<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }
    /// Runs as this user.
    #[must_use]
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }
}

/// A finished program's output.
#[derive(Clone, Debug)]
pub struct ExecOutput {
    /// How it ended.
    pub status: ExitStatus,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

/// The hands on a running program.
#[async_trait]
pub trait ProcessControl: Send + Sync {
    /// Tells the terminal its new size. Without a terminal, or after the end: no effect, `Ok`.
    async fn resize(&self, size: TermSize) -> Result<(), BackendError>;
    /// Waits for the end. May be called again, and after the output has been dropped.
    async fn wait(&self) -> Result<ExitStatus, BackendError>;
}

/// A running program: an exec, or a container's main process being attached to.
///
/// Dropping it detaches; the program goes on.
pub struct Process {
    /// Standard input; dropping or shutting it down sends end-of-file (without a terminal).
    pub stdin: Option<Pin<Box<dyn AsyncWrite + Send>>>,
    /// Everything it writes; ends when the program has closed its output.
    pub output: BoxStream<Output>,
    /// Resize and wait.
    pub control: Box<dyn ProcessControl>,
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process")
            .field("stdin", &self.stdin.is_some())
            .finish_non_exhaustive()
    }
}
