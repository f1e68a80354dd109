//! Negotiation of the chain: from the last hop to the first, by what each hop says of itself.

use std::collections::BTreeMap;

use bottle_api::{EgressPolicy, Enforces, HopContext, HopPlan, NextHop, Readable, Role};

use super::{PlanError, PlanInput};

/// A hop with its place.
pub(super) struct Hop {
    /// The proxy's registered name.
    pub(super) proxy: &'static str,
    /// 0 is next to the agent.
    pub(super) position: usize,
    /// Its name in `/etc/hosts`.
    pub(super) host: String,
    /// What the proxy made of it.
    pub(super) plan: HopPlan,
    /// What it or a hop behind it enforces.
    pub(super) enforces: Enforces,
    /// What comes to it in plain text.
    pub(super) readable: Readable,
}
impl Hop {
    pub(super) fn role(&self) -> Role {
        Role::proxy(self.position, self.proxy)
    }
}

/// Asks every proxy for its hop. The result is ordered from the agent outward.
pub(super) fn negotiate(
    input: &PlanInput<'_>,
    policy: &EgressPolicy,
) -> Result<Vec<Hop>, PlanError> {
    let hosts = host_names(input);
    let mut readable = readable(input, policy);
    let mut hops: Vec<Hop> = Vec::new();
    let mut next: Option<NextHop> = None;
    for (position, proxy) in input.proxies.iter().enumerate().rev() {
        if next.is_some() && !proxy.chains() {
            return Err(must_be_last(input, proxy.name()));
        }
        let host = &hosts[position];
        let context = HopContext::new(input.session, host, policy)
            .next(next.as_ref())
            .first(position == 0)
            .readable(readable[position].clone());
        let plan = proxy.plan(&context).map_err(|source| PlanError::Plugin {
            kind: "proxy",
            name: proxy.name().to_owned(),
            source: Box::new(source),
        })?;
        let behind = next.as_ref().map(|n| n.enforces).unwrap_or_default();
        let enforces = either(plan.enforces, behind);
        next = Some(NextHop {
            host: host.clone(),
            port: plan.port,
            accepts: plan.accepts.clone(),
            scan: plan.scan.clone(),
            health: plan.health.clone(),
            ends_tls: plan.ends_tls,
            enforces,
        });
        hops.push(Hop {
            proxy: proxy.name(),
            position,
            host: host.clone(),
            readable: std::mem::take(&mut readable[position]),
            plan,
            enforces,
        });
    }
    hops.reverse();
    Ok(hops)
}

/// What comes to each hop in plain text, from the agent outward.
fn readable(input: &PlanInput<'_>, policy: &EgressPolicy) -> Vec<Readable> {
    let mut arriving = Readable::Nothing;
    input
        .proxies
        .iter()
        .map(|proxy| {
            let leaving = proxy.hands_over(policy, &arriving);
            std::mem::replace(&mut arriving, leaving)
        })
        .collect()
}

/// Names in `/etc/hosts`: the proxies' own, numbered from the second of a kind on.
fn host_names(input: &PlanInput<'_>) -> Vec<String> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    input
        .proxies
        .iter()
        .map(|proxy| {
            let count = seen.entry(proxy.name()).or_default();
            *count += 1;
            match *count {
                1 => proxy.name().to_owned(),
                n => format!("{}-{n}", proxy.name()),
            }
        })
        .collect()
}

fn either(a: Enforces, b: Enforces) -> Enforces {
    Enforces {
        hosts: a.hosts || b.hosts,
        http_rules: a.http_rules || b.http_rules,
        dlp: a.dlp || b.dlp,
        credentials: a.credentials || b.credentials,
    }
}

fn must_be_last(input: &PlanInput<'_>, name: &'static str) -> PlanError {
    let (chaining, ending): (Vec<_>, Vec<_>) = input.proxies.iter().partition(|p| p.chains());
    let quote = |names: Vec<&'static str>| {
        let names: Vec<_> = names.into_iter().map(|n| format!("\"{n}\"")).collect();
        names.join(", ")
    };
    let mut works: Vec<_> = chaining.iter().map(|p| p.name()).collect();
    works.push(name);
    let works = quote(works);
    let hint = if ending.len() == 1 {
        format!("this chain works: `proxies = [{works}]`")
    } else {
        let ending = quote(ending.iter().map(|p| p.name()).collect());
        format!("keep one of {ending}, at the end: `proxies = [{works}]`")
    };
    PlanError::conflict(
        format!("proxy `{name}` cannot forward to another proxy, so it must be last in the chain"),
        hint,
    )
}

/// Refuses a chain that lets through what the policy forbids.
pub(super) fn check_enforced(hops: &[Hop], policy: &EgressPolicy) -> Result<(), PlanError> {
    let Some(first) = hops.first() else {
        return Ok(());
    };
    let names: Vec<_> = hops.iter().map(|hop| format!("`{}`", hop.proxy)).collect();
    let chain = names.join(", ");
    if !first.enforces.hosts {
        return Err(PlanError::conflict(
            format!("no proxy of the chain ({chain}) enforces the allowed hosts as configured"),
            "add a proxy that does, or change the configuration of the last one",
        ));
    }
    if let Some(rule) = policy.allow.iter().find(|rule| rule.needs_http())
        && !first.enforces.http_rules
    {
        return Err(PlanError::conflict(
            format!(
                "the rule for `{}` names methods or paths, which no proxy of the chain ({chain}) \
                 reads as configured",
                rule.host
            ),
            "add a proxy that decrypts requests, or allow the host as a whole",
        ));
    }
    if let Some(credential) = policy.credentials.first()
        && !first.enforces.credentials
    {
        return Err(PlanError::conflict(
            format!(
                "secret `{}` is to be injected, which no proxy of the chain ({chain}) does as \
                 configured",
                credential.name
            ),
            "add a proxy that injects credentials, or deliver the secret as `env` or `file`, \
             where the agent can read it",
        ));
    }
    Ok(())
}
