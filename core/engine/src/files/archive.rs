//! A tar archive in memory, to be unpacked at `/`.

use std::{
    collections::BTreeSet,
    io,
    time::{SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use tar::{Builder, EntryType, Header};

/// Who owns an entry, and what may be done with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner {
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// A folder inside the container whose sub-folders belong to whoever owns the files in them.
///
/// Elsewhere parents are left to the engine (which makes missing ones as root's): an entry for a
/// folder that is there already, such as `/etc`, would change its owner.
#[derive(Clone, Debug)]
pub(crate) struct OwnTree(pub(crate) String);

/// The root of a volume, and the user who has to write to it.
#[derive(Clone, Debug)]
pub(crate) struct VolumeRoot {
    pub(crate) path: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// Collects entries.
pub(crate) struct ArchiveBuilder {
    tar: Builder<Vec<u8>>,
    trees: Vec<OwnTree>,
    folders: BTreeSet<String>,
    modified: u64,
}

impl ArchiveBuilder {
    pub(crate) fn new(trees: Vec<OwnTree>) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            tar: Builder::new(Vec::new()),
            trees,
            folders: BTreeSet::new(),
            modified: now.map_or(0, |now| now.as_secs()),
        }
    }

    /// A regular file, and the folders above it.
    pub(crate) fn file(&mut self, path: &str, owner: Owner, bytes: &[u8]) -> io::Result<()> {
        self.parents(path, owner)?;
        let mut header = self.header(EntryType::Regular, owner);
        header.set_size(bytes.len() as u64);
        self.tar
            .append_data(&mut header, path.trim_start_matches('/'), bytes)
    }

    /// A folder, and the folders above it. Said twice, the last owner and mode count.
    pub(crate) fn folder(&mut self, path: &str, owner: Owner) -> io::Result<()> {
        self.parents(path, owner)?;
        self.folders.remove(path);
        self.one_folder(path, owner)
    }

    /// A symbolic link.
    pub(crate) fn link(&mut self, path: &str, owner: Owner, target: &str) -> io::Result<()> {
        self.parents(path, owner)?;
        let mut header = self.header(EntryType::Symlink, owner);
        self.tar
            .append_link(&mut header, path.trim_start_matches('/'), target)
    }

    /// The archive.
    pub(crate) fn finish(self) -> io::Result<Bytes> {
        Ok(self.tar.into_inner()?.into())
    }

    fn parents(&mut self, path: &str, owner: Owner) -> io::Result<()> {
        let trees = self
            .trees
            .iter()
            .map(|OwnTree(tree)| tree.trim_end_matches('/'));
        let Some(base) = trees
            .filter(|tree| crate::plan::is_below(path, tree))
            .map(str::len)
            .max()
        else {
            return Ok(());
        };
        let owner = Owner {
            mode: 0o755,
            ..owner
        };
        let slashes: Vec<usize> = path.match_indices('/').map(|(at, _)| at).collect();
        for at in slashes.into_iter().filter(|at| *at > base) {
            self.one_folder(&path[..at], owner)?;
        }
        Ok(())
    }

    fn one_folder(&mut self, path: &str, owner: Owner) -> io::Result<()> {
        if path.is_empty() || !self.folders.insert(path.to_owned()) {
            return Ok(());
        }
        let mut header = self.header(EntryType::Directory, owner);
        let name = format!("{}/", path.trim_matches('/'));
        self.tar.append_data(&mut header, name, io::empty())
    }

    fn header(&self, kind: EntryType, owner: Owner) -> Header {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(owner.mode);
        header.set_uid(owner.uid.into());
        header.set_gid(owner.gid.into());
        header.set_mtime(self.modified);
        header.set_size(0);
        header
    }
}
