//! Faults in starting, stopping, waiting and looking; and in what a container is.

use std::time::Duration;

use bottle_api::{
    Backend, BackendError, BackendErrorKind, ContainerId, ContainerPlan, ContainerRequest,
    ContainerState, ExitStatus, Mount, OpContext, async_trait,
};
use bottle_conformance::Layer;

use crate::{Wrong, ownership::create_as, wrong};

/// Creates something else than the plan.
#[derive(Debug)]
pub(crate) struct Changes(pub(crate) fn(&mut ContainerPlan));
#[async_trait]
impl Layer for Changes {
    async fn create_container(
        &self,
        next: &dyn Backend,
        request: &ContainerRequest<'_>,
        cx: &OpContext,
    ) -> Result<ContainerId, BackendError> {
        create_as(next, request, cx, self.0).await
    }
}

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

#[derive(Debug)]
struct WaitsShortly;
#[async_trait]
impl Layer for WaitsShortly {
    async fn wait(&self, next: &dyn Backend, id: &ContainerId) -> Result<ExitStatus, BackendError> {
        match tokio::time::timeout(Duration::from_millis(900), next.wait(id)).await {
            Ok(waited) => waited,
            Err(_) => Ok(ExitStatus(0)),
        }
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

#[derive(Debug)]
struct DropsEmptyVariables;
#[async_trait]
impl Layer for DropsEmptyVariables {
    async fn create_container(
        &self,
        next: &dyn Backend,
        request: &ContainerRequest<'_>,
        cx: &OpContext,
    ) -> Result<ContainerId, BackendError> {
        use bottle_api::ExposeSecret as _;
        let mut env = request.env.to_vec();
        env.retain(|(_, value)| !value.expose_secret().is_empty());
        let changed = ContainerRequest::new(request.plan, request.name, request.image)
            .env(&env)
            .networks(request.networks)
            .hosts(request.hosts);
        next.create_container(&changed, cx).await
    }
}

fn every_mount(plan: &mut ContainerPlan, change: fn(&mut Mount)) {
    plan.mounts.iter_mut().for_each(change);
}

pub(crate) fn all() -> Vec<Wrong> {
    let mut all = vec![
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
            || WaitsShortly,
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
        wrong(
            "drops empty variables",
            || DropsEmptyVariables,
            &["container::the environment is what was asked for"],
        ),
    ];
    all.extend(other_plans());
    all
}

type Other = (
    &'static str,
    fn(&mut ContainerPlan),
    &'static [&'static str],
);

fn other_plans() -> Vec<Wrong> {
    let plans: [Other; 13] = [
        (
            "ignores the entry point",
            |plan| plan.entrypoint = None,
            &["container::entry point and command are the plan's"],
        ),
        (
            "ignores the user",
            |plan| plan.user = None,
            &[
                "container::user and group are the plan's",
                "exec::without a user it is the container's",
                "guarantee::no_new_privs: a setuid program gains nothing",
            ],
        ),
        (
            "ignores the working directory",
            |plan| plan.workdir = None,
            &[
                "container::the working directory is the plan's",
                "exec::without a user it is the container's",
            ],
        ),
        (
            "ignores the host name",
            |plan| plan.hostname = "container".into(),
            &["container::the host name is the plan's"],
        ),
        (
            "ignores that the root is read-only",
            |plan| plan.hardening.read_only_rootfs = false,
            &["container::a read-only root file system takes nothing"],
        ),
        (
            "makes every root read-only",
            |plan| {
                plan.hardening.read_only_rootfs |= plan.owner.role.as_str() == "agent"
                    && plan.mounts.is_empty()
                    && plan.command.iter().any(|word| word.contains("/written"));
            },
            &["container::a writable root file system takes what it is given"],
        ),
        (
            "ignores the size of a tmpfs",
            |plan| {
                every_mount(plan, |mount| {
                    if let Mount::Tmpfs { size, .. } = mount {
                        *size = u64::MAX;
                    }
                });
            },
            &["container::a tmpfs has its size"],
        ),
        (
            "ignores the mode of a tmpfs",
            |plan| {
                every_mount(plan, |mount| {
                    if let Mount::Tmpfs { mode, .. } = mount {
                        *mode = 0o755;
                    }
                });
            },
            &["container::a tmpfs is writable and has its mode"],
        ),
        (
            "makes every bind mount writable",
            |plan| {
                every_mount(plan, |mount| {
                    if let Mount::Bind { read_only, .. } = mount {
                        *read_only = false;
                    }
                });
            },
            &["container::a read-only bind mount takes nothing"],
        ),
        (
            "makes every bind mount read-only",
            |plan| {
                every_mount(plan, |mount| {
                    if let Mount::Bind { read_only, .. } = mount {
                        *read_only = true;
                    }
                });
            },
            &["container::a bind mount is the host's folder"],
        ),
        (
            "keeps capabilities",
            |plan| plan.hardening.cap_add.push("NET_BIND_SERVICE".into()),
            &["container::all capabilities are dropped"],
        ),
        (
            "drops the plan's capabilities",
            |plan| plan.hardening.cap_add.clear(),
            &["container::the plan's capabilities are kept"],
        ),
        (
            "lets setuid programs gain",
            |plan| plan.hardening.no_new_privileges = false,
            &["guarantee::no_new_privs: a setuid program gains nothing"],
        ),
    ];
    plans
        .into_iter()
        .map(|(fault, change, fails)| wrong(fault, move || Changes(change), fails))
        .collect()
}
