//! The user's terminal: handed to the agent, taken back whatever happens.

mod attach;
mod guard;
mod input;
mod keys;
mod modes;
mod prompt;
#[cfg(test)]
mod pty_tests;
mod variables;

pub(crate) use attach::{Attach, Ended};
pub(crate) use guard::{install_panic_hook, ours, restore, size};
pub(crate) use keys::DetachKeys;
pub(crate) use prompt::TerminalPrompt;
pub(crate) use variables::variables;
