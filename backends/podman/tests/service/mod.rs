//! The suite over a service that `tests/lib/podman` started.

use bottle_backend_podman::Podman;
use bottle_conformance::{BackendSuite, silent_socket};

/// A suite over the service that this variable names. Without one nothing can be tried, and the
/// suite says so.
pub(crate) fn suite(variable: &str) -> BackendSuite {
    let service = std::env::var(variable).unwrap_or_else(|_| format!("unix:///no/{variable}"));
    let suite = BackendSuite::of::<Podman>(&format!("host = '{service}'"))
        .down::<Podman>("host = 'unix:///no/such/podman.sock'")
        .remove_images_by(["podman", "--url", &service, "rmi", "--force"]);
    match silent_socket() {
        Ok(path) => suite.silent::<Podman>(&format!(
            "host = 'unix://{}'\ntimeout_secs = 1",
            path.display()
        )),
        // The case then says that it was not tried.
        Err(_) => suite,
    }
}
