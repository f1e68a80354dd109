//! `[backend.podman]`.

use std::time::Duration;

use bottle_api::ConfigError;
use schemars::JsonSchema;
use serde::Deserialize;

/// The table `[backend.podman]`. Without it, the engine is looked for in this order:
/// `CONTAINER_HOST`, `CONTAINER_CONNECTION`, the default of `podman system connection`, the
/// user's own socket, the system's socket; and if nothing answers there, a service is started for
/// as long as the command runs.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct PodmanConfig {
    /// Where the service listens: `unix:///run/podman/podman.sock` or `tcp://host:8080`.
    pub host: Option<String>,
    /// A connection of `podman system connection`, instead of `host`.
    pub connection: Option<String>,
    /// Talk to a `tcp://` service on another machine. Podman's service has no TLS: secrets cross
    /// the network readable for all.
    pub allow_plain_tcp: bool,
    /// Start a service of our own where none answers.
    pub start_service: bool,
    /// The `podman` program that such a service is started with.
    pub program: String,
    /// Upper limit of one request, in seconds.
    #[schemars(range(min = 1, max = 86_400))]
    pub timeout_secs: u64,
    /// Upper limit of one image build or pull, in seconds.
    #[schemars(range(min = 1, max = 86_400))]
    pub image_timeout_secs: u64,
}

impl Default for PodmanConfig {
    fn default() -> Self {
        Self {
            host: None,
            connection: None,
            allow_plain_tcp: false,
            start_service: true,
            program: "podman".to_owned(),
            timeout_secs: 120,
            image_timeout_secs: 3600,
        }
    }
}

impl PodmanConfig {
    /// Checks what can be checked without looking at the machine.
    pub(crate) fn check(self) -> Result<Self, ConfigError> {
        if self.host.is_some() && self.connection.is_some() {
            return Err(ConfigError::new(
                "`host` and `connection` exclude each other; keep one",
            ));
        }
        if self.program.is_empty() {
            return Err(ConfigError::new("`program` must not be empty"));
        }
        bottle_backend_common::check_limits(self.timeout_secs, self.image_timeout_secs)?;
        Ok(self)
    }

    pub(crate) fn limit(&self) -> Duration {
        Duration::from_secs(self.timeout_secs)
    }
    pub(crate) fn image_limit(&self) -> Duration {
        Duration::from_secs(self.image_timeout_secs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contradictions_and_nonsense_are_refused() {
        let defaults = PodmanConfig::default;
        assert!(defaults().check().is_ok());
        for config in [
            PodmanConfig {
                host: Some("unix:///x".into()),
                connection: Some("c".into()),
                ..defaults()
            },
            PodmanConfig {
                program: String::new(),
                ..defaults()
            },
            PodmanConfig {
                timeout_secs: 0,
                ..defaults()
            },
        ] {
            assert!(config.clone().check().is_err(), "{config:?}");
        }
    }
}
