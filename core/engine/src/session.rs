//! A running bottle.

use std::sync::Arc;

use bottle_api::{
    Backend, BackendError, ContainerId, ExecRequest, ExitStatus, Process, SessionId, Stdio,
};
use tokio::sync::oneshot;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{Hidden, LaunchError, Lease, TeardownReport};

/// How a launch and its session ended. The teardown report is always there and never hides
/// the result.
#[derive(Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// The session.
    pub session: SessionId,
    /// How the agent ended; `None` when it was stopped. Or the first thing that went wrong.
    pub result: Result<Option<ExitStatus>, LaunchError>,
    /// What was undone.
    pub teardown: TeardownReport,
}

/// A session that goes on without this process.
#[derive(Debug)]
#[non_exhaustive]
pub struct Handover {
    /// The bottle's name.
    pub name: String,
    /// The agent's container.
    pub agent: ContainerId,
    /// The right and duty to take it down, for the next owner.
    pub lease: Lease,
    /// What the next owner must keep out of every text.
    pub hidden: Hidden,
}

/// A running bottle. Dropping it begins the teardown; [`wait`](Self::wait) and
/// [`shutdown`](Self::shutdown) also see it through.
#[derive(Debug)]
pub struct Session {
    pub(crate) id: SessionId,
    pub(crate) name: String,
    pub(crate) agent: ContainerId,
    pub(crate) stdio: Stdio,
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) process: Option<Process>,
    pub(crate) stop: CancellationToken,
    pub(crate) guard: DropGuard,
    pub(crate) detach: oneshot::Sender<()>,
    pub(crate) done: oneshot::Receiver<Ended>,
}

/// How the owning task ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// Everything is taken down.
    Down(Outcome),
    /// The session goes on.
    HandedOver(Handover),
}

impl Session {
    /// The session.
    pub fn id(&self) -> &SessionId {
        &self.id
    }
    /// The bottle's name: the wanted one, perhaps with a number.
    pub fn name(&self) -> &str {
        &self.name
    }
    /// The agent's container.
    pub fn agent(&self) -> &ContainerId {
        &self.agent
    }
    /// The backend that runs it.
    pub fn backend(&self) -> &Arc<dyn Backend> {
        &self.backend
    }
    /// Ends the session when cancelled.
    pub fn stop_token(&self) -> &CancellationToken {
        &self.stop
    }

    /// The agent's main process, attached before it started; once, and only when
    /// [`Parts::attach`](crate::Parts) asked for it.
    pub fn take_process(&mut self) -> Option<Process> {
        self.process.take()
    }
    /// Attaches to the agent's main process again.
    pub async fn attach(&self) -> Result<Process, BackendError> {
        self.backend.attach(&self.agent, self.stdio).await
    }
    /// Runs a program beside the agent.
    pub async fn exec(&self, request: &ExecRequest) -> Result<Process, BackendError> {
        self.backend.exec(&self.agent, request).await
    }

    /// Waits until the agent ends by itself (or the stop token is cancelled), and for the
    /// teardown.
    pub async fn wait(self) -> Outcome {
        let Self {
            id,
            guard,
            detach,
            done,
            ..
        } = self;
        let ended = done.await;
        drop((guard, detach));
        down(id, ended.ok())
    }

    /// Ends the agent and waits for the teardown.
    pub async fn shutdown(self) -> Outcome {
        self.stop.cancel();
        self.wait().await
    }

    /// Lets the session go on without this process: nothing is undone, and the lease is the
    /// caller's. When the agent has ended meanwhile, everything is undone as usual.
    pub async fn detach(self) -> Result<Handover, Outcome> {
        let Self {
            id,
            guard,
            detach,
            done,
            ..
        } = self;
        let _ = detach.send(());
        let ended = done.await;
        drop(guard);
        match ended {
            Ok(Ended::HandedOver(handover)) => Ok(handover),
            ended => Err(down(id, ended.ok())),
        }
    }
}

/// The outcome of a task that should have ended with one.
pub(crate) fn down(session: SessionId, ended: Option<Ended>) -> Outcome {
    match ended {
        Some(Ended::Down(outcome)) => outcome,
        Some(Ended::HandedOver(_)) | None => Outcome {
            session,
            result: Err(LaunchError::Panicked("the session's task vanished".into())),
            teardown: TeardownReport {
                unproven: Some("the session's task vanished".into()),
                ..TeardownReport::default()
            },
        },
    }
}
