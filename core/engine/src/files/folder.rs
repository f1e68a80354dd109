//! A folder of the host with modes and symbolic links, and nothing from outside of it.

use std::{
    fs::{self, DirEntry, Metadata, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Component, Path, PathBuf},
};

use rustix::fs::OFlags;

use super::{ArchiveBuilder, archive::Owner, content::host_error};
use crate::LaunchError;

/// The archive is in memory.
const SIZE_LIMIT: u64 = 512 << 20;

/// Adds everything in `root` as `target`. Owners are `owner`'s, modes the host's.
pub(super) fn add(
    archive: &mut ArchiveBuilder,
    root: &Path,
    target: &str,
    owner: Owner,
) -> Result<(), LaunchError> {
    let fail = |error: io::Error| host_error(root, &error);
    let real_root = fs::canonicalize(root).map_err(fail)?;
    let mut walk = Walk {
        archive,
        target,
        owner,
        left: SIZE_LIMIT,
        real_root: &real_root,
    };
    walk.folder(&real_root, Path::new(""))
}

struct Walk<'a> {
    archive: &'a mut ArchiveBuilder,
    target: &'a str,
    owner: Owner,
    left: u64,
    real_root: &'a Path,
}

impl Walk<'_> {
    fn folder(&mut self, path: &Path, below: &Path) -> Result<(), LaunchError> {
        let fail = |error: io::Error| host_error(path, &error);
        let owner = self.owned(&fs::symlink_metadata(path).map_err(fail)?);
        let inside = self.inside(below)?;
        self.archive.folder(&inside, owner).map_err(fail)?;
        let entries: Result<Vec<DirEntry>, _> = fs::read_dir(path).map_err(fail)?.collect();
        let mut entries = entries.map_err(fail)?;
        entries.sort_by_key(DirEntry::file_name);
        for entry in entries {
            self.entry(&entry.path(), &below.join(entry.file_name()))?;
        }
        Ok(())
    }

    fn entry(&mut self, path: &Path, below: &Path) -> Result<(), LaunchError> {
        let fail = |error: io::Error| host_error(path, &error);
        let metadata = fs::symlink_metadata(path).map_err(fail)?;
        let kind = metadata.file_type();
        if kind.is_dir() {
            return self.folder(path, below);
        }
        let (inside, owner) = (self.inside(below)?, self.owned(&metadata));
        if kind.is_symlink() {
            let link = fs::read_link(path).map_err(fail)?;
            self.check_link(path, below, &link)?;
            let link = text(&link)?;
            self.archive.link(&inside, owner, link).map_err(fail)
        } else if kind.is_file() {
            let bytes = self.read(path).map_err(fail)?;
            self.archive.file(&inside, owner, &bytes).map_err(fail)
        } else {
            Err(fail(io::Error::other(
                "it is neither a file, a folder nor a symbolic link",
            )))
        }
    }

    /// Reads a file that was no link a moment ago, and refuses when it has become one.
    fn read(&mut self, path: &Path) -> io::Result<Vec<u8>> {
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(flags)
            .open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        let mut bytes = Vec::new();
        file.take(self.left + 1).read_to_end(&mut bytes)?;
        self.left = self
            .left
            .checked_sub(bytes.len() as u64)
            .ok_or_else(|| io::Error::other("the folder holds more than 512 MiB"))?;
        Ok(bytes)
    }

    /// A link must stay inside: as it is written, and as it is resolved on the host.
    fn check_link(&self, path: &Path, below: &Path, link: &Path) -> Result<(), LaunchError> {
        let refuse = || {
            let why = format!(
                "it is a link to `{}`, outside of the folder",
                link.display()
            );
            Err(host_error(path, &io::Error::other(why)))
        };
        let mut depth = below.components().count() - 1;
        for part in link.components() {
            match part {
                Component::Normal(_) => depth += 1,
                Component::CurDir => {}
                Component::ParentDir if depth > 0 => depth -= 1,
                Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                    return refuse();
                }
            }
        }
        match fs::canonicalize(path) {
            Ok(real) if !real.starts_with(self.real_root) => refuse(),
            _ => Ok(()),
        }
    }

    fn inside(&self, below: &Path) -> Result<String, LaunchError> {
        let below = text(below)?;
        Ok(if below.is_empty() {
            self.target.to_owned()
        } else {
            format!("{}/{below}", self.target)
        })
    }

    fn owned(&self, metadata: &Metadata) -> Owner {
        Owner {
            mode: metadata.permissions().mode() & 0o777,
            ..self.owner
        }
    }
}

fn text(path: &Path) -> Result<&str, LaunchError> {
    path.to_str()
        .ok_or_else(|| host_error(&PathBuf::from(path), &io::Error::other("it is not UTF-8")))
}
