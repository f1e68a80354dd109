//! Writes tar archives while hashing what they mean: paths, kinds, modes, owners, links and
//! contents, but no times, so that an untouched folder keeps its hash.

use std::{
    fmt,
    fs::File,
    io::{self, Read, Write},
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use rustix::fs::OFlags;
use sha2::{Digest as _, Sha256};
use tar::{Builder, EntryType, Header};

use crate::{PatternError, walk::Entry};

/// Why an archive cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackError {
    /// A file or folder cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file's size or kind changed while it was read.
    #[error("`{}` changed while it was read", .0.display())]
    Changed(PathBuf),
    /// The context or working folder is a file.
    #[error("`{}` is no folder", .0.display())]
    NotAFolder(PathBuf),
    /// A path that must lie inside of the context does not.
    #[error("`{}` is not a path inside of the context", .0.display())]
    Outside(PathBuf),
    /// The place inside of an image is not absolute, or leads upwards.
    #[error("`{}` is no absolute path inside of a container", .0.escape_debug())]
    Target(String),
    /// A bad line in `.dockerignore`.
    #[error("`{}`, {source}", path.display())]
    Ignore {
        /// The file.
        path: PathBuf,
        /// The line.
        source: PatternError,
    },
    /// A bad exclude pattern.
    #[error("`{pattern}` is no valid exclude pattern: {reason}")]
    Exclude {
        /// The pattern.
        pattern: String,
        /// Why.
        reason: String,
    },
    /// The archive cannot be written to a temporary file.
    #[error("cannot write the archive to a temporary file: {0}")]
    Write(#[source] io::Error),
}

impl PackError {
    pub(crate) fn read(path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Read {
            path: path.into(),
            source,
        }
    }
    /// The disk that holds temporary files is full.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::Write(error) if matches!(
            error.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        ))
    }
}

/// A SHA-256 over what an archive means.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The first twelve hexadecimal digits, enough for a tag.
    pub fn short(&self) -> String {
        hex::encode(&self.0[..6])
    }
}
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}
impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// A finished archive.
#[derive(Debug)]
pub struct Archive {
    /// The tar, at its beginning; the file has no name and goes when this is dropped.
    pub file: File,
    /// Its length.
    pub len: u64,
    /// The hash of what is really inside.
    pub digest: Digest,
    /// Sockets, pipes and devices of the folder that did not go in.
    pub left_out: Vec<PathBuf>,
}

/// Owner and group of everything in an archive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}
impl Owner {
    pub(crate) const ROOT: Self = Self { uid: 0, gid: 0 };
}

/// Writes a tar and hashes as it goes.
pub(crate) struct Packer<W: Write> {
    tar: Builder<W>,
    hash: Sha256,
    owner: Owner,
    /// Where everything lies inside of the archive; empty for its root.
    prefix: PathBuf,
}

impl<W: Write> Packer<W> {
    pub(crate) fn new(out: W, owner: Owner, prefix: PathBuf) -> Self {
        let mut tar = Builder::new(out);
        tar.follow_symlinks(false);
        Self {
            tar,
            hash: Sha256::new(),
            owner,
            prefix,
        }
    }

    /// Mixes in what decides about the image but is no file.
    pub(crate) fn mix(&mut self, key: &str, value: &[u8]) {
        for part in [key.as_bytes(), value] {
            self.hash.update((part.len() as u64).to_le_bytes());
            self.hash.update(part);
        }
    }

    /// A file whose bytes are at hand.
    pub(crate) fn bytes(&mut self, path: &Path, mode: u32, bytes: &[u8]) -> Result<(), PackError> {
        let mut header = self.header(EntryType::Regular, mode, 0);
        header.set_size(bytes.len() as u64);
        self.describe("file", path, mode);
        self.mix("content", bytes);
        self.tar
            .append_data(&mut header, self.prefix.join(path), bytes)
            .map_err(PackError::Write)
    }

    /// The folder at the prefix itself, so that its mode and owner are kept too. The root of an
    /// archive has neither: engines leave the place they unpack to as it is.
    pub(crate) fn root(&mut self, mode: u32) -> Result<(), PackError> {
        self.describe("folder", Path::new("."), mode);
        if self.prefix.as_os_str().is_empty() {
            return Ok(());
        }
        let mut header = self.header(EntryType::Directory, mode, 0);
        header.set_size(0);
        self.tar
            .append_data(&mut header, &self.prefix, io::empty())
            .map_err(PackError::Write)
    }

