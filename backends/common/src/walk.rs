//! Lists what of a folder goes into an archive, in a stable order and without following links.

use std::{
    ffi::OsString,
    fs::{self, FileType, Metadata},
    os::unix::{ffi::OsStrExt, fs::FileTypeExt},
    path::{Path, PathBuf},
};

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::{IgnoreRules, PackError};

/// A file, folder or link of the source folder.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Relative to the folder.
    pub(crate) path: PathBuf,
    pub(crate) metadata: Metadata,
}

/// What the walk found.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Folders before what is in them.
    pub(crate) entries: Vec<Entry>,
    /// Sockets, pipes and devices, which an archive for an image cannot hold usefully.
    pub(crate) left_out: Vec<PathBuf>,
}

/// What stays out.
#[derive(Debug)]
pub(crate) struct Filter {
    rules: IgnoreRules,
    /// Paths that go in whatever the rules say.
    always: Vec<PathBuf>,
    /// Further patterns, in the language of `.gitignore`.
    excludes: Gitignore,
    git: bool,
}

impl Filter {
    /// For the folder `root`; reads the first of `names` that exists as a `.dockerignore`.
    pub(crate) fn read(root: &Path, names: &[PathBuf]) -> Result<Self, PackError> {
        let metadata = fs::metadata(root).map_err(|error| PackError::read(root, error))?;
        if !metadata.is_dir() {
            return Err(PackError::NotAFolder(root.to_owned()));
        }
        let mut rules = IgnoreRules::default();
        for name in names {
            let path = root.join(name);
            match fs::read(&path) {
                Ok(bytes) => {
                    rules = IgnoreRules::parse(&String::from_utf8_lossy(&bytes))
                        .map_err(|source| PackError::Ignore { path, source })?;
                    break;
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(PackError::read(path, error)),
            }
        }
        Ok(Self {
            rules,
            always: vec![],
            excludes: Gitignore::empty(),
            git: true,
        })
    }
    /// Lets these in whatever the rules say.
    pub(crate) fn always(mut self, paths: Vec<PathBuf>) -> Self {
        self.always = paths;
        self
    }
    /// Adds patterns in the language of `.gitignore`.
    pub(crate) fn excludes(mut self, root: &Path, patterns: &[String]) -> Result<Self, PackError> {
        let mut builder = GitignoreBuilder::new(root);
        for pattern in patterns {
            builder
                .add_line(None, pattern)
                .map_err(|error| PackError::Exclude {
                    pattern: pattern.clone(),
                    reason: error.to_string(),
                })?;
        }
        self.excludes = builder.build().map_err(|error| PackError::Exclude {
            pattern: patterns.join(", "),
            reason: error.to_string(),
        })?;
        Ok(self)
    }
    /// Whether `.git` goes in, wherever it is.
    pub(crate) fn git(mut self, include: bool) -> Self {
        self.git = include;
        self
    }

    fn excludes_path(&self, path: &Path, is_dir: bool) -> Verdict {
        let bytes = path.as_os_str().as_bytes();
        if self.always.iter().any(|always| always == path) {
            Verdict::In
        } else if (!self.git && path.file_name().is_some_and(|name| name == ".git"))
            || self.excludes.matched(path, is_dir).is_ignore()
        {
            Verdict::Out
        } else if !self.rules.excludes(bytes) {
            Verdict::In
        } else if self.rules.takes_back() || self.always.iter().any(|p| p.starts_with(path)) {
            Verdict::OutButLookInside
        } else {
            Verdict::Out
        }
    }
}

enum Verdict {
    In,
    Out,
    OutButLookInside,
}

/// Lists everything below `root` that the filter lets through.
pub(crate) fn walk(root: &Path, filter: &Filter) -> Result<Listing, PackError> {
    let mut listing = Listing::default();
    folder(root, Path::new(""), filter, &mut listing)?;
    Ok(listing)
}

fn folder(
    root: &Path,
    relative: &Path,
    filter: &Filter,
    listing: &mut Listing,
) -> Result<(), PackError> {
    let here = root.join(relative);
    let mut names: Vec<OsString> = fs::read_dir(&here)
        .and_then(|read| read.map(|entry| entry.map(|e| e.file_name())).collect())
        .map_err(|error| PackError::read(&here, error))?;
    names.sort_unstable();
    for name in names {
        let path = relative.join(&name);
        let full = root.join(&path);
        let metadata = match fs::symlink_metadata(&full) {
            Ok(metadata) => metadata,
            // Gone since the folder was read, as temporary files are.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(PackError::read(full, error)),
        };
        let is_dir = metadata.is_dir();
        match filter.excludes_path(&path, is_dir) {
            Verdict::Out => continue,
            Verdict::OutButLookInside => {
                if is_dir {
                    below_excluded(root, path, metadata, filter, listing)?;
                }
                continue;
            }
            Verdict::In => {}
        }
        if is_special(metadata.file_type()) {
            listing.left_out.push(path);
            continue;
        }
        listing.entries.push(Entry {
            path: path.clone(),
            metadata,
        });
        if is_dir {
            folder(root, &path, filter, listing)?;
        }
    }
    Ok(())
}

/// An excluded folder goes in after all when something inside of it does, for the sake of its
/// mode.
fn below_excluded(
    root: &Path,
    path: PathBuf,
    metadata: Metadata,
    filter: &Filter,
    listing: &mut Listing,
) -> Result<(), PackError> {
    let mut inside = Listing::default();
    folder(root, &path, filter, &mut inside)?;
    if !inside.entries.is_empty() {
        listing.entries.push(Entry { path, metadata });
        listing.entries.append(&mut inside.entries);
    }
    listing.left_out.append(&mut inside.left_out);
    Ok(())
}

fn is_special(kind: FileType) -> bool {
    kind.is_socket() || kind.is_fifo() || kind.is_block_device() || kind.is_char_device()
}
