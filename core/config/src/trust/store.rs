//! Remembers which content of which files a user trusts: pinned by hash, as direnv does.

use std::{
    fmt, io,
    io::Write,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A file and the SHA-256 of its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileHash {
    /// Where it is, absolute.
    pub path: PathBuf,
    /// Lower-case hexadecimal.
    pub sha256: String,
}

/// A repository's file and everything it extends, as they were when they were read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSet {
    /// The repository's file.
    pub path: PathBuf,
    /// It and every file it extends, each once, sorted by path.
    pub files: Vec<FileHash>,
}

impl FileSet {
    /// Hashes texts that were read; the first is the repository's file itself.
    pub(crate) fn of<'a>(texts: impl IntoIterator<Item = (&'a Path, &'a str)>) -> Option<Self> {
        let mut files: Vec<FileHash> = texts
            .into_iter()
            .map(|(path, text)| FileHash {
                path: path.to_owned(),
                sha256: hex::encode(Sha256::digest(text)),
            })
            .collect();
        let path = files.first()?.path.clone();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files.dedup();
        Some(Self { path, files })
    }
}

/// Whether a repository's file is trusted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// Exactly this content.
    Trusted,
    /// Never, or not any more.
    Untrusted,
    /// It was, with other content.
    Changed {
        /// The files that differ, are new, or are gone.
        files: Vec<PathBuf>,
    },
}

impl fmt::Display for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Trusted => "trusted",
            Self::Untrusted => "not trusted",
            Self::Changed { .. } => "changed since it was trusted",
        })
    }
}

/// A grant that was remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedFile {
    /// What was trusted.
    pub set: FileSet,
    /// Whether the file is still there.
    pub exists: bool,
}

/// The grants of one user, a file each, for the user's eyes only.
#[derive(Clone, Debug)]
pub struct TrustStore {
    folder: PathBuf,
}

impl TrustStore {
    /// The grants in this folder ([`Dirs::trust`](crate::Dirs::trust)).
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// Whether exactly this content is trusted. A record that cannot be read trusts nothing.
    pub fn status(&self, set: &FileSet) -> Trust {
        let Some(known) = self.record(&set.path) else {
            return Trust::Untrusted;
        };
        if known == *set {
            return Trust::Trusted;
        }
        let differs = |one: &&FileHash, other: &FileSet| !other.files.contains(one);
        let new = set.files.iter().filter(|file| differs(file, &known));
        let old = known.files.iter().filter(|file| differs(file, set));
        let mut files: Vec<PathBuf> = new.chain(old).map(|file| file.path.clone()).collect();
        files.sort();
        files.dedup();
        Trust::Changed { files }
    }

    /// Trusts exactly this content, instead of any other content of the same file.
    pub fn grant(&self, set: &FileSet) -> io::Result<()> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)?;
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.as_file()
            .set_permissions(std::fs::Permissions::from_mode(0o600))?;
        serde_json::to_writer_pretty(&mut file, set)?;
        file.flush()?;
        file.persist(self.place(&set.path))?;
        Ok(())
    }

    /// Takes the trust in a repository's file back. `false` when there was none.
    pub fn revoke(&self, path: &Path) -> io::Result<bool> {
        match std::fs::remove_file(self.place(&crate::files::settled(path))) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Every grant, sorted by path.
    pub fn list(&self) -> io::Result<Vec<TrustedFile>> {
        let entries = match std::fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
            entries => entries?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let read = std::fs::read(entry?.path()).ok();
            let set = read.and_then(|bytes| serde_json::from_slice::<FileSet>(&bytes).ok());
            found.extend(set.map(|set| TrustedFile {
                exists: set.path.exists(),
                set,
            }));
        }
        found.sort_by(|a, b| a.set.path.cmp(&b.set.path));
        Ok(found)
    }

    fn record(&self, path: &Path) -> Option<FileSet> {
        let bytes = std::fs::read(self.place(path)).ok()?;
        let set: FileSet = serde_json::from_slice(&bytes).ok()?;
        (set.path == path).then_some(set)
    }
    fn place(&self, path: &Path) -> PathBuf {
        use std::os::unix::ffi::OsStrExt;
        let name = hex::encode(Sha256::digest(path.as_os_str().as_bytes()));
        self.folder.join(format!("{name}.json"))
    }
}
