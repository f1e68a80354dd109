//! A network of the session, on addresses that nobody uses.

use bottle_api::{BackendErrorKind, NetworkId, NetworkPlan, NetworkRequest, Phase, ResourceKind};
use ipnet::IpNet;

use super::{LaunchError, attempt::Step, run::Run, undo::know};
use crate::teardown::Stage;

/// So many blocks are tried for one network.
const ATTEMPTS: usize = 64;

/// A network that exists.
#[derive(Clone, Debug)]
pub(super) struct Network {
    pub(super) id: NetworkId,
    pub(super) internal: bool,
    pub(super) subnet: IpNet,
}

impl Run<'_> {
    pub(super) async fn network(&self, index: usize, plan: &NetworkPlan) -> Step<Network> {
        let _phase = self.phases.enter(Phase::Networks);
        let (launcher, session) = (self.launcher, &self.plan.session);
        let known = self.arm_removal(Stage::Networks, &plan.owner);
        let mut last = None;
        for attempt in 0..ATTEMPTS {
            let subnet = launcher.pool.block(session, index, attempt);
            let (request, cx) = (NetworkRequest::new(plan, subnet), self.cx());
            let creating = launcher.backend.create_network(&request, &cx);
            match self.attempt.commit_raw(creating).await? {
                Ok(id) => {
                    let kind = ResourceKind::Network;
                    know(&known, kind, id.as_str(), &plan.name, &plan.owner);
                    return Ok(Network {
                        id,
                        internal: plan.internal,
                        subnet,
                    });
                }
                Err(error) if error.kind() == BackendErrorKind::AddressInUse => {
                    tracing::debug!(%subnet, "taken, trying the next");
                    last = Some(error);
                }
                Err(source) => {
                    let phase = Phase::Networks;
                    return Err(self.attempt.fail(LaunchError::Backend { phase, source }));
                }
            }
        }
        let Some(source) = last else {
            return Err(self.attempt.fail(LaunchError::Cancelled));
        };
        Err(self.attempt.fail(LaunchError::AddressesExhausted {
            role: plan.owner.role.clone(),
            tried: ATTEMPTS,
            source: Box::new(source),
        }))
    }
}
