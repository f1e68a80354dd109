//! The narrow handles through which provisioners touch the agent's container.

use std::{io::Read as _, time::Duration};

use async_trait::async_trait;
use bottle_api::{
    AgentFiles, AgentHandle, Backend, BackendError, BackendErrorKind, ContainerId, ExecOutput,
    ExecRequest, PutFile,
};
use tar::{Archive, EntryType};

use super::exec;
use crate::{
    files::{ArchiveBuilder, OwnTree, Owner},
    trust::{SessionCa, TrustMaterial},
};

/// As many links as the kernel follows.
const LINK_LIMIT: usize = 40;
/// A provisioner's program must come to an end.
const EXEC_LIMIT: Duration = Duration::from_mins(2);

/// The created container's files.
pub(super) struct Files<'a> {
    pub(super) backend: &'a dyn Backend,
    pub(super) id: &'a ContainerId,
    pub(super) home: &'a str,
    pub(super) trust: &'a TrustMaterial,
}

#[async_trait]
impl AgentFiles for Files<'_> {
    async fn put(&self, files: Vec<PutFile>) -> Result<(), BackendError> {
        let mut archive = ArchiveBuilder::new(vec![OwnTree(self.home.to_owned())]);
        for file in &files {
            let owner = Owner {
                mode: file.mode,
                uid: file.uid,
                gid: file.gid,
            };
            archive
                .file(&file.path, owner, &file.bytes)
                .map_err(|error| failed("put files", &file.path, &error))?;
        }
        let archive = archive
            .finish()
            .map_err(|error| failed("put files", "/", &error))?;
        self.backend.put_archive(self.id, archive).await
    }

    async fn read(&self, path: &str) -> Result<Option<Vec<u8>>, BackendError> {
        let mut path = path.to_owned();
        for _ in 0..LINK_LIMIT {
            let archive = match self.backend.get_archive(self.id, &path).await {
                Ok(archive) => archive,
                Err(error) if error.kind() == BackendErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            };
            let found = first_entry(&archive).map_err(|e| failed("read file", &path, &e))?;
            match found {
                Some(Found::File(bytes)) => return Ok(Some(bytes)),
                Some(Found::Link(target)) => path = resolve(&path, &target),
                None => return Ok(None),
            }
        }
        let error = std::io::Error::other("too many symbolic links");
        Err(failed("read file", &path, &error))
    }

    fn ca_certificate(&self) -> Option<&str> {
        self.trust.ca.as_ref().map(SessionCa::certificate)
    }
    fn public_roots(&self) -> &str {
        self.trust.roots.pem()
    }
}

fn failed(operation: &'static str, path: &str, error: &std::io::Error) -> BackendError {
    let message = format!("`{path}`: {error}");
    BackendError::new(BackendErrorKind::Other, operation, message)
}

enum Found {
    File(Vec<u8>),
    Link(String),
}

/// What an archive begins with; `None` when it is neither a file nor a link.
fn first_entry(archive: &[u8]) -> std::io::Result<Option<Found>> {
    let mut archive = Archive::new(archive);
    let Some(entry) = archive.entries()?.next() else {
        return Ok(None);
    };
    let mut entry = entry?;
    Ok(match entry.header().entry_type() {
        EntryType::Regular => {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            Some(Found::File(bytes))
        }
        EntryType::Symlink => {
            let target = entry.link_name()?.unwrap_or_default();
            Some(Found::Link(target.to_string_lossy().into_owned()))
        }
        _ => None,
    })
}

/// Where a link leads, as a path inside the container. `..` at the top stays there.
fn resolve(link: &str, target: &str) -> String {
    let folder = link.rsplit_once('/').map_or("", |(folder, _)| folder);
    let whole = if target.starts_with('/') {
        target.to_owned()
    } else {
        format!("{folder}/{target}")
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// The running container.
pub(super) struct Hands<'a> {
    pub(super) backend: &'a dyn Backend,
    pub(super) id: &'a ContainerId,
}

impl Hands<'_> {
    pub(super) async fn run(
        &self,
        request: &ExecRequest,
        stdin: &[u8],
    ) -> Result<ExecOutput, BackendError> {
        let mut request = request.clone();
        request.stdin = !stdin.is_empty();
        exec::run(self.backend, self.id, &request, stdin, EXEC_LIMIT).await
    }
}

#[async_trait]
impl AgentHandle for Hands<'_> {
    async fn exec(&self, request: &ExecRequest, stdin: &[u8]) -> Result<ExecOutput, BackendError> {
        self.run(request, stdin).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_inside() {
        for (link, target, want) in [
            ("/etc/ssl/cert.pem", "certs/ca.crt", "/etc/ssl/certs/ca.crt"),
            ("/etc/a", "../../../x", "/x"),
            ("/etc/a", "/usr/./b", "/usr/b"),
            ("/a", "b", "/b"),
        ] {
            assert_eq!(resolve(link, target), want);
        }
    }
}
