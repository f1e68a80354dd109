//! Docker keeps the contract, under runc and under gVisor.

use bottle_backend_docker::Docker;
use bottle_conformance::BackendSuite;

/// A socket that takes connections and never answers.
fn silent() -> std::io::Result<std::path::PathBuf> {
    let folder = tempfile::tempdir()?.keep();
    let path = folder.join("silent.sock");
    // It listens until this process ends.
    std::mem::forget(std::os::unix::net::UnixListener::bind(&path)?);
    Ok(path)
}

// [docs: suite]
fn suite() -> BackendSuite {
    let suite = BackendSuite::of::<Docker>("")
        .runtime("runc")
        .runtime("runsc")
        .down::<Docker>("host = 'unix:///no/such/docker.sock'")
        .remove_images_by(["docker", "rmi", "--force"]);
    match silent() {
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
