//! The backend's table in a config file.

use std::{collections::BTreeMap, net::IpAddr};

use bottle_api::{Backend, ConfigError, PluginBuild};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::Memory;

/// What this engine is like.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MemoryConfig {
    /// OCI runtimes it knows; the first is the default.
    pub runtimes: Vec<String>,
    /// The one that `auto` takes where it is there.
    pub preferred_runtime: String,
    /// Fewest processes a container may be limited to, by runtime.
    pub min_pids: BTreeMap<String, u64>,
    /// CPUs that it says it has.
    pub cpus: Option<u64>,
    /// References that no registry has.
    pub missing_images: Vec<String>,
    /// Names that its resolver knows.
    pub names: BTreeMap<String, IpAddr>,
    /// It is not running: every call fails.
    pub down: bool,
    /// It has an address on internal networks too, so the host is not closed.
    pub gateway_on_internal: bool,
    /// It routes between its networks, so later hops are reached directly.
    pub routed_networks: bool,
}
impl Default for MemoryConfig {
    fn default() -> Self {
        Self {
            runtimes: vec!["runc".to_owned()],
            preferred_runtime: "runsc".to_owned(),
            min_pids: BTreeMap::from([("runsc".to_owned(), 512)]),
            cpus: Some(4),
            missing_images: vec![],
            names: BTreeMap::new(),
            down: false,
            gateway_on_internal: false,
            routed_networks: false,
        }
    }
}

impl PluginBuild<dyn Backend> for Memory {
    const NAME: &'static str = "memory";
    const SUMMARY: &'static str = "keeps everything in this process; for tests";
    type Config = MemoryConfig;
    fn build(config: MemoryConfig) -> Result<Box<dyn Backend>, ConfigError> {
        if config.runtimes.is_empty() {
            return Err(ConfigError::new("`runtimes` names no runtime"));
        }
        Ok(Box::new(Self::with_config(config)))
    }
}
