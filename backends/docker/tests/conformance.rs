//! Docker keeps the contract, under runc and under gVisor.

use bottle_backend_docker::Docker;
use bottle_conformance::{BackendSuite, silent_socket};

// [docs: suite]
fn suite() -> BackendSuite {
    let suite = BackendSuite::of::<Docker>("")
        .runtime("runc")
        .runtime("runsc")
        .down::<Docker>("host = 'unix:///no/such/docker.sock'")
        .remove_images_by(["docker", "rmi", "--force"]);
    match silent_socket() {
        Ok(path) => suite.silent::<Docker>(&format!(
            "host = 'unix://{}'\ntimeout_secs = 1",
            path.display()
        )),
        // The case then says that it was not tried.
        Err(_) => suite,
    }
}

bottle_conformance::backend_main!(suite());
// [docs: end]
