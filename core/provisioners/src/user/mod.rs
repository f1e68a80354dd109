//! `user`: an account and a home for the agent's uid.

mod accounts;
mod provisioner;

pub use provisioner::{User, UserConfig};
