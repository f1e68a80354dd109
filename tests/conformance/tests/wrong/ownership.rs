//! Faults in labels and listing.

use bottle_api::{
    Backend, BackendError, ContainerId, ContainerRequest, NetworkId, NetworkRequest, OpContext,
    OwnedResource, OwnedSelector, ResourceKind, Role, SessionId, async_trait,
};
use bottle_conformance::Layer;

use crate::{Wrong, wrong};

/// The same request for another plan.
pub(crate) async fn create_as(
    next: &dyn Backend,
    request: &ContainerRequest<'_>,
    cx: &OpContext,
    change: impl FnOnce(&mut bottle_api::ContainerPlan) + Send,
) -> Result<ContainerId, BackendError> {
    let mut plan = request.plan.clone();
    change(&mut plan);
    let changed = ContainerRequest::new(&plan, request.name, request.image)
        .env(request.env)
        .networks(request.networks)
        .hosts(request.hosts);
    next.create_container(&changed, cx).await
}

#[derive(Debug)]
struct ForgetsContainers;
#[async_trait]
impl Layer for ForgetsContainers {
    async fn create_container(
        &self,
        next: &dyn Backend,
        request: &ContainerRequest<'_>,
        cx: &OpContext,
    ) -> Result<ContainerId, BackendError> {
        let nobody = |plan: &mut bottle_api::ContainerPlan| {
            plan.owner.session = SessionId::new("nobody");
        };
        create_as(next, request, cx, nobody).await
    }
}

#[derive(Debug)]
struct ForgetsNetworks;
#[async_trait]
impl Layer for ForgetsNetworks {
    async fn create_network(
        &self,
        next: &dyn Backend,
        request: &NetworkRequest<'_>,
        cx: &OpContext,
    ) -> Result<NetworkId, BackendError> {
        let mut plan = request.plan.clone();
        plan.owner.session = SessionId::new("nobody");
        next.create_network(&NetworkRequest::new(&plan, request.subnet), cx)
            .await
    }
}

#[derive(Debug)]
struct ForgetsRoles;
#[async_trait]
impl Layer for ForgetsRoles {
    async fn create_container(
        &self,
        next: &dyn Backend,
        request: &ContainerRequest<'_>,
        cx: &OpContext,
    ) -> Result<ContainerId, BackendError> {
        create_as(next, request, cx, |plan| {
            plan.owner.role = Role::new("container");
        })
        .await
    }
}

/// Whoever looks finds no volumes.
#[derive(Debug)]
struct ForgetsVolumes;
#[async_trait]
impl Layer for ForgetsVolumes {
    async fn list_owned(
        &self,
        next: &dyn Backend,
        selector: &OwnedSelector,
    ) -> Result<Vec<OwnedResource>, BackendError> {
        let mut all = next.list_owned(selector).await?;
        all.retain(|resource| resource.kind != ResourceKind::Volume);
        Ok(all)
    }
}

/// The engine goes on when the caller has gone, and labels come later.
#[derive(Debug)]
struct LeaksOnCancel(bottle_backend_memory::Memory);
struct GoesOn {
    engine: bottle_backend_memory::Memory,
    plan: bottle_api::ContainerPlan,
    image: bottle_api::ImageId,
    armed: bool,
}
impl Drop for GoesOn {
    fn drop(&mut self) {
        if self.armed {
            let (engine, mut plan, image) =
                (self.engine.clone(), self.plan.clone(), self.image.clone());
            plan.owner.session = SessionId::new("nobody");
            tokio::spawn(async move {
                let cx = OpContext::new(bottle_api::EventSink::discard());
                let request = ContainerRequest::new(&plan, &plan.name, &image);
                engine.create_container(&request, &cx).await
            });
        }
    }
}
#[async_trait]
impl Layer for LeaksOnCancel {
    async fn create_container(
        &self,
        next: &dyn Backend,
        request: &ContainerRequest<'_>,
        cx: &OpContext,
    ) -> Result<ContainerId, BackendError> {
        let mut going_on = GoesOn {
            engine: self.0.clone(),
            plan: request.plan.clone(),
            image: request.image.clone(),
            armed: true,
        };
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        let id = next.create_container(request, cx).await;
        going_on.armed = false;
        id
    }
}

