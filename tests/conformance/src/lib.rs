//! Behaviour suites for plugins of `bottle`: what [`bottle_api`] says in words, tried.
#![deny(missing_docs)]

mod backend;
mod faulty;
mod layer;
pub mod matrix;
mod runner;
mod shell;
mod simulated;
mod step;
mod streams;
mod verdict;

pub use backend::BackendSuite;
pub use bottle_backend_memory::{Call, Fault};
pub use faulty::Faulty;
pub use layer::{Layer, Layered};
pub use runner::{OPTIONAL, Report};
pub use shell::Shell;
pub use simulated::simulated;
pub use step::{Dialect, Json, STEPS_PROGRAM, Step};
pub use verdict::{Checked, Miss};

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
