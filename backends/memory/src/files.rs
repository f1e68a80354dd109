//! The file system of a container, as archives change and show it.

use std::{
    collections::BTreeMap,
    io::{self, Read as _},
};

use bytes::Bytes;
use tar::{Archive, Builder, EntryType, Header};

/// A file as it is in a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileView {
    /// The bytes of a regular file.
    pub bytes: Vec<u8>,
    /// Where a symbolic link points.
    pub link: Option<String>,
    /// A directory.
    pub directory: bool,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u64,
    /// Group.
    pub gid: u64,
    /// The other name of the same file, for a hard link.
    pub same_as: Option<String>,
}
impl FileView {
    /// A regular file of root's.
    pub(crate) fn text(text: &str) -> Self {
        Self {
            bytes: text.as_bytes().to_vec(),
            mode: 0o644,
            ..Self::default()
        }
    }
    pub(crate) fn directory() -> Self {
        Self {
            directory: true,
            mode: 0o755,
            ..Self::default()
        }
    }
}

/// Files by absolute path.
#[derive(Clone, Debug, Default)]
pub(crate) struct Files(BTreeMap<String, FileView>);

impl Files {
    pub(crate) fn get(&self, path: &str) -> Option<&FileView> {
        self.0.get(path)
    }
    /// The file at the end of the links at a path.
    pub(crate) fn follow(&self, path: &str) -> Option<&FileView> {
        let mut file = self.get(path)?;
        let mut at = path.to_owned();
        // As many links as Linux follows.
        for _ in 0..40 {
            let Some(link) = &file.link else {
                return Some(file);
            };
            at = if link.starts_with('/') {
                link.clone()
            } else {
                let folder = at.rfind('/').map_or("", |cut| &at[..cut]);
                format!("{folder}/{link}")
            };
            file = self.get(&at)?;
        }
        None
    }
    pub(crate) fn paths(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }
    pub(crate) fn insert(&mut self, path: &str, file: FileView) {
        let mut parent = path;
        while let Some(cut) = parent.rfind('/').filter(|cut| *cut > 0) {
            parent = &parent[..cut];
            self.0
                .entry(parent.to_owned())
                .or_insert_with(FileView::directory);
        }
        self.0.insert(path.to_owned(), file);
    }

    /// Unpacks an archive at `/`. `writable` tells whether a path may be written.
    pub(crate) fn unpack(
        &mut self,
        archive: &[u8],
        writable: impl Fn(&str) -> bool,
    ) -> io::Result<()> {
        let mut archive = Archive::new(archive);
        for entry in archive.entries()? {
            let mut entry = entry?;
            let name = entry.path()?.to_string_lossy().into_owned();
            let path = format!("/{}", name.trim_matches('/'));
            if !writable(&path) {
                return Err(io::Error::other(format!(
                    "`{path}` is on a read-only file system"
                )));
            }
            let header = entry.header();
            let mut file = FileView {
                mode: header.mode()?,
                uid: header.uid()?,
                gid: header.gid()?,
                ..FileView::default()
            };
            match header.entry_type() {
                EntryType::Directory => file.directory = true,
                EntryType::Symlink => {
                    let link = entry.link_name()?.unwrap_or_default();
                    file.link = Some(link.to_string_lossy().into_owned());
                }
                EntryType::Regular => {
                    entry.read_to_end(&mut file.bytes)?;
                }
                EntryType::Link => {
                    let name = entry.link_name()?.unwrap_or_default();
                    let same = format!("/{}", name.to_string_lossy().trim_matches('/'));
                    let Some(found) = self.0.get(&same) else {
                        return Err(io::Error::other(format!("`{path}` links to nothing")));
                    };
                    file = FileView {
                        same_as: Some(same),
                        ..found.clone()
                    };
                }
                other => return Err(io::Error::other(format!("`{path}` is a {other:?}"))),
            }
            self.insert(&path, file);
        }
        Ok(())
    }

    /// Packs a file or folder; entry names start at the path's last part.
    pub(crate) fn pack(&self, path: &str) -> io::Result<Option<Bytes>> {
        let path = path.trim_end_matches('/');
        if !self.0.contains_key(path) {
            return Ok(None);
        }
        let cut = path.rfind('/').map_or(0, |cut| cut + 1);
        let mut builder = Builder::new(Vec::new());
        let below = format!("{path}/");
        for (name, file) in &self.0 {
            if name != path && !name.starts_with(&below) {
                continue;
            }
            let mut header = Header::new_gnu();
            header.set_mode(file.mode);
            header.set_uid(file.uid);
            header.set_gid(file.gid);
            header.set_size(file.bytes.len() as u64);
            if let Some(link) = &file.link {
                header.set_entry_type(EntryType::Symlink);
                builder.append_link(&mut header, &name[cut..], link)?;
            } else {
                header.set_entry_type(if file.directory {
                    EntryType::Directory
                } else {
                    EntryType::Regular
                });
                builder.append_data(&mut header, &name[cut..], file.bytes.as_slice())?;
            }
        }
        Ok(Some(builder.into_inner()?.into()))
    }
}
