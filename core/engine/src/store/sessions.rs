//! The state directory of one user on one machine.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use bottle_api::{InstanceId, SessionId};

use super::{
    Lease, SessionRecord, SessionState, StoreError, history::history_records,
    lease::make_private_dir,
};
use crate::names::random_text;

/// A folder that is being made is locked a moment after it appears.
const UNBORN_GRACE: Duration = Duration::from_mins(1);

/// The state directory: sessions that live or died, and the logs of the last ones.
#[derive(Clone, Debug)]
pub struct SessionStore {
    root: PathBuf,
    instance: InstanceId,
}

impl SessionStore {
    /// Opens, or makes, the state directory: `$XDG_STATE_HOME/bottle`.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let root = root.into();
        make_private_dir(&root.join("sessions"))?;
        make_private_dir(&root.join("history"))?;
        let instance = InstanceId::new(read_or_make_instance(&root)?);
        Ok(Self { root, instance })
    }

    /// The id that all resources of this state directory carry.
    pub fn instance(&self) -> &InstanceId {
        &self.instance
    }
    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Sessions that live or died without cleaning up, sorted by name of the folder.
    pub fn sessions(&self) -> Result<Vec<SessionRecord>, StoreError> {
        let path = self.root.join("sessions");
        let read = |e| StoreError::io("read", &path, e);
        let mut records = Vec::new();
        for entry in fs::read_dir(&path).map_err(read)? {
            let entry = entry.map_err(read)?;
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
                continue;
            };
            // A folder being made, or one whose maker died before anything else existed.
            if name.starts_with('.') || !entry.path().is_dir() {
                continue;
            }
            let state = if Lease::is_held(&entry.path()) {
                SessionState::Live
            } else {
                SessionState::Dead
            };
            records.push(SessionRecord::read(
                SessionId::new(name),
                state,
                entry.path(),
            ));
        }
        records.sort_by(|a, b| a.session.cmp(&b.session));
        Ok(records)
    }

    /// Ended sessions whose logs are still here, the newest first.
    pub fn history(&self) -> Result<Vec<SessionRecord>, StoreError> {
        history_records(&self.history_dir())
    }

    /// Finds a session by its id or its bottle's name: a live one, else a dead one, else the
    /// newest that ended.
    pub fn find(&self, name: &str) -> Result<Option<SessionRecord>, StoreError> {
        let mut records: Vec<_> = self
            .sessions()?
            .into_iter()
            .filter(|r| r.is_called(name))
            .collect();
        records.sort_by_key(|r| r.state != SessionState::Live);
        if let Some(first) = records.into_iter().next() {
            return Ok(Some(first));
        }
        Ok(self.history()?.into_iter().find(|r| r.is_called(name)))
    }

    /// Takes up a lease that another `bottle` handed to this process as its standard input.
    pub fn lease_from_stdin(&self, session: &SessionId) -> Result<Lease, StoreError> {
        Lease::from_stdin(&self.session_dir(session), session)
    }

    /// Makes the folder of a new session and locks it.
    pub(crate) fn begin(&self, session: &SessionId) -> Result<Lease, StoreError> {
        Lease::create(&self.root.join("sessions"), session)
    }
    /// Takes over a dead session; `None` when it lives, or is gone.
    pub(crate) fn take_over(&self, session: &SessionId) -> Result<Option<Lease>, StoreError> {
        let folder = self.session_dir(session);
        if folder.is_dir() {
            Lease::take(&folder, session)
        } else {
            Ok(None)
        }
    }
    /// Whether the session's owner lives.
    pub(crate) fn is_live(&self, session: &SessionId) -> bool {
        Lease::is_held(&self.session_dir(session))
    }
    /// Removes folders whose maker died before the session began.
    pub(crate) fn remove_unborn(&self) {
        let Ok(entries) = fs::read_dir(self.root.join("sessions")) else {
            return;
        };
        for entry in entries.flatten() {
            let old = entry
                .metadata()
                .and_then(|m| m.modified())
                .is_ok_and(|at| at.elapsed().is_ok_and(|age| age > UNBORN_GRACE));
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            if hidden && old && !Lease::is_held(&entry.path()) {
                // Somebody else may have been faster.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
    pub(crate) fn history_dir(&self) -> PathBuf {
        self.root.join("history")
    }
    fn session_dir(&self, session: &SessionId) -> PathBuf {
        self.root.join("sessions").join(session.as_str())
    }
}

/// The instance id is written once, by whoever comes first.
fn read_or_make_instance(root: &Path) -> Result<String, StoreError> {
    let path = root.join("instance");
    let temporary = root.join(format!(".instance.{}", random_text(6)));
    let make = || -> io::Result<String> {
        if let Ok(text) = fs::read_to_string(&path)
            && !text.trim().is_empty()
        {
            return Ok(text.trim().to_owned());
        }
        // Written aside and linked: the file is whole from the moment it has its name, and of
        // two who come at the same time one wins.
        fs::write(&temporary, random_text(16))?;
        let linked = fs::hard_link(&temporary, &path);
        fs::remove_file(&temporary)?;
        match linked {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        Ok(fs::read_to_string(&path)?.trim().to_owned())
    };
    make().map_err(|e| StoreError::io("write", &path, e))
}
