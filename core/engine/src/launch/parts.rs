//! What a launch needs besides its plan.

use std::sync::Arc;

use bottle_api::{LaunchSpec, Provisioner, Proxy};
use tokio_util::sync::CancellationToken;

/// What a launch needs besides its plan: the plugins that the plan was made with, and how to
/// run it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Parts {
    /// What the user asked for; provisioners see parts of it.
    pub spec: LaunchSpec,
    /// From the agent outward: they read their logs.
    pub proxies: Vec<Arc<dyn Proxy>>,
    /// They prepare the agent's files.
    pub provisioners: Vec<Box<dyn Provisioner>>,
    /// Attach to the agent before it starts, so that nothing it writes is missed.
    pub attach: bool,
    /// The backend's config table as TOML, for a later process that has to reach it.
    pub backend_table: Option<String>,
    /// Cancels the launch, or ends the session.
    pub stop: CancellationToken,
}

impl Parts {
    /// These plugins, not attached, never cancelled.
    pub fn new(
        spec: LaunchSpec,
        proxies: Vec<Box<dyn Proxy>>,
        provisioners: Vec<Box<dyn Provisioner>>,
    ) -> Self {
        Self {
            spec,
            proxies: proxies.into_iter().map(Arc::from).collect(),
            provisioners,
            attach: false,
            backend_table: None,
            stop: CancellationToken::new(),
        }
    }
    /// Attach to the agent before it starts.
    #[must_use]
    pub fn attach(mut self, attach: bool) -> Self {
        self.attach = attach;
        self
    }
    /// The backend's config table as TOML.
    #[must_use]
    pub fn backend_table(mut self, table: Option<String>) -> Self {
        self.backend_table = table;
        self
    }
    /// What cancels the launch, or ends the session.
    #[must_use]
    pub fn stop(mut self, stop: CancellationToken) -> Self {
        self.stop = stop;
        self
    }
}
