//! Where the binaries are.

use std::{env, path::PathBuf};

/// The real pipelock, if it is on `PATH`.
pub(crate) fn real() -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|folder| folder.join("pipelock"))
        .find(|path| path.is_file())
}

/// The stand-in, built when nobody did.
pub(crate) fn standin() -> PathBuf {
    if let Some(path) = env::var_os("BOTTLE_PIPELOCK_STANDIN") {
        return path.into();
    }
    let build = escargot::CargoBuild::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml"))
        .package("pipelock-standin")
        .bin("pipelock-standin")
        .run()
        .expect("cargo builds the stand-in");
    build.path().to_owned()
}