    /// Something of a folder of the host.
    pub(crate) fn entry(&mut self, root: &Path, entry: &Entry) -> Result<(), PackError> {
        let full = root.join(&entry.path);
        let mode = entry.metadata.mode() & 0o7777;
        let mtime = modified(&entry.metadata);
        if entry.metadata.is_dir() {
            let mut header = self.header(EntryType::Directory, mode, mtime);
            header.set_size(0);
            self.describe("folder", &entry.path, mode);
            self.tar
                .append_data(&mut header, self.prefix.join(&entry.path), io::empty())
                .map_err(PackError::Write)
        } else if entry.metadata.is_symlink() {
            let target = std::fs::read_link(&full).map_err(|error| PackError::read(full, error))?;
            let mut header = self.header(EntryType::Symlink, 0o777, mtime);
            header.set_size(0);
            self.describe("link", &entry.path, 0o777);
            self.mix("target", target.as_os_str().as_bytes());
            self.tar
                .append_link(&mut header, self.prefix.join(&entry.path), &target)
                .map_err(PackError::Write)
        } else {
            self.file(&entry.path, &full)
        }
    }

    fn file(&mut self, path: &Path, full: &Path) -> Result<(), PackError> {
        let failed = |error| PackError::read(full, error);
        // Neither a link nor a pipe that took the file's place since the walk is followed.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = File::options()
            .read(true)
            .custom_flags(flags.bits().cast_signed())
            .open(full)
            .map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(PackError::Changed(full.to_owned()));
        }
        let mode = metadata.mode() & 0o7777;
        let mut header = self.header(EntryType::Regular, mode, modified(&metadata));
        header.set_size(metadata.len());
        self.describe("file", path, mode);
        self.hash.update(metadata.len().to_le_bytes());
        let mut reader = Exactly {
            file,
            left: metadata.len(),
            hash: &mut self.hash,
            failed: None,
        };
        let inside = self.prefix.join(path);
        let result = self.tar.append_data(&mut header, inside, &mut reader);
        match (result, reader.failed) {
            (Ok(()), _) => Ok(()),
            (Err(_), Some(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(PackError::Changed(full.to_owned()))
            }
            (Err(_), Some(error)) => Err(PackError::read(full, error)),
            (Err(error), None) => Err(PackError::Write(error)),
        }
    }

    pub(crate) fn finish(self) -> Result<(W, Digest), PackError> {
        let out = self.tar.into_inner().map_err(PackError::Write)?;
        Ok((out, Digest(self.hash.finalize().into())))
    }

    fn describe(&mut self, kind: &str, path: &Path, mode: u32) {
        self.mix(kind, path.as_os_str().as_bytes());
        self.hash.update(mode.to_le_bytes());
        self.hash.update(self.owner.uid.to_le_bytes());
        self.hash.update(self.owner.gid.to_le_bytes());
    }

    fn header(&self, kind: EntryType, mode: u32, mtime: u64) -> Header {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(self.owner.uid.into());
        header.set_gid(self.owner.gid.into());
        header.set_mtime(mtime);
        header
    }
}

fn modified(metadata: &std::fs::Metadata) -> u64 {
    metadata
        .modified()
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .map_or(0, |since| since.as_secs())
}

/// Reads just as many bytes as the header says, hashes them, and remembers why it failed, since
/// the tar writer cannot tell a failing source from a failing disk.
struct Exactly<'a> {
    file: File,
    left: u64,
    hash: &'a mut Sha256,
    failed: Option<io::Error>,
}

impl Read for Exactly<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        if room == 0 {
            return Ok(0);
        }
        match self.file.read(&mut buffer[..room]) {
            Ok(0) => {
                self.failed = Some(io::ErrorKind::UnexpectedEof.into());
                Err(io::ErrorKind::UnexpectedEof.into())
            }
            Ok(n) => {
                self.left -= n as u64;
                self.hash.update(&buffer[..n]);
                Ok(n)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                let copy = io::Error::new(error.kind(), error.to_string());
                self.failed = Some(error);
                Err(copy)
            }
        }
    }
}
