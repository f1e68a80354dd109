//! What can go wrong with the journal.

use std::{io, path::PathBuf};

/// Why the session folder could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A file or folder of the state directory.
    #[error("cannot {act} `{}`", path.display())]
    Io {
        /// What was tried.
        act: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A file of a session is not what `bottle` writes.
    #[error("`{}` is damaged", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// The session's owner did not come so far.
    #[error("session `{session}` has no plan or no container")]
    Incomplete {
        /// Which.
        session: String,
    },
    /// Somebody else holds the session.
    #[error("session `{session}` is owned by another process")]
    Taken {
        /// Which.
        session: String,
    },
    /// The inherited file is not the lock of that session.
    #[error("standard input is not the lock of session `{session}`")]
    WrongLease {
        /// Which.
        session: String,
    },
}

impl StoreError {
    pub(crate) fn io(act: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Io {
            act,
            path: path.into(),
            source,
        }
    }

    /// What the user can do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                "set `XDG_STATE_HOME` to a folder that you may write to"
            }
            Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                "free some space, or set `XDG_STATE_HOME` to another disk"
            }
            Self::Io { .. } => {
                "look after that path, or set `XDG_STATE_HOME` to another folder of this machine"
            }
            Self::Damaged { .. } | Self::Incomplete { .. } => {
                "`bottle cleanup` removes what is left of that session"
            }
            Self::Taken { .. } => "`bottle stop` ends it, `bottle attach` joins it",
            Self::WrongLease { .. } => "this command is started by `bottle` itself only",
        }
    }
}
