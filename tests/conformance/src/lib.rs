//! Behaviour suites for plugins of `bottle`: what [`bottle_api`] says in words, tried.
//!
//! | a plugin's author writes | and gets |
//! |---|---|
//! | [`backend_main!`] with a [`BackendSuite`] | a case for each sentence about a backend, under each OCI runtime |
//! | [`engine_matrix!`] with an [`EngineMatrix`](matrix::EngineMatrix) | every call of a launch over it, failing in every way |
//! | [`proxy_main!`] with a [`ProxySuite`] | a case for each sentence about a proxy, and whole launches |
//! | [`provisioner_main!`] with a [`ProvisionerSuite`] | the same for a provisioner |
//!
//! Each makes the `main` of a test with `harness = false`. Names of cases read as requirements.
//! What cannot be tried is shown as ignored, with the reason; a suite of which nothing could be
//! tried has failed. What is promised is tried by force, beside an attempt that must succeed, so
//! that a lie fails and an empty test does too.
//!
//! Every case has a session of its own and cleans up by its labels, so an engine may be used by
//! others meanwhile.
#![deny(missing_docs)]

mod backend;
mod faulty;
mod layer;
pub mod matrix;
mod plugin;
mod provisioner;
mod proxy;
mod runner;
mod scene;
mod shell;
mod simulated;
mod stage;
mod step;
mod streams;
mod verdict;

pub use backend::BackendSuite;
pub use bottle_backend_memory::{Call, Fault};
pub use faulty::Faulty;
pub use layer::{Layer, Layered};
pub use provisioner::ProvisionerSuite;
pub use proxy::ProxySuite;
pub use runner::{OPTIONAL, Report};
pub use shell::Shell;
pub use simulated::simulated;
pub use step::{Dialect, Json, STEPS_PROGRAM, Step};
pub use verdict::{Checked, Miss};

/// A socket that takes connections and never answers, for [`BackendSuite::silent`]. It listens
/// until the process ends.
pub fn silent_socket() -> std::io::Result<std::path::PathBuf> {
    let path = tempfile::tempdir()?.keep().join("silent.sock");
    std::mem::forget(std::os::unix::net::UnixListener::bind(&path)?);
    Ok(path)
}

/// Makes the `main` of a test with `harness = false` from a [`BackendSuite`].
#[macro_export]
macro_rules! backend_main {
    ($suite:expr $(,)?) => {
        fn main() -> ::std::process::ExitCode {
            let suite: $crate::BackendSuite = $suite;
            suite.main()
        }
    };
}

/// Makes the `main` of a test with `harness = false` from an
/// [`EngineMatrix`](matrix::EngineMatrix).
#[macro_export]
macro_rules! engine_matrix {
    ($matrix:expr $(,)?) => {
        fn main() -> ::std::process::ExitCode {
            let matrix: $crate::matrix::EngineMatrix = $matrix;
            matrix.main()
        }
    };
}

/// Makes the `main` of a test with `harness = false` from a [`ProxySuite`].
#[macro_export]
macro_rules! proxy_main {
    ($suite:expr $(,)?) => {
        fn main() -> ::std::process::ExitCode {
            let suite: $crate::ProxySuite = $suite;
            suite.main()
        }
    };
}

/// Makes the `main` of a test with `harness = false` from one or more [`ProvisionerSuite`]s.
#[macro_export]
macro_rules! provisioner_main {
    ($($suite:expr),+ $(,)?) => {
        fn main() -> ::std::process::ExitCode {
            $crate::ProvisionerSuite::main(&[$($suite),+])
        }
    };
}
