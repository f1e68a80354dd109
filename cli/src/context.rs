//! What every command needs.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use bottle_api::{AgentSpec, Registry};
use bottle_config::{Config, Flags, Loader, TrustMode};
use bottle_engine::{Launcher, SessionStore};
use tokio_util::sync::CancellationToken;

use crate::{
    args::{GlobalArgs, VARIABLES},
    output::{Failure, Ledger, Printer},
};

/// What every command needs.
#[derive(Debug)]
pub(crate) struct Context {
    /// All output.
    pub(crate) printer: Printer,
    /// The flags that every command takes.
    pub(crate) global: GlobalArgs,
    /// The plugins of this binary.
    pub(crate) registry: Registry,
    /// The agents this binary knows without any configuration.
    pub(crate) presets: Vec<AgentSpec>,
    /// Cancelled by the first signal.
    pub(crate) stop: CancellationToken,
    /// What the launch of this process made, as far as is known.
    pub(crate) ledger: Arc<Mutex<Ledger>>,
    /// Launchers whose tasks must be over before the process ends.
    launchers: Mutex<Vec<Launcher>>,
}

impl Context {
    /// With the plugins that are linked in. None at all is a broken build, and said so.
    pub(crate) fn new(global: GlobalArgs, printer: Printer) -> Result<Self, Failure> {
        let registry = Registry::linked()?;
        complete(&registry)?;
        Ok(Self {
            printer,
            global,
            registry,
            presets: bottle_provisioners::presets(),
            stop: CancellationToken::new(),
            ledger: Arc::default(),
            launchers: Mutex::default(),
        })
    }

    /// Adds the flags that every command takes.
    pub(crate) fn flags(&self, flags: Flags) -> Flags {
        Flags {
            config: self.global.config.clone(),
            backend: self.global.backend.clone(),
            ..flags
        }
    }

    /// The loader of the configuration as this process sees it.
    pub(crate) fn loader(&self, flags: Flags, trust: TrustMode) -> Result<Loader, Failure> {
        let mut loader = Loader::from_process(self.flags(flags))?;
        loader.trust = trust;
        loader.known_variables = VARIABLES.map(|(name, _)| name.to_owned()).into();
        Ok(loader)
    }

    /// The configuration; whatever needs trust and has none is an error.
    pub(crate) fn config(&self, flags: Flags) -> Result<Config, Failure> {
        let loader = self.loader(flags, TrustMode::Enforce)?;
        Ok(loader.load(&self.registry, &self.presets)?)
    }

    /// The state folder.
    pub(crate) fn state_folder() -> Result<PathBuf, Failure> {
        let env: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Ok(bottle_config::Dirs::from_env(&env)?.state)
    }

    /// The journal of sessions.
    pub(crate) fn store() -> Result<SessionStore, Failure> {
        Ok(SessionStore::open(Self::state_folder()?)?)
    }

    /// Keeps a launcher in mind, so that the process waits for its clean-up.
    pub(crate) fn remember(&self, launcher: &Launcher) {
        let mut all = self
            .launchers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        all.push(launcher.clone());
    }

    /// Waits until nothing is left to undo.
    pub(crate) async fn finish(&self) {
        let all = std::mem::take(
            &mut *self
                .launchers
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        for launcher in all {
            launcher.finish().await;
        }
    }
}

/// A crate that nobody names is not linked: then there is nothing to run anything with.
fn complete(registry: &Registry) -> Result<(), Failure> {
    let missing = if registry.backends().next().is_none() {
        "backend"
    } else if registry.provisioners().next().is_none() {
        "provisioner"
    } else {
        return Ok(());
    };
    Err(
        Failure::new(format!("no {missing} is linked into this binary")).hint(
            "build it with the feature `docker`, or name your plugin crates in its `main.rs`: \
             `use my_backend as _;`",
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_without_plugins_says_so() {
        let failure = complete(&Registry::empty()).unwrap_err();
        assert!(failure.summary().contains("no backend is linked"));
        complete(&Registry::linked().unwrap()).unwrap();
    }
}
