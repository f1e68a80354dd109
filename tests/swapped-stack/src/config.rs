//! `[proxy.squid]`.

use bottle_api::ConfigError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The table `[proxy.squid]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The image to run; it needs `squid` (5 or later) and `perl` on its path. Built from Debian's
    /// package by default.
    pub image: Option<String>,
    /// Take `CONNECT`. Without it only plain `http` passes.
    pub connect: bool,
    /// Silence in a connection before it is closed, seconds.
    pub idle_seconds: u64,
    /// Memory of the sidecar, MiB.
    pub memory_mb: u64,
    /// How long it may take to get ready, seconds.
    pub ready_seconds: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            image: None,
            connect: true,
            idle_seconds: 1800,
            memory_mb: 256,
            ready_seconds: 30,
        }
    }
}

impl Config {
    /// What the types cannot say.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        for (key, value, least, most) in [
            ("idle_seconds", self.idle_seconds, 1, 86_400),
            ("memory_mb", self.memory_mb, 64, 1 << 20),
            ("ready_seconds", self.ready_seconds, 1, 3600),
        ] {
            if !(least..=most).contains(&value) {
                return Err(ConfigError::new(format!(
                    "`{key}` must be between {least} and {most}, not {value}; \
                     leave it out for the default"
                )));
            }
        }
        Ok(())
    }
}
