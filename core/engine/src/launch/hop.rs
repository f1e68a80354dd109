//! A hop of the chain: created, filled, started, watched.

use std::sync::Arc;

use bottle_api::{ContainerId, Event, Phase, ReadyCheck, ResourceKind, Role, SidecarPlan};
use futures_util::future::{join, join3};

use super::{
    attempt::Step,
    follow::{Followed, HopLog},
    run::{Later, Material, Networks, Run},
    undo::know,
};
use crate::teardown::Stage;

/// A hop that was started.
#[derive(Clone, Debug)]
pub(crate) struct Hop {
    pub(crate) role: Role,
    pub(crate) position: usize,
    pub(crate) id: ContainerId,
    pub(crate) ready: ReadyCheck,
    pub(crate) health: bool,
    pub(crate) log: Arc<HopLog>,
}

impl Run<'_> {
    /// Brings a hop up; waits for the one behind it only where that is asked for.
    pub(super) async fn hop(
        &self,
        sidecar: &SidecarPlan,
        networks: &Networks<'_>,
        material: &Later<'_, Arc<Material>>,
        behind: Option<Later<'_, Hop>>,
    ) -> Step<Hop> {
        let plan = &sidecar.container;
        let (image, material) = join(self.image(plan), material.clone()).await;
        let (image, material) = (image?, material?);
        let ingredients = self.ingredients(plan, networks, &material, image).await?;

        let _phase = self.phases.enter(Phase::Sidecars);
        let known = self.arm_removal(Stage::Containers, &plan.owner);
        let (request, cx) = (ingredients.request(plan, &plan.name), self.cx());
        let creating = self.launcher.backend.create_container(&request, &cx);
        let (id, archive, behind) = join3(
            self.attempt.commit(Phase::Sidecars, async {
                let id = creating.await?;
                let kind = ResourceKind::Container;
                know(&known, kind, id.as_str(), &plan.name, &plan.owner);
                Ok(id)
            }),
            self.packed(plan, &material),
            started(behind),
        )
        .await;
        let (id, archive, ()) = (id?, archive?, behind?);
        self.events.emit(Event::Created {
            role: plan.owner.role.clone(),
            id: id.clone(),
            name: plan.name.clone(),
        });
        self.put(Phase::Sidecars, &id, archive).await?;
        let starting = self.launcher.backend.start(&id);
        self.attempt.commit(Phase::Sidecars, starting).await?;

        let log = self.followers.follow(Followed {
            backend: Arc::clone(&self.launcher.backend),
            id: id.clone(),
            role: plan.owner.role.clone(),
            proxy: self.parts.proxies.get(sidecar.position).cloned(),
            events: self.events.clone(),
            skip: 0,
        });
        Ok(Hop {
            role: plan.owner.role.clone(),
            position: sidecar.position,
            id,
            ready: sidecar.ready.clone(),
            health: sidecar.health,
            log,
        })
    }
}

async fn started(behind: Option<Later<'_, Hop>>) -> Step<()> {
    match behind {
        None => Ok(()),
        Some(hop) => hop.await.map(drop),
    }
}
