//! The backend against a real engine without root, sentence by sentence of the contract.
//!
//! `BOTTLE_TEST_PODMAN_ROOTLESS` names the service that `tests/lib/podman` starts. Without one, each
//! test says so and passes, unless `BOTTLE_TEST_ENGINE=required` or `CI=true`, where it fails.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test may panic, and must say what it skips"
)]

#[path = "../../../common/tests/engine/archives.rs"]
mod archives;
#[path = "../../../common/tests/engine/containers.rs"]
mod containers;
#[path = "../../../common/tests/engine/doors.rs"]
mod doors;
#[path = "../../../common/tests/engine/hardening.rs"]
mod hardening;
#[path = "../../../common/tests/engine/harness/mod.rs"]
mod harness;
#[path = "../../../common/tests/engine/images.rs"]
mod images;
#[path = "../../../common/tests/engine/isolation.rs"]
mod isolation;
#[path = "../engine/lane.rs"]
mod lane;
#[path = "../engine/leftovers.rs"]
mod leftovers;
#[path = "../../../common/tests/engine/lifecycle.rs"]
mod lifecycle;
#[path = "../../../common/tests/engine/logs.rs"]
mod logs;
#[path = "../../../common/tests/engine/networks.rs"]
mod networks;
#[path = "../../../common/tests/engine/ownership.rs"]
mod ownership;
#[path = "../../../common/tests/engine/processes.rs"]
mod processes;
#[path = "../engine/regressions.rs"]
mod regressions;
#[path = "../../../common/tests/engine/secrets.rs"]
mod secrets;
#[path = "../../../common/tests/engine/terminals.rs"]
mod terminals;
#[path = "../../../common/tests/engine/workspace_images.rs"]
mod workspace_images;

/// Names the service.
const SERVICE: &str = "BOTTLE_TEST_PODMAN_ROOTLESS";
const ROOTLESS: bool = true;
