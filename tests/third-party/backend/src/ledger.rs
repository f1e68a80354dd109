//! The file.

use std::{fs::OpenOptions, io::Write as _, path::PathBuf};

use bottle_api::{BackendError, BackendErrorKind};

/// Lines are appended; nothing is kept open.
#[derive(Debug)]
pub(crate) struct Ledger {
    path: Option<PathBuf>,
}

impl Ledger {
    pub(crate) fn new(path: Option<PathBuf>) -> Self {
        Self { path }
    }

    // [docs: note]
    /// Notes a verb and what it is about: names and ids, never environment or contents.
    pub(crate) fn note(&self, verb: &'static str, what: &str) -> Result<(), BackendError> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        let written = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .and_then(|mut file| writeln!(file, "{verb} {what}"));
        written.map_err(|error| {
            let kind = match error.kind() {
                std::io::ErrorKind::StorageFull => BackendErrorKind::DiskFull,
                _ => BackendErrorKind::Other,
            };
            let message = format!("cannot write the ledger `{}`", path.display());
            BackendError::new(kind, verb, message)
                .with_source(error)
                .with_hint("point `path` in `[backend.ledger]` at a file you may write")
        })
    }
    // [docs: end]
}
