//! The backend against a real engine, sentence by sentence of the contract.
//!
//! `DOCKER_HOST` names the engine. Without one, each test says so and passes, unless
//! `BOTTLE_TEST_ENGINE=required` or `CI=true`, where it fails. The same for gVisor.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test may panic, and must say what it skips"
)]

mod archives;
mod connections;
mod containers;
mod hardening;
mod harness;
mod images;
mod isolation;
mod lifecycle;
mod logs;
mod networks;
mod ownership;
mod processes;
mod registry;
mod secrets;
mod terminals;
mod workspace_images;
