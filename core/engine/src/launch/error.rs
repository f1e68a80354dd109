//! Why a launch or a session ended badly.

use std::path::PathBuf;

use bottle_api::{BackendError, Phase, PluginError, Role};

use crate::{SecretError, StoreError, TrustError};

/// Why a launch or a session ended badly. `Display` is one line; [`hint`](Self::hint) is the
/// next step; neither holds a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LaunchError {
    /// A verb of the backend failed.
    #[error("{}", failed(*.phase))]
    Backend {
        /// During what.
        phase: Phase,
        /// What failed.
        source: BackendError,
    },
    /// The name was chosen by the user and is taken.
    #[error("the name `{name}` is taken by another container")]
    NameTaken {
        /// The bottle's name.
        name: String,
    },
    /// All names up to `-99` are taken.
    #[error("`{base}` and all names up to `{base}-99` are taken")]
    NamesExhausted {
        /// The wanted name.
        base: String,
    },
    /// No free block was found.
    #[error("no free addresses for network `{role}` after {tried} tries")]
    AddressesExhausted {
        /// The network.
        role: Role,
        /// So many blocks were tried.
        tried: usize,
        /// The last refusal.
        source: Box<BackendError>,
    },
    /// An image is neither here nor to be had.
    #[error("no image for `{role}`")]
    ImageMissing {
        /// The container.
        role: Role,
        /// The key that names another.
        config_key: String,
        /// What the engine said.
        source: Box<BackendError>,
    },
    /// A hop did not come up.
    #[error("`{role}` did not become ready: {reason}")]
    NotReady {
        /// The hop.
        role: Role,
        /// Why.
        reason: String,
        /// Its last log lines.
        logs: Vec<String>,
    },
    /// A secret has no value.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A file of the host cannot go into a container.
    #[error("cannot put `{}` into the bottle: {why}", path.display())]
    HostFile {
        /// On the host.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// A step on the host failed.
    #[error("{label}: {why}")]
    HostStep {
        /// Which.
        label: String,
        /// Why.
        why: String,
    },
    /// Certificates could not be made.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// A provisioner failed.
    #[error("provisioner `{name}` failed")]
    Provision {
        /// Which.
        name: String,
        /// Why.
        source: Box<PluginError>,
    },
    /// The session folder.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The user said so.
    #[error("cancelled")]
    Cancelled,
    /// A fault of `bottle` or of a plugin.
    #[error("internal error: {0}")]
    Panicked(String),
}

impl LaunchError {
    /// What the user can do next.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Backend { source, .. } => advice(source),
            Self::NameTaken { name } => {
                format!("`bottle stop {name}` ends it; or choose another with `--name`")
            }
            Self::NamesExhausted { .. } => {
                "choose another with `--name`; `bottle cleanup` removes what dead sessions left"
                    .to_owned()
            }
            Self::AddressesExhausted { .. } => {
                "set `[network] pool` to a private range that is free, such as `10.214.0.0/16`"
                    .to_owned()
            }
            Self::ImageMissing {
                config_key, source, ..
            } => {
                let own = source.hint().map(|hint| format!("{hint}; or "));
                format!(
                    "{}set `{config_key}` to an image that is here",
                    own.unwrap_or_default()
                )
            }
            Self::NotReady { .. } => {
                "its last log lines are above; `bottle doctor` checks the parts by themselves"
                    .to_owned()
            }
            Self::Secret(error) => error.hint(),
            Self::HostFile { path, .. } => format!(
                "make `{}` readable for you, or take it out of the configuration",
                path.display()
            ),
            Self::Cancelled => return None,
            Self::HostStep { .. } => {
                "the message is the program's own; the workspace modes `bind` and `copy` need no \
                 program on the host"
                    .to_owned()
            }
            Self::Trust(_) | Self::Panicked(_) => {
                "this is a fault of `bottle` or of a plugin; please report it".to_owned()
            }
            Self::Provision { name, source } => match &**source {
                PluginError::Backend(error) => advice(error),
                error => error.hint().map_or_else(
                    || format!("look at `[provisioner.{name}]`, and at what the image holds"),
                    str::to_owned,
                ),
            },
            Self::Store(error) => error.hint().to_owned(),
        })
    }
}

/// The error's own hint, else what helps against its kind.
fn advice(error: &BackendError) -> String {
    error.hint().unwrap_or(error.kind().advice()).to_owned()
}

fn failed(phase: Phase) -> &'static str {
    match phase {
        Phase::Images => "cannot get the images",
        Phase::Networks => "cannot create the networks",
        Phase::Sidecars => "cannot start the proxies",
        Phase::Agent => "cannot create the agent's container",
        Phase::Ready => "cannot tell whether the proxies are ready",
        Phase::Provision => "cannot prepare the agent's container",
        Phase::Running => "cannot start the agent, or lost sight of it",
        Phase::Teardown => "cannot clean up",
        _ => "the engine does not answer as it should",
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use bottle_api::{BackendErrorKind, ConfigError, SecretRef};

    use super::*;

    fn backend(kind: BackendErrorKind) -> BackendError {
        BackendError::new(kind, "create network", "no")
    }

    /// One of each variant that is not built from an engine's error.
    fn others() -> Vec<LaunchError> {
        let provision = |source| LaunchError::Provision {
            name: "git".into(),
            source: Box::new(source),
        };
        let mut all = vec![
            LaunchError::NameTaken { name: "a".into() },
            LaunchError::NamesExhausted { base: "a".into() },
            LaunchError::NotReady {
                role: Role::link(0),
                reason: String::new(),
                logs: vec![],
            },
            LaunchError::HostFile {
                path: "/a".into(),
                why: String::new(),
            },
            LaunchError::HostStep {
                label: "a".into(),
                why: String::new(),
            },
            LaunchError::Panicked(String::new()),
            provision(PluginError::failed("no")),
            provision(ConfigError::new("no").into()),
        ];
        for reference in [
            SecretRef::FromEnv("A".into()),
            SecretRef::FromFile("/a".into()),
            SecretRef::FromCommand(vec![]),
            SecretRef::Prompt(String::new()),
            SecretRef::Session("a".into()),
        ] {
            all.push(SecretError::new(&reference, "no").into());
        }
        for kind in [
            io::ErrorKind::PermissionDenied,
            io::ErrorKind::StorageFull,
            io::ErrorKind::NotFound,
            io::ErrorKind::ReadOnlyFilesystem,
            io::ErrorKind::Other,
        ] {
            all.push(StoreError::io("write", "/a", kind.into()).into());
        }
        let session = "a".to_owned();
        all.push(StoreError::Taken { session }.into());
        all
    }

    #[test]
    fn every_error_has_a_next_step() {
        let of_engine = BackendErrorKind::ALL.into_iter().flat_map(|kind| {
            [
                LaunchError::Backend {
                    phase: Phase::Networks,
                    source: backend(kind),
                },
                LaunchError::AddressesExhausted {
                    role: Role::link(0),
                    tried: 1,
                    source: Box::new(backend(kind)),
                },
                LaunchError::ImageMissing {
                    role: Role::agent(),
                    config_key: "agent.a.image".into(),
                    source: Box::new(backend(kind)),
                },
                LaunchError::Provision {
                    name: "ca".into(),
                    source: Box::new(backend(kind).into()),
                },
            ]
        });
        for error in of_engine.chain(others()) {
            let hint = error.hint();
            assert!(hint.is_some_and(|hint| !hint.is_empty()), "{error:?}");
        }
        assert_eq!(LaunchError::Cancelled.hint(), None);
    }
}
