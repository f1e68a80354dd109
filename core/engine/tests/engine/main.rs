//! The engine over an engine in memory.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod content;
mod failures;
mod launch;
mod limits;
mod matrix;
mod plans;
mod sessions;
mod support;
