//! Becoming the owner of a bottle that runs already.

use std::{collections::BTreeMap, panic::AssertUnwindSafe, sync::Arc};

use bottle_api::{
    ContainerId, LaunchPlan, OwnedSelector, Phase, Proxy, ResourceKind, Role, SessionId,
};
use futures_util::FutureExt as _;

use super::{
    LaunchError, Launcher,
    attempt::Step,
    follow::Followed,
    hop::Hop,
    journal::Journal,
    owned::Owned,
    owner::{Ready, Wires, close, nothing_begun, settle},
    watch::End,
};
use crate::{
    Hidden, Lease, Outcome, SessionMeta, StoreError, TeardownReport, secrets::references,
    session::Ended,
};

/// Watches a running bottle and takes it down.
pub(super) async fn adopt(
    launcher: Launcher,
    lease: Lease,
    hidden: Hidden,
    proxies: Vec<Arc<dyn Proxy>>,
    wires: Wires,
) -> Ended {
    let (plan, meta) = match read(&lease) {
        Ok(read) => read,
        Err(error) => return unreadable(lease.session().clone(), error),
    };
    let journal = match Journal::start(&lease, launcher.events.clone(), &launcher.tasks) {
        Ok(journal) => journal,
        Err(error) => return nothing_begun(&plan, error.into()),
    };
    let owned = Owned::new(&launcher, &plan, &lease, &journal, meta, &wires.stop);
    let living = AssertUnwindSafe(live(&owned, &hidden, &proxies, wires)).catch_unwind();
    let end = living.await;
    let closing = close(owned, end).await;
    journal.finish().await;
    settle(closing, lease, &launcher, &plan)
}

fn read(lease: &Lease) -> Result<(LaunchPlan, SessionMeta), LaunchError> {
    match (lease.read_plan()?, lease.read_meta()?) {
        (Some(plan), Some(meta)) => Ok((plan, meta)),
        _ => Err(LaunchError::Store(StoreError::Incomplete {
            session: lease.session().to_string(),
        })),
    }
}

fn unreadable(session: SessionId, error: LaunchError) -> Ended {
    Ended::Down(Outcome {
        session,
        result: Err(error),
        teardown: TeardownReport {
            unproven: Some("its plan cannot be read; `bottle cleanup` removes it".to_owned()),
            ..TeardownReport::default()
        },
    })
}

async fn live(
    owned: &Owned<'_>,
    hidden: &Hidden,
    proxies: &[Arc<dyn Proxy>],
    wires: Wires,
) -> Step<End> {
    // Whatever goes wrong from here on ends with an empty engine.
    owned.arm_rest();
    for step in &owned.plan.host_steps {
        owned.arm_host_undo(step);
    }
    let known = owned.launcher.secrets.at_hand(&references(owned.plan));
    owned.hide(known.values().chain(hidden.values()));
    let (name, agent) = owned.take_over()?;
    owned.arm_stop(&agent);
    let hops = owned.running_hops(proxies).await?;
    // Nobody waiting means that the stop token is cancelled.
    let _ = wires.ready.send(Ready {
        name,
        agent: agent.clone(),
        stdio: owned.plan.agent.stdio,
        process: None,
    });
    owned.watch(&agent, &hops, wires.detach).await
}

impl Owned<'_> {
    /// Writes down who owns the session now.
    fn take_over(&self) -> Step<(String, ContainerId)> {
        let mut meta = self.meta();
        meta.pid = std::process::id();
        let written = self.lease.write_meta(&meta);
        written.map_err(|error| self.attempt.fail(error.into()))?;
        let agent = meta.container.clone().ok_or_else(|| {
            let session = self.plan.session.to_string();
            let error = StoreError::Incomplete { session };
            self.attempt.fail(error.into())
        })?;
        Ok((meta.name.clone(), agent))
    }

    /// Finds the hops by their labels and goes on reading their logs where the last owner
    /// stopped.
    async fn running_hops(&self, proxies: &[Arc<dyn Proxy>]) -> Step<Vec<Hop>> {
        let backend = &self.launcher.backend;
        let selector = OwnedSelector {
            session: Some(self.plan.session.clone()),
            ..OwnedSelector::default()
        };
        let listing = backend.list_owned(&selector);
        let found = self.attempt.droppable(Phase::Running, listing).await?;
        let ids: BTreeMap<Role, ContainerId> = found
            .into_iter()
            .filter(|resource| resource.kind == ResourceKind::Container)
            .map(|resource| (resource.owner.role, ContainerId::new(resource.id)))
            .collect();
        let lines = self.meta().log_lines.clone();
        let mut hops = Vec::new();
        for sidecar in &self.plan.sidecars {
            let role = &sidecar.container.owner.role;
            let Some(id) = ids.get(role) else { continue };
            let log = self.followers.follow(Followed {
                backend: Arc::clone(backend),
                id: id.clone(),
                role: role.clone(),
                proxy: proxies.get(sidecar.position).cloned(),
                events: self.events.clone(),
                skip: lines.get(role).copied().unwrap_or(0),
            });
            hops.push(Hop {
                role: role.clone(),
                position: sidecar.position,
                id: id.clone(),
                ready: sidecar.ready.clone(),
                log,
            });
        }
        Ok(hops)
    }
}
