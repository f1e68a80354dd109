//! What the whole bottle promises: the statements of all parties, put together.

use bottle_api::{Delivery, EnvValue, Guarantee, Statement};

use super::{PlanError, PlanInput, chain::Hop};

/// The planner's own name in statements.
const OURS: &str = "bottle";

/// One statement for every guarantee, in the order they are shown.
pub(super) fn combine(
    input: &PlanInput<'_>,
    runtime: &str,
    hops: &[Hop],
    granted: &[String],
) -> Vec<Statement> {
    let backend = input.backend.guarantees(input.info, runtime);
    let said = |g: Guarantee| {
        backend
            .iter()
            .find(|s| s.guarantee == g)
            .cloned()
            .unwrap_or_else(|| {
                Statement::withheld(g, input.backend.name(), "the backend says nothing about it")
            })
    };
    Guarantee::ALL
        .iter()
        .map(|&g| match g {
            _ if hops.is_empty() && closed_without_network(g) => {
                Statement::given(g, OURS, "there is no network")
            }
            Guarantee::EgressOnlyByChain => all(&[said(g), topology(g)]),
            Guarantee::TlsInspected | Guarantee::HostPolicy => some_hop(g, hops),
            Guarantee::Dlp => dlp(hops),
            Guarantee::CredentialsAtProxy => credentials(input, hops, granted),
            Guarantee::NonRoot => non_root(input),
            Guarantee::Limits => all(&[limits(input), said(g)]),
            g => said(g),
        })
        .collect()
}

/// Refuses when something required is not given.
pub(super) fn check_required(
    input: &PlanInput<'_>,
    guarantees: &[Statement],
) -> Result<(), PlanError> {
    let unmet: Vec<_> = guarantees
        .iter()
        .filter(|s| !s.given && input.spec.require.contains(&s.guarantee))
        .cloned()
        .collect();
    if unmet.is_empty() {
        Ok(())
    } else {
        Err(PlanError::Unmet(unmet))
    }
}

fn closed_without_network(g: Guarantee) -> bool {
    matches!(
        g,
        Guarantee::EgressOnlyByChain
            | Guarantee::DnsClosed
            | Guarantee::HostClosed
            | Guarantee::HostPolicy
            | Guarantee::TlsInspected
            | Guarantee::Dlp
    )
}

/// Holds when every party holds it; the first who does not gives the reason.
fn all(parties: &[Statement]) -> Statement {
    if let Some(withheld) = parties.iter().find(|s| !s.given) {
        return withheld.clone();
    }
    let join = |part: fn(&Statement) -> &str, between: &str| {
        let parts: Vec<_> = parties.iter().map(part).collect();
        parts.join(between)
    };
    let guarantee = parties[0].guarantee;
    Statement::given(guarantee, join(|s| &s.by, ", "), join(|s| &s.how, "; "))
}

/// Holds when one hop holds it: everything passes all of them.
fn some_hop(g: Guarantee, hops: &[Hop]) -> Statement {
    let mut said = hops
        .iter()
        .flat_map(|hop| &hop.plan.guarantees)
        .filter(|s| s.guarantee == g);
    let first = said.clone().next();
    said.find(|s| s.given)
        .or(first)
        .cloned()
        .unwrap_or_else(|| {
            Statement::withheld(g, OURS, "no proxy of the chain gives it")
                .remedy("add a proxy that does")
        })
}

/// Content can be searched only where it is readable: a hop's word counts only when it or a hop
/// in front of it opens TLS. The hop itself cannot know; it is planned before those in front.
fn dlp(hops: &[Hop]) -> Statement {
    let g = Guarantee::Dlp;
    let opened = hops.iter().position(|hop| hop.plan.ends_tls);
    let (blind, seeing) = hops.split_at(opened.unwrap_or(hops.len()));
    let said = some_hop(g, seeing);
    if said.given {
        return said;
    }
    match some_hop(g, blind) {
        claim if claim.given => Statement::withheld(
            g,
            claim.by,
            "it searches what is readable, and no proxy up to it opens TLS",
        )
        .remedy("put a proxy in front of it that decrypts, or let it decrypt by itself"),
        _ => some_hop(g, hops),
    }
}

fn topology(g: Guarantee) -> Statement {
    Statement::given(
        g,
        OURS,
        "the agent stands on one internal network with the first proxy only",
    )
}

fn credentials(input: &PlanInput<'_>, hops: &[Hop], granted: &[String]) -> Statement {
    let g = Guarantee::CredentialsAtProxy;
    let mut inside: Vec<String> = granted.iter().map(|name| format!("`{name}`")).collect();
    let spec = input.spec;
    let variables = spec.env.iter().chain(&spec.agent.env);
    let secret = variables.filter(|(_, value)| matches!(value, EnvValue::Secret(_)));
    inside.extend(secret.map(|(name, _)| format!("variable `{name}`")));
    if !inside.is_empty() {
        return Statement::withheld(
            g,
            OURS,
            format!("the agent itself holds {}", inside.join(", ")),
        )
        .remedy("deliver them with `inject`");
    }
    let injects = spec
        .secrets
        .iter()
        .any(|s| matches!(s.delivery, Delivery::Inject { .. }));
    if injects && !hops.is_empty() {
        return some_hop(g, hops);
    }
    Statement::given(
        g,
        OURS,
        "no credential is delivered into the agent's container",
    )
}

fn non_root(input: &PlanInput<'_>) -> Statement {
    let g = Guarantee::NonRoot;
    match input.spec.user.uid {
        0 => Statement::withheld(
            g,
            OURS,
            "the working folder belongs to root, so the agent is uid 0 (without capabilities)",
        )
        .remedy("give the folder to a user, or use workspace mode `copy`"),
        uid => Statement::given(g, OURS, format!("the agent is uid {uid}")),
    }
}

fn limits(input: &PlanInput<'_>) -> Statement {
    let limits = &input.spec.limits;
    let missing: Vec<_> = [
        ("memory", limits.memory.is_none()),
        ("cpus", limits.milli_cpus.is_none()),
        ("pids", limits.pids.is_none()),
    ]
    .into_iter()
    .filter(|(_, missing)| *missing)
    .map(|(name, _)| format!("`{name}`"))
    .collect();
    let g = Guarantee::Limits;
    if missing.is_empty() {
        return Statement::given(g, OURS, "memory, CPU and processes have limits");
    }
    Statement::withheld(g, OURS, format!("{} without a limit", missing.join(", ")))
        .remedy("set them in `[limits]`")
}
