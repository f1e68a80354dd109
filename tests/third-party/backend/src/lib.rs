//! A backend that keeps a ledger: every verb that changes something is noted in a file before an
//! engine is asked to do it. The engine here is the one in memory, so that this repository needs
//! no other.

mod ledger;
mod verbs;

// [docs: imports]
use std::path::PathBuf;

use bottle_api::{Backend, BackendInfo, ConfigError, PluginBuild, Statement, register_backend};
use bottle_backend_memory::Memory;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::ledger::Ledger;
// [docs: end]

// [docs: config]
/// The table `[backend.ledger]`. Every field has a default.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LedgerConfig {
    /// The file; without one, nothing is noted.
    pub path: Option<PathBuf>,
}
// [docs: end]

// [docs: build]
/// The plugin.
#[derive(Debug)]
pub struct Ledgered {
    engine: Memory,
    ledger: Ledger,
}

impl Ledgered {
    /// Around this engine.
    pub fn around(engine: Memory, config: LedgerConfig) -> Self {
        Self {
            engine,
            ledger: Ledger::new(config.path),
        }
    }
}

impl PluginBuild<dyn Backend> for Ledgered {
    const NAME: &'static str = "ledger";
    const SUMMARY: &'static str = "notes every verb in a file and passes it on";
    type Config = LedgerConfig;

    // Checks and stores; connects to nothing, so that `plan` and `plugins` never wait.
    fn build(config: LedgerConfig) -> Result<Box<dyn Backend>, ConfigError> {
        if config.path.as_ref().is_some_and(|path| path.is_relative()) {
            return Err(ConfigError::new("`path` must be absolute"));
        }
        Ok(Box::new(Self::around(Memory::default(), config)))
    }
}

register_backend!(Ledgered);
// [docs: end]

impl Ledgered {
    // [docs: guarantees]
    /// What the engine gives, this gives; but it is said in our own name.
    fn statements(&self, info: &BackendInfo, runtime: &str) -> Vec<Statement> {
        let mut all = self.engine.guarantees(info, runtime);
        for statement in &mut all {
            statement.by = Self::NAME.to_owned();
        }
        all
    }
    // [docs: end]
}
