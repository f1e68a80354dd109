//! Faults in starting, stopping, waiting and looking.

use std::{collections::BTreeSet, sync::Mutex, time::Duration};

use bottle_api::{
    Backend, BackendError, BackendErrorKind, ContainerId, ContainerRequest, ContainerState,
    ExitStatus, OpContext, async_trait,
};
use bottle_conformance::Layer;

use crate::{Wrong, wrong};

#[derive(Debug)]
struct StartsOnce;
#[async_trait]
impl Layer for StartsOnce {
    async fn start(&self, next: &dyn Backend, id: &ContainerId) -> Result<(), BackendError> {
        if next.inspect(id).await?.running {
            let why = "it runs already";
            return Err(BackendError::new(BackendErrorKind::Other, "start", why));
        }
        next.start(id).await
    }
}

#[derive(Debug)]
struct SwallowsSignals;
#[async_trait]
impl Layer for SwallowsSignals {
    async fn wait(&self, next: &dyn Backend, id: &ContainerId) -> Result<ExitStatus, BackendError> {
        next.wait(id).await.map(|_| ExitStatus(0))
    }
}

/// Gives up on programs that take long. A clock would find a busy machine's slow programs too,
/// so it is what they are told to do that counts.
#[derive(Debug, Default)]
struct WaitsShortly(Mutex<BTreeSet<String>>);
#[async_trait]
impl Layer for WaitsShortly {
    async fn create_container(
        &self,
        next: &dyn Backend,
        request: &ContainerRequest<'_>,
        cx: &OpContext,
    ) -> Result<ContainerId, BackendError> {
        let id = next.create_container(request, cx).await?;
        let mut words = request.plan.command.iter();
        if words.any(|word| word.contains("\"Pause\":2500"))
            && let Ok(mut long) = self.0.lock()
        {
            long.insert(id.to_string());
        }
        Ok(id)
    }
    async fn wait(&self, next: &dyn Backend, id: &ContainerId) -> Result<ExitStatus, BackendError> {
        let long = self.0.lock().is_ok_and(|long| long.contains(id.as_str()));
        if long {
            return Ok(ExitStatus(0));
        }
        next.wait(id).await
    }
}

#[derive(Debug)]
struct StopKills;
#[async_trait]
impl Layer for StopKills {
    async fn stop(
        &self,
        next: &dyn Backend,
        id: &ContainerId,
        _: Duration,
    ) -> Result<(), BackendError> {
        next.stop(id, Duration::ZERO).await
    }
}

#[derive(Debug)]
struct StopOnlyAsks;
#[async_trait]
impl Layer for StopOnlyAsks {
    async fn stop(
        &self,
        next: &dyn Backend,
        id: &ContainerId,
        grace: Duration,
    ) -> Result<(), BackendError> {
        let never = next.stop(id, Duration::from_hours(1));
        // Gives up after the grace instead of killing.
        let _ = tokio::time::timeout(grace, never).await;
        Ok(())
    }
}

#[derive(Debug)]
struct StopsOnce;
#[async_trait]
impl Layer for StopsOnce {
    async fn stop(
        &self,
        next: &dyn Backend,
        id: &ContainerId,
        grace: Duration,
    ) -> Result<(), BackendError> {
        // NotFound when it is gone.
        next.inspect(id).await?;
        next.stop(id, grace).await
    }
}

#[derive(Debug)]
struct ForgetsTheEnd;
#[async_trait]
impl Layer for ForgetsTheEnd {
    async fn inspect(
        &self,
        next: &dyn Backend,
        id: &ContainerId,
    ) -> Result<ContainerState, BackendError> {
        let mut state = next.inspect(id).await?;
        if state.exit.is_some() {
            state.exit = Some(ExitStatus(0));
        }
        Ok(state)
    }
}

#[derive(Debug)]
struct ForgetsMemory;
#[async_trait]
impl Layer for ForgetsMemory {
    async fn inspect(
        &self,
        next: &dyn Backend,
        id: &ContainerId,
    ) -> Result<ContainerState, BackendError> {
        let mut state = next.inspect(id).await?;
        state.oom_killed = false;
        Ok(state)
    }
}

#[derive(Debug)]
struct GoneIsFine;
#[async_trait]
impl Layer for GoneIsFine {
    async fn start(&self, next: &dyn Backend, id: &ContainerId) -> Result<(), BackendError> {
        match next.start(id).await {
            Err(error) if error.kind() == BackendErrorKind::NotFound => Ok(()),
            started => started,
        }
    }
}

pub(crate) fn all() -> Vec<Wrong> {
    vec![
        wrong(
            "starts once only",
            || StartsOnce,
            &["lifecycle::a started container runs, and starting it again is no error"],
        ),
        wrong(
            "swallows the exit status of containers",
            || SwallowsSignals,
            &[
                "lifecycle::wait tells the exit status, also afterwards and again",
                "lifecycle::wait goes on as long as the container runs",
                "lifecycle::stop asks the main process to end",
                "lifecycle::a program that is not there cannot be started",
                "guarantee::limits: too much memory ends it and is told",
            ],
        ),
        wrong(
            "stops waiting after a while",
            WaitsShortly::default,
            &["lifecycle::wait goes on as long as the container runs"],
        ),
        wrong(
            "kills at once when it is to stop",
            || StopKills,
            &[
                "lifecycle::stop asks the main process to end",
                "lifecycle::stop kills what has not ended after the grace",
            ],
        ),
        wrong(
            "never kills when it is to stop",
            || StopOnlyAsks,
            &["lifecycle::stop kills what has not ended after the grace"],
        ),
        wrong(
            "cannot stop what is gone",
            || StopsOnce,
            &["lifecycle::stopping what has ended, or is gone, is no error"],
        ),
        wrong(
            "forgets how a container ended",
            || ForgetsTheEnd,
            &[
                "lifecycle::inspect tells how it ended",
                "lifecycle::stop kills what has not ended after the grace",
            ],
        ),
        wrong(
            "does not tell that memory ran out",
            || ForgetsMemory,
            &["guarantee::limits: too much memory ends it and is told"],
        ),
        wrong(
            "starts what is gone",
            || GoneIsFine,
            &["lifecycle::what is gone is NotFound"],
        ),
    ]
}
