//! The public face of a launch.

use std::sync::Arc;

use bottle_api::{Backend, EventSink, LaunchPlan, Proxy, SessionId};
use tokio::sync::oneshot;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Parts, adopt,
    owner::{self, Wires},
};
use crate::{
    AddressPool, Hidden, Lease, Outcome, PublicRoots, Secrets, Session, SessionStore,
    session::{Ended, down},
};

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
        let (session, stop) = (plan.session.clone(), parts.stop.child_token());
        self.own(session, stop, |launcher, wires| {
            owner::launch(launcher, plan, parts, wires)
        })
        .await
    }

    /// Becomes the owner of a running bottle that another process has handed over. `hidden` is
    /// what that one kept out of texts; what of it can be read again is, whatever it says.
    pub async fn adopt(
        &self,
        lease: Lease,
        hidden: Hidden,
        proxies: Vec<Box<dyn Proxy>>,
        stop: CancellationToken,
    ) -> Result<Session, Outcome> {
        let session = lease.session().clone();
        let proxies = proxies.into_iter().map(Arc::from).collect();
        self.own(session, stop.child_token(), |launcher, wires| {
            adopt::adopt(launcher, lease, hidden, proxies, wires)
        })
        .await
    }

    /// Starts the owning task and waits until the agent runs.
    async fn own<F>(
        &self,
        id: SessionId,
        stop: CancellationToken,
        task: impl FnOnce(Self, Wires) -> F,
    ) -> Result<Session, Outcome>
    where
        F: Future<Output = Ended> + Send + 'static,
    {
        let guard = stop.clone().drop_guard();
        let (ready, is_ready) = oneshot::channel();
        let (detach, detached) = oneshot::channel();
        let wires = Wires {
            ready,
            detach: detached,
            stop: stop.clone(),
        };
        let mut done = self.spawn(task(self.clone(), wires));
        tokio::select! {
            biased;
            Ok(up) = is_ready => Ok(Session {
                id,
                name: up.name,
                agent: up.agent,
                stdio: up.stdio,
                backend: Arc::clone(&self.backend),
                process: up.process,
                stop,
                guard,
                detach,
                done,
            }),
            ended = &mut done => Err(down(id, ended.ok())),
        }
    }

    /// Waits until every task of every launch has ended. Call it before the process ends.
    pub async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}
