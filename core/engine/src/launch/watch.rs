//! A running session: until the agent ends, the user says so, or somebody takes over.

use std::time::Duration;

use bottle_api::{BackendError, BackendErrorKind, ContainerId, Event, ExitStatus, Phase};
use futures_util::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use tokio::sync::oneshot;

use super::{
    LaunchError,
    attempt::{Step, quietly},
    hop::Hop,
    owned::Owned,
};
use crate::teardown::Stage;

/// A connection that breaks does not end a session; so many in a row do.
const RETRIES: u32 = 6;
/// Killed, perhaps for lack of memory.
const KILLED: ExitStatus = ExitStatus(137);
/// One look at a container.
const LOOK_LIMIT: Duration = Duration::from_secs(5);

/// How a session stopped being watched.
#[derive(Debug)]
pub(super) enum End {
    /// The agent ended by itself.
    Exited(ExitStatus),
    /// The user said so.
    Stopped,
    /// Another process takes over.
    Detached,
}

impl Owned<'_> {
    pub(super) async fn watch(
        &self,
        agent: &ContainerId,
        hops: &[Hop],
        mut detach: oneshot::Receiver<()>,
    ) -> Step<End> {
        let mut deaths = FuturesUnordered::new();
        for hop in hops {
            deaths.push(async move { (hop, hop.log.ended().await) }.boxed());
        }
        let mut waiting = std::pin::pin!(self.attempt.wait(self.wait_for(agent)));
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ok(End::Stopped),
                status = &mut waiting => {
                    let status = status?.map_err(|source| {
                        let phase = Phase::Running;
                        self.attempt.fail(LaunchError::Backend { phase, source })
                    })?;
                    self.teardown.forget(Stage::Agent);
                    self.tell_end(agent, status).await;
                    return Ok(End::Exited(status));
                }
                Some((hop, status)) = deaths.next(), if !deaths.is_empty() => {
                    self.tell_death(hop, status);
                }
                // A sender that is gone means that nobody will ask.
                Ok(()) = &mut detach, if !detach.is_terminated() => return Ok(End::Detached),
            }
        }
    }

    /// Waits for the agent's end over broken connections.
    async fn wait_for(&self, agent: &ContainerId) -> Result<ExitStatus, BackendError> {
        let mut broken = 0;
        loop {
            let since = tokio::time::Instant::now();
            let error = match self.launcher.backend.wait(agent).await {
                Ok(status) => return Ok(status),
                Err(error) => error,
            };
            let passing = matches!(
                error.kind(),
                BackendErrorKind::EngineDown | BackendErrorKind::Timeout
            );
            if since.elapsed() > Duration::from_mins(1) {
                broken = 0;
            }
            broken += 1;
            if !passing || broken > RETRIES {
                return Err(error);
            }
            tracing::debug!(kind = ?error.kind(), "waiting for the agent again");
            tokio::time::sleep(Duration::from_millis(200) * broken * broken).await;
        }
    }

    async fn tell_end(&self, agent: &ContainerId, status: ExitStatus) {
        self.events.emit(Event::Exited { status });
        if status != KILLED {
            return;
        }
        let looking = quietly(LOOK_LIMIT, self.launcher.backend.inspect(agent));
        if let Some(Ok(state)) = looking.await
            && state.oom_killed
        {
            self.events.emit(Event::Warning {
                message: "the agent was killed because it ran out of memory; raise \
                          `[limits] memory`"
                    .to_owned(),
            });
        }
    }

    fn tell_death(&self, hop: &Hop, status: ExitStatus) {
        let lines = hop.log.last();
        let lines = if lines.is_empty() {
            String::from(" (it wrote nothing)")
        } else {
            format!("; its last lines:\n{}", lines.join("\n"))
        };
        self.events.emit(Event::Warning {
            message: format!(
                "`{}` ended with status {}: the agent is cut off from the network{lines}",
                hop.role, status.0
            ),
        });
    }
}
