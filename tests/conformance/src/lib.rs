//! Behaviour suites for plugins of `bottle`: what [`bottle_api`] says in words, tried.
#![deny(missing_docs)]

mod backend;
mod layer;
mod runner;
mod shell;
mod simulated;
mod step;
mod streams;
mod verdict;

pub use backend::BackendSuite;
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
