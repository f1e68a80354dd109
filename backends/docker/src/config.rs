//! `[backend.docker]`.

use std::{path::PathBuf, time::Duration};

use bottle_api::ConfigError;
use schemars::JsonSchema;
use serde::Deserialize;

/// The table `[backend.docker]`. Without it, the engine is found as the `docker` command finds
/// it: `DOCKER_HOST`, then `DOCKER_CONTEXT`, then the current context, then the local socket.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct DockerConfig {
    /// Where the engine listens: `unix:///var/run/docker.sock` or `tcp://host:2376`.
    pub host: Option<String>,
    /// A docker context, instead of `host`.
    pub context: Option<String>,
    /// Certificates for a `tcp://` host.
    pub tls: Option<TlsFiles>,
    /// Talk to a `tcp://` engine on another machine without TLS. Secrets then cross the network
    /// readable for all.
    pub allow_plain_tcp: bool,
    /// Upper limit of one request, in seconds.
    #[schemars(range(min = 1, max = 86_400))]
    pub timeout_secs: u64,
    /// Upper limit of one image build or pull, in seconds.
    #[schemars(range(min = 1, max = 86_400))]
    pub image_timeout_secs: u64,
}

/// Certificate files, PEM.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TlsFiles {
    /// The authority that signed the engine's certificate.
    pub ca: PathBuf,
    /// The client's certificate.
    pub cert: Option<PathBuf>,
    /// The client's key.
    pub key: Option<PathBuf>,
}

impl Default for DockerConfig {
    fn default() -> Self {
        Self {
            host: None,
            context: None,
            tls: None,
            allow_plain_tcp: false,
            timeout_secs: 120,
            image_timeout_secs: 3600,
        }
    }
}

impl DockerConfig {
    /// Checks what can be checked without looking at the machine.
    pub(crate) fn check(self) -> Result<Self, ConfigError> {
        if self.host.is_some() && self.context.is_some() {
            return Err(ConfigError::new(
                "`host` and `context` exclude each other; keep one",
            ));
        }
        bottle_backend_common::check_limits(self.timeout_secs, self.image_timeout_secs)?;
        if let Some(tls) = &self.tls
            && tls.cert.is_some() != tls.key.is_some()
        {
            return Err(ConfigError::new(
                "`tls.cert` and `tls.key` belong together; give both or none",
            ));
        }
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
        let defaults = DockerConfig::default;
        assert!(defaults().check().is_ok());
        for config in [
            DockerConfig {
                host: Some("unix:///x".into()),
                context: Some("c".into()),
                ..defaults()
            },
            DockerConfig {
                timeout_secs: 0,
                ..defaults()
            },
            DockerConfig {
                image_timeout_secs: 86_401,
                ..defaults()
            },
            DockerConfig {
                tls: Some(TlsFiles {
                    ca: "ca".into(),
                    cert: Some("c".into()),
                    key: None,
                }),
                ..defaults()
            },
        ] {
            assert!(config.clone().check().is_err(), "{config:?}");
        }
    }
}
