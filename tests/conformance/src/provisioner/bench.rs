//! An agent's container as far as a provisioner sees it, without any engine.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use bottle_api::{
    AgentFiles, AgentHandle, BackendError, BackendErrorKind, ExecOutput, ExecRequest, ExitStatus,
    PutFile,
};

/// A certificate is text to whoever installs it.
const CA: &str = "-----BEGIN CERTIFICATE-----\nMIIBbottleconformance\n-----END CERTIFICATE-----\n";

/// A file as it was put in.
pub(super) type Placed = (u32, u32, u32, Vec<u8>);

/// Files and programs, kept here.
#[derive(Debug, Default)]
pub(super) struct Bench {
    files: Mutex<BTreeMap<String, Placed>>,
    puts: Mutex<Vec<String>>,
    execs: Mutex<usize>,
    broken: bool,
}

impl Bench {
    pub(super) fn new(image: &[(String, String)]) -> Self {
        let files = image
            .iter()
            .map(|(path, text)| (path.clone(), (0o644, 0, 0, text.clone().into_bytes())));
        Self {
            files: Mutex::new(files.collect()),
            ..Self::default()
        }
    }
    /// Every call fails.
    pub(super) fn broken() -> Self {
        Self {
            broken: true,
            ..Self::default()
        }
    }
    pub(super) fn files(&self) -> BTreeMap<String, Placed> {
        lock(&self.files).clone()
    }
    /// Paths that were put, in order.
    pub(super) fn puts(&self) -> Vec<String> {
        lock(&self.puts).clone()
    }
    /// How many calls were made of any kind.
    pub(super) fn calls(&self) -> usize {
        lock(&self.puts).len() + *lock(&self.execs)
    }
    fn check(&self, what: &'static str) -> Result<(), BackendError> {
        if self.broken {
            let why = "the engine went away";
            return Err(BackendError::new(BackendErrorKind::EngineDown, what, why));
        }
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl AgentFiles for Bench {
    async fn put(&self, files: Vec<PutFile>) -> Result<(), BackendError> {
        lock(&self.puts).extend(files.iter().map(|file| file.path.clone()));
        self.check("put files")?;
        for file in files {
            let placed = (file.mode, file.uid, file.gid, file.bytes);
            lock(&self.files).insert(file.path, placed);
        }
        Ok(())
    }
    async fn read(&self, path: &str) -> Result<Option<Vec<u8>>, BackendError> {
        *lock(&self.execs) += 1;
        self.check("read file")?;
        Ok(lock(&self.files).get(path).map(|placed| placed.3.clone()))
    }
    fn ca_certificate(&self) -> Option<&str> {
        Some(CA)
    }
    fn public_roots(&self) -> &str {
        CA
    }
}

#[async_trait]
impl AgentHandle for Bench {
    async fn exec(&self, _: &ExecRequest, _: &[u8]) -> Result<ExecOutput, BackendError> {
        *lock(&self.execs) += 1;
        self.check("exec")?;
        Ok(ExecOutput {
            status: ExitStatus(0),
            stdout: vec![],
            stderr: vec![],
        })
    }
}
