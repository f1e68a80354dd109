//! Files as a simulated program sees them.

use std::{io, path::PathBuf};

use bottle_api::Mount;

use crate::{
    FileView, Machine,
    container::{Container, is_below},
};

fn refused(path: &str, why: &str) -> io::Error {
    io::Error::other(format!("`{path}`: {why}"))
}

/// Where a path of a container is on the host, and whether it may be written there.
fn on_host(mounts: &[Mount], path: &str) -> Option<(PathBuf, bool)> {
    mounts.iter().find_map(|mount| match mount {
        Mount::Bind {
            source,
            target,
            read_only,
        } if is_below(path, target) => {
            let rest = path[target.len()..].trim_start_matches('/');
            let full = if rest.is_empty() {
                source.clone()
            } else {
                source.join(rest)
            };
            Some((full, !read_only))
        }
        _ => None,
    })
}

impl Machine {
    /// Reads a file; links are followed.
    pub fn read_file(&self, path: &str) -> io::Result<Vec<u8>> {
        let mounts = self.look(|c| c.mounts.clone()).unwrap_or_default();
        if let Some((host, _)) = on_host(&mounts, path) {
            return std::fs::read(host);
        }
        let found = self.look(|c| c.files.follow(path).map(|file| file.bytes.clone()));
        found
            .flatten()
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    /// Writes a file.
    pub fn write_file(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let mounts = self.look(|c| c.mounts.clone()).unwrap_or_default();
        if let Some((host, writable)) = on_host(&mounts, path) {
            if !writable {
                return Err(refused(path, "a read-only file system"));
            }
            return std::fs::write(host, bytes);
        }
        let (uid, gid) = self.user;
        let file = FileView {
            bytes: bytes.to_vec(),
            mode: 0o644,
            uid,
            gid,
            ..FileView::default()
        };
        let done = self.look(|container| {
            let memory = container.mounts.iter().find_map(|mount| match mount {
                Mount::Tmpfs { target, size, .. } if is_below(path, target) => Some(*size),
                _ => None,
            });
            let fits = memory.is_none_or(|size| bytes.len() as u64 <= size);
            let read_only = container.hardening.read_only_rootfs && memory.is_none();
            if !Container::may_write(read_only, &container.mounts, path) {
                return Err(refused(path, "a read-only file system"));
            }
            if !fits {
                return Err(refused(path, "no space left"));
            }
            container.files.insert(path, file);
            Ok(())
        });
        done.unwrap_or_else(|| Err(refused(path, "the container is gone")))
    }

    /// What is at a path; links are not followed.
    pub fn stat(&self, path: &str) -> Option<FileView> {
        self.look(|container| {
            let mounted = container.mounts.iter().find_map(|mount| match mount {
                Mount::Tmpfs { target, mode, .. } if target == path => Some(FileView {
                    mode: *mode,
                    ..FileView::directory()
                }),
                Mount::Volume { target }
                    if target == path && container.files.get(path).is_none() =>
                {
                    Some(FileView::directory())
                }
                _ => None,
            });
            mounted.or_else(|| container.files.get(path).cloned())
        })?
    }
}
