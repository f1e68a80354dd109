//! The lock that says "somebody looks after this session".
//!
//! `flock` belongs to the open file description: it survives being handed to a child process as
//! its standard input, and ends when the last copy of it is closed, however its holder died.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    os::{
        fd::AsFd as _,
        unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    },
    path::{Path, PathBuf},
    process::Stdio,
};

use bottle_api::{LaunchPlan, SessionId};
use serde::Serialize;

use super::{SessionMeta, StoreError, record::read_json};
use crate::PrintablePlan;

/// The right and the duty to take a session down. Dropping it makes the session debris, which
/// the next sweep removes.
#[derive(Debug)]
pub struct Lease {
    session: SessionId,
    folder: PathBuf,
    lock: File,
}

impl Lease {
    /// The session.
    pub fn session(&self) -> &SessionId {
        &self.session
    }

    /// Hands the lease to a child process as its standard input, where it takes it up with
    /// [`SessionStore::lease_from_stdin`](super::SessionStore::lease_from_stdin). The session
    /// stays owned without a gap.
    pub fn into_stdio(self) -> Stdio {
        Stdio::from(self.lock)
    }

    /// Makes the folder of a new session, locked from the moment it can be seen.
    pub(super) fn create(sessions: &Path, session: &SessionId) -> Result<Self, StoreError> {
        let folder = sessions.join(session.as_str());
        let hidden = sessions.join(format!(".{session}.new"));
        make_private_dir(&hidden)?;
        let lock = lock_file(&hidden)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => StoreError::Taken {
                session: session.to_string(),
            },
            TryLockError::Error(error) => StoreError::io("lock", &hidden, error),
        })?;
        fs::rename(&hidden, &folder).map_err(|e| StoreError::io("create", &folder, e))?;
        Ok(Self {
            session: session.clone(),
            folder,
            lock,
        })
    }

    /// Takes over a session whose owner is gone; `None` when somebody holds it.
    pub(super) fn take(folder: &Path, session: &SessionId) -> Result<Option<Self>, StoreError> {
        let lock = match lock_file(folder) {
            Ok(lock) => lock,
            Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        Ok(lock.try_lock().is_ok().then(|| Self {
            session: session.clone(),
            folder: folder.to_owned(),
            lock,
        }))
    }

    /// Whether somebody holds the lock of this folder.
    pub(super) fn is_held(folder: &Path) -> bool {
        // A shared lock: two who look at the same time do not take each other for the owner.
        File::open(folder.join("lock")).is_ok_and(|file| file.try_lock_shared().is_err())
    }

    /// Takes up a lease that was handed over as standard input.
    pub(super) fn from_stdin(folder: &Path, session: &SessionId) -> Result<Self, StoreError> {
        let path = folder.join("lock");
        let read = |e| StoreError::io("take over", &path, e);
        let lock = File::from(io::stdin().as_fd().try_clone_to_owned().map_err(read)?);
        let (mine, theirs) = (
            lock.metadata().map_err(read)?,
            fs::metadata(&path).map_err(read)?,
        );
        if (mine.dev(), mine.ino()) != (theirs.dev(), theirs.ino()) || !Self::is_held(folder) {
            return Err(StoreError::WrongLease {
                session: session.to_string(),
            });
        }
        Ok(Self {
            session: session.clone(),
            folder: folder.to_owned(),
            lock,
        })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn write_plan(&self, printable: &PrintablePlan) -> Result<(), StoreError> {
        write_json(&self.folder.join("plan.json"), &printable.plan)
    }
    pub(crate) fn read_plan(&self) -> Result<Option<LaunchPlan>, StoreError> {
        read_json(&self.folder.join("plan.json"))
    }
    pub(crate) fn write_meta(&self, meta: &SessionMeta) -> Result<(), StoreError> {
        write_json(&self.folder.join("meta.json"), meta)
    }
    pub(crate) fn read_meta(&self) -> Result<Option<SessionMeta>, StoreError> {
        read_json(&self.folder.join("meta.json"))
    }
    /// Opens a log of the session for appending.
    pub(crate) fn open_log(&self, name: &str) -> Result<File, StoreError> {
        let path = self.folder.join(name);
        OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path)
            .map_err(|e| StoreError::io("open", path, e))
    }
}

/// Makes a folder that only its owner may enter.
pub(super) fn make_private_dir(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|e| StoreError::io("create", path, e))
}

fn lock_file(folder: &Path) -> Result<File, StoreError> {
    let path = folder.join("lock");
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .mode(0o600)
        .open(&path)
        .map_err(|e| StoreError::io("open", path, e))
}

/// Replaces a file as a whole, so that a reader never sees half of it.
fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), StoreError> {
    let text = serde_json::to_vec_pretty(value).map_err(|source| StoreError::Damaged {
        path: path.to_owned(),
        source,
    })?;
    let temporary = path.with_extension("json.new");
    let write = || {
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(&text)?;
        drop(file);
        fs::rename(&temporary, path)
    };
    write().map_err(|e| StoreError::io("write", path, e))
}
