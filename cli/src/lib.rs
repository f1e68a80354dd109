//! The `bottle` command as a library.
//!
//! A third party's command is its plugins, named, and [`main`]:
//!
//! ```no_run
//! use bottle_backend_memory as _;
//!
//! fn main() -> std::process::ExitCode {
//!     bottle_cli::main()
//! }
//! ```
#![deny(missing_docs)]

mod args;
mod commands;
mod context;
mod failures;
mod launch;
mod logging;
mod output;
mod plugins;
mod signals;
mod start;
mod terminal;

use std::process::ExitCode;

/// Reads the command line, does what it says, and returns what the process ends with.
///
/// When it returns, everything a launch made has been undone, the terminal is what it was, and
/// nothing waits for standard input any more.
pub fn main() -> ExitCode {
    ExitCode::from(start::start().0)
}
