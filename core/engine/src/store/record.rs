//! A session as found on disk.

use std::{fs, io, path::PathBuf};

use bottle_api::{LaunchPlan, SessionId};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{SessionMeta, StoreError};

/// Whether somebody looks after a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    /// Its owner holds the lock.
    Live,
    /// Its owner is gone without cleaning up.
    Dead,
    /// It ended; its logs are kept for a while.
    Past,
}

/// A session as found on disk.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SessionRecord {
    /// The session.
    pub session: SessionId,
    /// Whether somebody looks after it.
    pub state: SessionState,
    /// Where its files are.
    pub folder: PathBuf,
    /// What its owner wrote down; `None` when it did not come that far.
    pub meta: Option<SessionMeta>,
}

impl SessionRecord {
    pub(crate) fn read(session: SessionId, state: SessionState, folder: PathBuf) -> Self {
        let meta = read_json(&folder.join("meta.json")).ok().flatten();
        Self {
            session,
            state,
            folder,
            meta,
        }
    }
    /// Everything that happened, one JSON object a line.
    pub fn events(&self) -> PathBuf {
        self.folder.join("events.jsonl")
    }
    /// Decisions about traffic, one JSON object a line.
    pub fn egress(&self) -> PathBuf {
        self.folder.join("egress.jsonl")
    }
    /// The plan it was launched from; `None` when it did not come that far.
    pub fn plan(&self) -> Result<Option<LaunchPlan>, StoreError> {
        read_json(&self.folder.join("plan.json"))
    }
    /// Whether it answers to `name`: its session id, or its bottle's name.
    pub fn is_called(&self, name: &str) -> bool {
        self.session.as_str() == name || self.meta.as_ref().is_some_and(|m| m.name == name)
    }
}

/// Reads a JSON file; `None` when there is none.
pub(super) fn read_json<T: DeserializeOwned>(
    path: &std::path::Path,
) -> Result<Option<T>, StoreError> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::io("read", path, error)),
    };
    match serde_json::from_slice(&text) {
        Ok(value) => Ok(Some(value)),
        Err(source) => Err(StoreError::Damaged {
            path: path.to_owned(),
            source,
        }),
    }
}
