//! The engine over an engine in memory.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "tests"
)]

mod launch;
mod matrix;
mod support;
