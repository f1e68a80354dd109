//! What the end-to-end tests share: a scratch world around the real command, a local TLS
//! origin, a stand-in of the agent's API, and a look at the engine from outside.
#![expect(clippy::expect_used, reason = "a test harness fails loudly")]

pub mod beacon;
pub mod lane;
pub mod messages;
pub mod origin;
mod registries;
pub mod world;

/// Tries targets from wherever it runs; see the script's own first lines.
pub const REACH: &str = include_str!("reach.py");
