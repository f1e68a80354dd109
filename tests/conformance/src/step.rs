//! What the suites let programs do inside a container, as data.

use std::path::Path;

use bottle_api::TermSize;
use serde::{Deserialize, Serialize};

/// One thing a program does. A program is a list of them; it ends with 0 after the last one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Step {
    /// Prints a line.
    Out(String),
    /// Prints a line to standard error.
    Err(String),
    /// Prints without ending the line.
    Part(String),
    /// Prints so many `x` to standard output and so many to standard error.
    Bulk(usize, usize),
    /// Prints a variable, or `unset`.
    Env(String),
    /// Prints `uid:gid`.
    User,
    /// Prints the working directory.
    Folder,
    /// Prints the host name.
    Host,
    /// Prints how many bytes standard input has, read to its end.
    Count,
    /// Copies standard input to standard output.
    Copy,
    /// Reads a line of standard input and prints `got LINE`.
    Line,
    /// Prints `terminal` or `pipe`: what standard output is.
    Terminal,
    /// Prints `ROWS COLUMNS` of the terminal.
    Size,
    /// Waits until the terminal has this many columns and rows and prints `resized`.
    AwaitSize(u16, u16),
    /// The terminal does not show what is typed.
    NoEcho,
    /// Waits so many milliseconds.
    Pause(u64),
    /// Goes on until it is ended.
    Forever,
    /// From now on it ends with this status when it is asked to end.
    EndOnTerm(i64),
    /// From now on it does not end when it is asked to.
    IgnoreTerm,
    /// Kills itself with `SIGKILL`.
    KillItself,
    /// Prints a file.
    Read(String),
    /// Writes a text to a file; prints `written` or `refused`.
    Write(String, String),
    /// Writes so many bytes to a file; prints `written` or `refused`.
    Fill(String, usize),
    /// Writes something to a file that is never the same twice.
    Stamp(String),
    /// Prints `file|folder MODE UID:GID`, `link TARGET` or `nothing`.
    Stat(String),
    /// Prints `same` when two names are one file, else `different`.
    Same(String, String),
    /// Answers every connection and datagram on this port with this text, forever. Prints
    /// `listening` first.
    Listen(u16, String),
    /// Prints `answer TEXT` of what a TCP server at this host and port sends, or `silence`.
    /// Tries to get around the routes too.
    Connect(String, u16),
    /// The same by UDP.
    Ask(String, u16),
    /// Prints `address A` for each address of a name, or `unknown`.
    Resolve(String),
    /// Prints the names of its network devices but the loopback, one a line.
    Devices,
    /// Prints its effective and its bounding capabilities in hexadecimal.
    Capabilities,
    /// Runs the program at this path, which tells its user id.
    Setuid(String),
    /// Needs so much memory.
    Allocate(usize),
    /// Starts so many programs side by side and prints `started` for each that could be.
    Spawn(usize),
    /// Prints how many files it may have open.
    OpenFiles,
    /// Prints what identifies the kernel it runs on.
    Kernel,
    /// Ends with this status.
    Exit(i64),
}

impl Step {
    /// Prints a line.
    pub fn out(text: impl Into<String>) -> Self {
        Self::Out(text.into())
    }
    /// Prints a file.
    pub fn read(path: impl Into<String>) -> Self {
        Self::Read(path.into())
    }
    /// Writes a text to a file.
    pub fn write(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self::Write(path.into(), text.into())
    }
    /// Prints what is at a path.
    pub fn stat(path: impl Into<String>) -> Self {
        Self::Stat(path.into())
    }
    /// Talks TCP.
    pub fn connect(host: impl std::fmt::Display, port: u16) -> Self {
        Self::Connect(host.to_string(), port)
    }
    /// Waits for a terminal's size.
    pub fn await_size(size: TermSize) -> Self {
        Self::AwaitSize(size.cols, size.rows)
    }
}

/// How steps become a command that an image can run.
pub trait Dialect: std::fmt::Debug + Send + Sync + 'static {
    /// Program and arguments that do the steps.
    fn argv(&self, steps: &[Step]) -> Vec<String>;
    /// A program of the image that prints its effective user id when run with `-u`: it is made
    /// setuid to see that nothing is gained.
    fn id_program(&self) -> &Path;
}

/// Steps as one line of JSON, for engines and images that interpret them:
/// `bottle-steps '[{"Out":"hello"},{"Exit":3}]'`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Json;

/// The name of the program that interprets steps.
pub const STEPS_PROGRAM: &str = "bottle-steps";

impl Dialect for Json {
    fn argv(&self, steps: &[Step]) -> Vec<String> {
        let text = serde_json::to_string(steps).unwrap_or_default();
        vec![STEPS_PROGRAM.to_owned(), text]
    }
    fn id_program(&self) -> &Path {
        Path::new("/usr/bin/id")
    }
}
