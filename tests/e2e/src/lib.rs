//! What the end-to-end tests share: a scratch world around the real command, a local TLS
//! origin, a stand-in of the agent's API, and a look at the engine from outside.
#![expect(clippy::expect_used, reason = "a test harness fails loudly")]

pub mod lane;
pub mod messages;
pub mod origin;
mod registries;
pub mod world;
