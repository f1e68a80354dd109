//! Errors of the plugin boundary.

use std::{error::Error as StdError, fmt};

use crate::ConfigError;

/// What the launcher may have to branch on. A backend classifies; it never reacts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BackendErrorKind {
    /// A resource of that name exists already, whoever owns it.
    NameConflict,
    /// The resource does not exist.
    NotFound,
    /// The image is neither here nor can it be had from its registry.
    ImageMissing,
    /// The engine does not know the requested OCI runtime.
    RuntimeMissing,
    /// The requested subnet or address overlaps one in use.
    AddressInUse,
    /// The engine cannot be reached, or does not answer as one.
    EngineDown,
    /// The engine, or the socket in front of it, refuses this user or this request.
    Denied,
    /// No answer within the call's limit.
    Timeout,
    /// This backend, or this version of its engine, cannot do it.
    Unsupported,
    /// A build step failed.
    BuildFailed,
    /// No space left on a device.
    DiskFull,
    /// Anything else.
    Other,
}

impl BackendErrorKind {
    /// All kinds.
    pub const ALL: [Self; 12] = [
        Self::NameConflict,
        Self::NotFound,
        Self::ImageMissing,
        Self::RuntimeMissing,
        Self::AddressInUse,
        Self::EngineDown,
        Self::Denied,
        Self::Timeout,
        Self::Unsupported,
        Self::BuildFailed,
        Self::DiskFull,
        Self::Other,
    ];

    /// What the user can do next, when the error itself has no better [hint](BackendError::hint).
    pub fn advice(self) -> &'static str {
        match self {
            Self::NameConflict => {
                "`bottle cleanup` removes what dead sessions left; or choose another name with `--name`"
            }
            Self::NotFound => {
                "somebody else removed it; start the bottle again, `bottle cleanup` removes the rest"
            }
            Self::ImageMissing => "name another image, or pull or build this one by hand",
            Self::RuntimeMissing => {
                "`bottle doctor` lists the runtimes the engine knows; choose one with `--runtime`"
            }
            Self::AddressInUse => {
                "set `[network] pool` to a private range that is free, such as `10.214.0.0/16`"
            }
            Self::EngineDown | Self::Timeout => {
                "see whether the engine runs and answers: `bottle doctor`"
            }
            Self::Denied => "see what this user may do with the engine: `bottle doctor`",
            Self::Unsupported => {
                "use a newer engine, or take what it cannot do out of the configuration"
            }
            Self::BuildFailed => "the build's own words are above; mend the image's recipe",
            Self::DiskFull => {
                "free some space on the engine's disk; `bottle cleanup --images` removes images it \
                 no longer needs"
            }
            Self::Other => {
                "`bottle doctor` checks the engine; its own log may say more about this request"
            }
        }
    }
}

/// The error every backend primitive returns. `Display` is one line; the cause chain and the
/// hint are separate.
#[derive(Debug)]
pub struct BackendError {
    kind: BackendErrorKind,
    operation: &'static str,
    message: String,
    hint: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl BackendError {
    /// `operation` says what was tried ("create network"), `message` on what and why it failed.
    pub fn new(
        kind: BackendErrorKind,
        operation: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            operation,
            message: message.into(),
            hint: None,
            source: None,
        }
    }
    /// Adds the underlying cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
    /// Adds what the user can do next.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
    /// What the launcher branches on.
    pub fn kind(&self) -> BackendErrorKind {
        self.kind
    }
    /// What was tried.
    pub fn operation(&self) -> &'static str {
        self.operation
    }
    /// What the user can do next.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.operation, self.message)
    }
}

impl StdError for BackendError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}

/// The error a proxy or a provisioner returns.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PluginError {
    /// A configuration value is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A primitive of the backend failed.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// This plugin cannot stand at this place of the chain.
    #[error("{message}")]
    Chain {
        /// What does not fit, and why.
        message: String,
        /// A chain that works.
        hint: String,
    },
    /// Anything else, in words.
    #[error("{message}")]
    Failed {
        /// What failed, on what, why.
        message: String,
        /// What the user can do next.
        hint: Option<String>,
    },
}

impl PluginError {
    /// A failure in words.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::Failed {
            message: message.into(),
            hint: None,
        }
    }
    /// A failure in words, with the next step.
    pub fn failed_with_hint(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Failed {
            message: message.into(),
            hint: Some(hint.into()),
        }
    }
    /// What the user can do next.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Config(_) => None,
            Self::Backend(error) => error.hint(),
            Self::Chain { hint, .. } => Some(hint),
            Self::Failed { hint, .. } => hint.as_deref(),
        }
    }
}
