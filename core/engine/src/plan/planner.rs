//! From what the user asked for to everything a launch will do.

use bottle_api::{LaunchPlan, NetworkPlan, Ownership, Role};

use super::{
    PlanError, PlanInput, agent,
    chain::{self, Hop},
    guarantees, order, policy, runtime, sidecar,
};
use crate::names::slug;

/// Turns what the user asked for into everything a launch will do. Pure: no I/O, no clock, no
/// randomness; the same input gives the same plan.
pub fn plan(input: &PlanInput<'_>) -> Result<LaunchPlan, PlanError> {
    let runtime = runtime::choose(input)?;
    let mut delivered = policy::deliver(input)?;
    let hops = chain::negotiate(input, &delivered.policy)?;
    chain::check_enforced(&hops, &delivered.policy)?;
    let ordered = order::sort(input.provisioners)?;
    let grants = delivered.granted.clone();
    let agent = agent::container(input, &runtime, &hops, &ordered, &mut delivered)?;

    let mut plan = LaunchPlan::new(
        input.session.clone(),
        input.spec.name.clone(),
        input.backend.name().to_owned(),
        agent.container,
    );
    plan.networks = networks(input, &hops);
    plan.sidecars = hops
        .iter()
        .rev()
        .map(|hop| sidecar::plan(input, &hops, hop, &delivered.policy))
        .collect::<Result<_, _>>()?;
    plan.host_steps = agent.host_steps;
    plan.provisioners = ordered.iter().map(|p| p.name().to_owned()).collect();
    plan.guarantees = guarantees::combine(input, &runtime, &hops, &grants);
    guarantees::check_required(input, &plan.guarantees)?;
    plan.egress = delivered.policy;
    Ok(plan)
}

/// One internal link in front of each hop, and the way out behind the last. The agent stands on
/// the first link only, so it can reach the first hop only.
fn networks(input: &PlanInput<'_>, hops: &[Hop]) -> Vec<NetworkPlan> {
    let mut roles: Vec<(Role, bool)> = (0..hops.len()).map(|n| (Role::link(n), true)).collect();
    if !hops.is_empty() {
        roles.push((Role::egress(), false));
    }
    roles
        .into_iter()
        .map(|(role, internal)| NetworkPlan {
            name: resource_name(input, &role),
            owner: owner(input, role),
            internal,
        })
        .collect()
}

/// The owner of a resource of this session.
pub(super) fn owner(input: &PlanInput<'_>, role: Role) -> Ownership {
    Ownership {
        session: input.session.clone(),
        role,
        instance: input.instance.clone(),
    }
}

/// A name that no other session uses.
pub(super) fn resource_name(input: &PlanInput<'_>, role: &Role) -> String {
    format!(
        "bottle-{}-{}-{role}",
        slug(&input.spec.name.base),
        input.session
    )
}