#[derive(Debug)]
struct IgnoresInstances;
#[async_trait]
impl Layer for IgnoresInstances {
    async fn list_owned(
        &self,
        next: &dyn Backend,
        selector: &OwnedSelector,
    ) -> Result<Vec<OwnedResource>, BackendError> {
        let selector = OwnedSelector {
            instance: None,
            ..selector.clone()
        };
        next.list_owned(&selector).await
    }
}

#[derive(Debug)]
struct Backwards;
#[async_trait]
impl Layer for Backwards {
    async fn list_owned(
        &self,
        next: &dyn Backend,
        selector: &OwnedSelector,
    ) -> Result<Vec<OwnedResource>, BackendError> {
        let mut all = next.list_owned(selector).await?;
        all.reverse();
        Ok(all)
    }
}

#[derive(Debug)]
struct EverythingRuns;
#[async_trait]
impl Layer for EverythingRuns {
    async fn list_owned(
        &self,
        next: &dyn Backend,
        selector: &OwnedSelector,
    ) -> Result<Vec<OwnedResource>, BackendError> {
        let mut all = next.list_owned(selector).await?;
        for resource in &mut all {
            resource.running = true;
        }
        Ok(all)
    }
}

pub(crate) fn all() -> Vec<Wrong> {
    vec![
        wrong(
            "forgets the labels of containers",
            || ForgetsContainers,
            &[
                "ownership::a container carries all labels of its owner",
                "ownership::an anonymous volume carries all labels of its owner",
                "ownership::list_owned selects by session, role and instance",
                "ownership::list_owned finds ours without naming the session",
                "ownership::list_owned tells which containers run",
                "ownership::what a dropped call leaves behind is found by its labels",
                // Networks cannot go before the containers that nobody finds.
                "removal::removing in the order of list_owned works",
                "removal::nothing of the whole suite is left",
            ],
        ),
        wrong(
            "forgets the labels of networks",
            || ForgetsNetworks,
            &[
                "ownership::a network carries all labels of its owner",
                "naming::a taken network name is a NameConflict, or another network",
            ],
        ),
        wrong(
            "forgets the role of containers",
            || ForgetsRoles,
            &[
                "ownership::a container carries all labels of its owner",
                "ownership::an anonymous volume carries all labels of its owner",
                "ownership::list_owned selects by session, role and instance",
                "ownership::list_owned finds ours without naming the session",
                "ownership::list_owned tells which containers run",
            ],
        ),
        wrong(
            "forgets the labels of volumes",
            || ForgetsVolumes,
            &["ownership::an anonymous volume carries all labels of its owner"],
        ),
        leaks_on_cancel(),
        wrong(
            "lists other instances' too",
            || IgnoresInstances,
            &["ownership::list_owned selects by session, role and instance"],
        ),
        wrong(
            "lists volumes first",
            || Backwards,
            &[
                "ownership::containers come first, then networks, then volumes",
                "removal::removing in the order of list_owned works",
            ],
        ),
        wrong(
            "says that everything runs",
            || EverythingRuns,
            &["ownership::list_owned tells which containers run"],
        ),
    ]
}

fn leaks_on_cancel() -> Wrong {
    let build = || {
        let engine = bottle_conformance::simulated(crate::config());
        let layer = LeaksOnCancel(engine.clone());
        let backend = bottle_conformance::Layered::new(engine, layer);
        Ok::<Box<dyn Backend>, String>(Box::new(backend))
    };
    Wrong {
        fault: "leaks what a dropped call still makes",
        suite: crate::suite(bottle_conformance::BackendSuite::new(build)),
        fails: &["ownership::what a dropped call leaves behind is found by its labels"],
    }
}
