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

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, os::unix::fs::symlink, process::Command};

    use tar::{Archive, EntryType};

    use super::*;
    use crate::files::OwnTree;

    const OWNER: Owner = Owner {
        mode: 0o600,
        uid: 1000,
        gid: 1000,
    };

    fn packed(root: &Path) -> Result<BTreeMap<String, (EntryType, u32, String)>, String> {
        let mut archive = ArchiveBuilder::new(vec![OwnTree("/home/agent".into())]);
        add(&mut archive, root, "/home/agent/.x/skills", OWNER).map_err(|e| e.to_string())?;
        let bytes = archive.finish().unwrap();
        let mut found = BTreeMap::new();
        for entry in Archive::new(bytes.as_ref()).entries().unwrap() {
            let mut entry = entry.unwrap();
            assert_eq!(entry.header().uid().unwrap(), 1000);
            let mut content = String::new();
            entry.read_to_string(&mut content).unwrap();
            if let Some(link) = entry.link_name().unwrap() {
                content = link.display().to_string();
            }
            let name = entry.path().unwrap().display().to_string();
            let (kind, mode) = (entry.header().entry_type(), entry.header().mode().unwrap());
            assert!(found.insert(name, (kind, mode, content)).is_none(), "twice");
        }
        Ok(found)
    }

    #[test]
    fn modes_links_and_long_names_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let long = "n".repeat(120);
        fs::create_dir_all(root.join("a").join(&long)).unwrap();
        fs::write(root.join("a/run.sh"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(root.join("a/run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(root.join("a").join(&long).join("deep"), "x").unwrap();
        symlink("a/run.sh", root.join("link")).unwrap();
        symlink("../gone", root.join("a/dangling")).unwrap();
        let found = packed(root).unwrap();
        let at = |name: &str| found[&format!("home/agent/.x/skills{name}")].clone();
        assert_eq!(
            found["home/agent/.x/"].1, 0o755,
            "parents below the home are made"
        );
        assert!(
            !found.contains_key("home/agent/"),
            "the home itself is left alone"
        );
        assert_eq!(
            at("/a/run.sh"),
            (EntryType::Regular, 0o755, "#!/bin/sh\n".into())
        );
        assert_eq!(at(&format!("/a/{long}/deep")).2, "x");
        assert_eq!(at("/link"), (EntryType::Symlink, 0o777, "a/run.sh".into()));
        assert_eq!(at("/a/dangling").2, "../gone");
    }

    #[test]
    fn nothing_from_outside_gets_in() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), "x").unwrap();
        let absolute = outside.path().join("secret").display().to_string();
        for (name, target) in [
            ("up", "../x"),
            ("root", "/etc/passwd"),
            ("absolute", absolute.as_str()),
            ("round", "a/../../x"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir(folder.path().join("a")).unwrap();
            symlink(target, folder.path().join(name)).unwrap();
            let error = packed(folder.path()).unwrap_err();
            assert!(error.contains(name) && error.contains("outside"), "{error}");
        }
        // Each link looks harmless by itself; together they leave.
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("in/b/c")).unwrap();
        fs::create_dir(folder.path().join("in/s")).unwrap();
        fs::write(folder.path().join("x"), "x").unwrap();
        symlink("../../s", folder.path().join("in/b/c/d")).unwrap();
        symlink("b/c/d/../../x", folder.path().join("in/out")).unwrap();
        let error = packed(&folder.path().join("in")).unwrap_err();
        assert!(
            error.contains("out") && error.contains("outside"),
            "{error}"
        );
    }

    #[test]
    fn pipes_are_refused_and_missing_folders_named() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(
            Command::new("mkfifo")
                .arg(&pipe)
                .status()
                .unwrap()
                .success()
        );
        let error = packed(folder.path()).unwrap_err();
        assert!(error.contains("neither a file"), "{error}");
        let error = packed(Path::new("/nowhere/skills")).unwrap_err();
        assert!(
            error.contains("`/nowhere/skills`") && error.contains("No such file"),
            "{error}"
        );
    }
}
