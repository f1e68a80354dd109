//! A launch, read from top to bottom.

use std::{collections::BTreeMap, ops::Deref, sync::Arc};

use bottle_api::{ChainView, Event, Phase, Process, ProvisionContext, Role};
use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared, join, join_all},
};

use super::{
    LaunchError, Parts, agent::Agent, attempt::Step, hop::Hop, network::Network, owned::Owned,
    phases::millis,
};
use crate::{
    plan::{chain_view, ends_tls, provision_context},
    secrets::{PrintablePlan, Resolved, references},
    trust::{PublicRoots, SessionCa, TrustMaterial},
};

/// A result that several steps wait for.
pub(super) type Later<'a, T> = Shared<BoxFuture<'a, Step<T>>>;
/// The session's networks, each as soon as it exists.
pub(super) type Networks<'a> = BTreeMap<Role, Later<'a, Network>>;

/// Secrets and certificates, as they go into containers.
#[derive(Debug)]
pub(super) struct Material {
    pub(super) secrets: Resolved,
    pub(super) trust: TrustMaterial,
}

/// One launch.
#[derive(Debug)]
pub(super) struct Run<'a> {
    owned: Owned<'a>,
    pub(super) parts: &'a Parts,
    view: Option<ChainView>,
}
impl<'a> Deref for Run<'a> {
    type Target = Owned<'a>;
    fn deref(&self) -> &Owned<'a> {
        &self.owned
    }
}

/// A running bottle, as the run sees it.
pub(super) struct Up {
    pub(super) agent: Agent,
    pub(super) hops: Vec<Hop>,
    pub(super) process: Option<Process>,
}

impl<'a> Run<'a> {
    pub(super) fn new(owned: Owned<'a>, parts: &'a Parts) -> Self {
        let view = chain_view(owned.plan);
        Self { owned, parts, view }
    }
    /// The session without the means to launch it.
    pub(super) fn into_owned(self) -> Owned<'a> {
        self.owned
    }

    /// Brings everything up. What is armed on the way is undone by the caller.
    pub(super) async fn bring_up(&self) -> Step<Up> {
        let printable = self.write_down()?;
        let secrets = self.secrets(&printable).await?;
        self.host_steps().await?;

        self.arm_rest();
        let material = self.material(secrets).boxed().shared();
        let networks = self.networks();
        let chain = async {
            let hops = self.chain(&networks, &material).await?;
            self.ready(&hops).await?;
            Ok(hops)
        };
        let agent = self.agent(&networks, &material);
        let all_networks = join_all(networks.values().cloned());
        let ((hops, agent), _) = join(join(chain, agent), all_networks).await;
        let (hops, agent) = (hops?, agent?);

        let process = self.start_agent(&agent).await?;
        self.events.emit(Event::Ready {
            name: agent.name.clone(),
            ms: millis(self.since),
        });
        Ok(Up {
            agent,
            hops,
            process,
        })
    }

    /// What another process must know, before anything exists that it might have to remove.
    fn write_down(&self) -> Step<PrintablePlan> {
        let printable = PrintablePlan::new(self.plan);
        for message in printable.warnings.clone() {
            self.events.emit(Event::Warning { message });
        }
        let written = self
            .lease
            .write_plan(&printable)
            .and_then(|()| self.lease.write_meta(&self.meta()));
        written.map_err(|error| self.attempt.fail(error.into()))?;
        Ok(printable)
    }

    /// Every secret, before anything is touched: a missing one costs nothing yet.
    async fn secrets(&self, printable: &PrintablePlan) -> Step<Resolved> {
        let _phase = self.phases.enter(Phase::Preflight);
        let wanted = references(self.plan);
        let resolved = self.attempt.wait(self.launcher.secrets.resolve(&wanted));
        let resolved = resolved.await?.map_err(|e| self.attempt.fail(e.into()))?;
        let injected = resolved.check_injected(&self.plan.egress.credentials);
        injected.map_err(|error| self.attempt.fail(error.into()))?;
        let written_out: Vec<_> = printable.values().collect();
        self.hide(resolved.values().chain(&written_out));
        Ok(resolved)
    }

    /// Certificates, made while the networks are.
    async fn material(&self, secrets: Resolved) -> Step<Arc<Material>> {
        let session = self.plan.session.clone();
        let wants_ca = ends_tls(self.plan);
        let roots = self.launcher.roots.clone();
        let making = tokio::task::spawn_blocking(move || {
            let ca = wants_ca.then(|| SessionCa::make(&session)).transpose()?;
            let roots = roots.unwrap_or_else(PublicRoots::of_host);
            Ok::<_, crate::TrustError>(TrustMaterial::new(ca, roots))
        });
        let trust = match self.attempt.wait(making).await? {
            Ok(made) => made.map_err(|error| self.attempt.fail(error.into()))?,
            Err(error) => return Err(self.attempt.fail(LaunchError::Panicked(error.to_string()))),
        };
        Ok(Arc::new(Material { secrets, trust }))
    }

    /// Every network, side by side.
    fn networks(&self) -> Networks<'_> {
        let plans = self.plan.networks.iter().enumerate();
        plans
            .map(|(index, plan)| {
                let making = self.network(index, plan).boxed().shared();
                (plan.owner.role.clone(), making)
            })
            .collect()
    }

    /// Every hop, side by side; one is started before the one in front of it only when it says
    /// that it must be.
    async fn chain<'b, 'n>(
        &'b self,
        networks: &'b Networks<'n>,
        material: &'b Later<'n, Arc<Material>>,
    ) -> Step<Vec<Hop>> {
        let mut making: Vec<Later<'b, Hop>> = Vec::new();
        let mut behind: Option<Later<'b, Hop>> = None;
        for plan in &self.plan.sidecars {
            let hop = self.hop(plan, networks, material, behind.take());
            let hop = hop.boxed().shared();
            behind = plan.start_first.then(|| hop.clone());
            making.push(hop);
        }
        join_all(making).await.into_iter().collect()
    }

    /// What provisioners may know; the same as while planning.
    pub(super) fn provision_context(&self) -> ProvisionContext<'_> {
        provision_context(
            &self.plan.session,
            &self.parts.spec,
            &self.plan.egress,
            self.view.as_ref(),
        )
    }
}
