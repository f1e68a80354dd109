//! An archive for `/`, cut into the parts that lie in a container's mounts and the rest.

use std::{
    io::{self, Read},
    path::{Component, Path, PathBuf},
};

use bytes::Bytes;

/// A cut archive.
#[derive(Debug)]
pub(crate) struct Split {
    /// A mount, and the archive to unpack there.
    pub(crate) parts: Vec<(String, Bytes)>,
    /// The same, entry by entry, for those who unpack at `/`.
    pub(crate) in_mounts: Vec<Piece>,
    /// What lies in no mount, in order.
    pub(crate) rest: Vec<Piece>,
}

/// An entry, as an archive of its own without an end.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) path: PathBuf,
    pub(crate) owner: (u64, u64),
    pub(crate) bytes: Vec<u8>,
}

/// What ends an archive.
pub(crate) const END: [u8; 1024] = [0; 1024];

/// Cuts an archive. Folders that only lead to a mount are left out: they are there. So is the
/// root of a mount itself, which keeps the owner and mode it has: no engine applies an entry for
/// the very place it unpacks to.
pub(crate) fn split(archive: &[u8], mounts: &[String]) -> io::Result<Split> {
    let mut parts: Vec<(&String, PathBuf, Vec<u8>)> = mounts
        .iter()
        .map(|mount| (mount, relative(Path::new(mount)), Vec::new()))
        .collect();
    // The deepest mount that holds a path is the one that counts.
    parts.sort_by_key(|(_, root, _)| std::cmp::Reverse(root.components().count()));

    let (mut rest, mut in_mounts) = (Vec::new(), Vec::new());
    let mut reader = tar::Archive::new(archive);
    for entry in reader.entries()? {
        let mut entry = entry?;
        let path = relative(&entry.path()?);
        if parts.iter().any(|(_, root, _)| root.starts_with(&path)) {
            continue;
        }
        match parts
            .iter_mut()
            .find(|(_, root, _)| path.starts_with(root.as_path()))
        {
            Some((_, root, part)) => {
                let piece = piece(&mut entry, path)?;
                let mut again = tar::Archive::new(piece.bytes.as_slice());
                if let Some(entry) = again.entries()?.next() {
                    part.extend(copy(&mut entry?, &piece.path, root)?);
                }
                in_mounts.push(piece);
            }
            None => rest.push(piece(&mut entry, path)?),
        }
    }
    let parts = parts
        .into_iter()
        .filter(|(_, _, part)| !part.is_empty())
        .map(|(mount, _, mut part)| {
            part.extend(END);
            (mount.clone(), part.into())
        });
    Ok(Split {
        parts: parts.collect(),
        in_mounts,
        rest,
    })
}

fn piece<R: Read>(entry: &mut tar::Entry<'_, R>, path: PathBuf) -> io::Result<Piece> {
    Ok(Piece {
        owner: (entry.header().uid()?, entry.header().gid()?),
        bytes: copy(entry, &path, Path::new(""))?,
        path,
    })
}

/// Whether this path lies in a mount.
pub(crate) fn in_a_mount(path: &str, mounts: &[String]) -> bool {
    let path = relative(Path::new(path));
    mounts
        .iter()
        .any(|mount| path.starts_with(relative(Path::new(mount))))
}

/// An entry with its path (and a hard link's target) made relative to `root`, without the
/// archive's end.
fn copy<R: Read>(entry: &mut tar::Entry<'_, R>, path: &Path, root: &Path) -> io::Result<Vec<u8>> {
    let inside = |path: &Path| path.strip_prefix(root).unwrap_or(path).to_owned();
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = entry.header().clone();
    match entry.link_name()? {
        Some(target) => {
            let target = if header.entry_type().is_hard_link() {
                inside(&relative(&target))
            } else {
                target.into_owned()
            };
            tar.append_link(&mut header, inside(path), target)?;
        }
        None => tar.append_data(&mut header, inside(path), entry)?,
    }
    let mut bytes = tar.into_inner()?;
    bytes.truncate(bytes.len() - END.len());
    Ok(bytes)
}

/// Without a leading slash and without dots.
fn relative(path: &Path) -> PathBuf {
    path.components()
        .filter(|part| matches!(part, Component::Normal(_)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive() -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        let mut add = |path: &str, kind, mode, uid, data: &[u8]| {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(kind);
            header.set_mode(mode);
            header.set_uid(uid);
            header.set_gid(uid);
            header.set_size(data.len() as u64);
            tar.append_data(&mut header, path, data).unwrap();
        };
        let (dir, file) = (tar::EntryType::Directory, tar::EntryType::Regular);
        add("etc/", dir, 0o755, 0, b"");
        add("etc/proxy/", dir, 0o700, 7, b"");
        add("etc/proxy/key", file, 0o400, 7, b"secret");
        add("etc/proxy/deep/in", file, 0o644, 8, b"deep");
        add("srv/x", file, 0o600, 9, b"rest");
        let mut link = |kind, path, target| {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(kind);
            header.set_size(0);
            header.set_mode(0o777);
            header.set_uid(0);
            header.set_gid(0);
            tar.append_link(&mut header, path, target).unwrap();
        };
        link(tar::EntryType::Symlink, "etc/proxy/link", "key");
        link(tar::EntryType::Link, "etc/proxy/hard", "etc/proxy/key");
        tar.into_inner().unwrap()
    }

    fn show(place: &str, tar: &[u8]) -> Vec<String> {
        let mut archive = tar::Archive::new(tar);
        let entries = archive.entries().unwrap().map(|entry| {
            let entry = entry.unwrap();
            format!(
                "{place} {} {:o} {} {}",
                entry.path().unwrap().display(),
                entry.header().mode().unwrap(),
                entry.header().uid().unwrap(),
                entry
                    .link_name()
                    .unwrap()
                    .map_or(String::new(), |link| link.display().to_string()),
            )
        });
        entries.collect()
    }

    #[test]
    fn entries_go_to_the_deepest_mount_with_owner_and_mode() {
        let mounts = ["/etc/proxy".to_owned(), "/etc/proxy/deep".to_owned()];
        let split = split(&archive(), &mounts).unwrap();
        let parts = split.parts.iter();
        let seen: Vec<_> = parts.flat_map(|(mount, part)| show(mount, part)).collect();
        assert_eq!(
            seen,
            [
                "/etc/proxy/deep in 644 8 ",
                "/etc/proxy key 400 7 ",
                "/etc/proxy link 777 0 key",
                "/etc/proxy hard 777 0 key",
            ]
        );
        assert_eq!(split.rest.len(), 1);
        assert_eq!(split.rest[0].owner, (9, 9));
        assert_eq!(show("rest", &split.rest[0].bytes), ["rest srv/x 600 9 "]);
    }

    #[test]
    fn a_mount_is_no_mere_beginning_of_a_name() {
        let mounts = ["/etc/prox".to_owned()];
        let split = split(&archive(), &mounts).unwrap();
        assert!(split.parts.is_empty());
        assert_eq!(split.rest[0].path, Path::new("etc/proxy"));
        assert!(in_a_mount("/etc/prox/y", &mounts) && !in_a_mount("/etc/proxy", &mounts));
    }
}
