//! The `bottle` command as a library: a third party's command is its plugins, named, and [`main`].
#![deny(missing_docs)]

mod args;
mod output;
mod plugins;
mod signals;
mod terminal;

/// x
pub fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
