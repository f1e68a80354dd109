//! A hop as a container: place, names, hardening.

use bottle_api::{
    Attachment, ContainerPlan, Dns, EgressPolicy, HostEntry, HostTarget, Limits, Mount, Role,
    SidecarPlan,
};

use super::{
    PlanError, PlanInput,
    chain::Hop,
    merge::{check_path, is_below},
    planner::{owner, resource_name},
};

/// Addresses on every network: the engine's gateway is 1, the hop nearer the outside 2, ...
pub(super) const SERVER: u8 = 2;
/// ... whoever talks to it 3.
pub(super) const CLIENT: u8 = 3;
/// Processes and threads of a proxy.
const PIDS: u64 = 512;
/// A proxy holds two sockets a connection.
const NOFILE: u64 = 16384;

/// The place where hop `position` listens for the one before it.
pub(super) fn listener(position: usize) -> Attachment {
    Attachment {
        network: Role::link(position),
        host: SERVER,
    }
}

/// The line of `/etc/hosts` under which a hop is reached.
pub(super) fn host_entry(hop: &Hop) -> HostEntry {
    HostEntry {
        name: hop.host.clone(),
        target: HostTarget::Peer(listener(hop.position)),
    }
}

/// The container of a hop.
pub(super) fn plan(
    input: &PlanInput<'_>,
    hops: &[Hop],
    hop: &Hop,
    policy: &EgressPolicy,
) -> Result<SidecarPlan, PlanError> {
    check(hop)?;
    let role = hop.role();
    let made = &hop.plan;
    let next = hops.get(hop.position + 1);

    let mut container = ContainerPlan::new(
        owner(input, role.clone()),
        resource_name(input, &role),
        made.image.clone(),
    );
    container.entrypoint.clone_from(&made.entrypoint);
    container.command.clone_from(&made.command);
    container.env.clone_from(&made.env);
    container.user = Some(made.user.clone());
    container.hostname.clone_from(&hop.host);
    container.mounts.clone_from(&made.mounts);
    container.files.clone_from(&made.files);
    container.hardening.read_only_rootfs = true;
    container.limits = Limits {
        memory: Some(made.memory),
        milli_cpus: None,
        pids: Some(PIDS.max(least_pids(input))),
        nofile: Some(NOFILE),
    };
    container.networks = vec![
        listener(hop.position),
        match next {
            Some(next) => Attachment {
                network: Role::link(next.position),
                host: CLIENT,
            },
            None => Attachment {
                network: Role::egress(),
                host: SERVER,
            },
        },
    ];
    container.hosts = vec![host_entry(hop)];
    if let Some(next) = next {
        container.hosts.push(host_entry(next));
    } else {
        container.dns = Dns::Engine;
        let fixed = policy.hosts.iter().map(|(name, address)| HostEntry {
            name: name.clone(),
            target: HostTarget::Address(*address),
        });
        container.hosts.extend(fixed);
    }
    Ok(SidecarPlan {
        proxy: hop.proxy.to_owned(),
        position: hop.position,
        container,
        port: made.port,
        ready: made.ready.clone(),
        health: made.health.is_some(),
        start_first: made.start_first,
    })
}

/// Proxies run under the engine's default runtime.
fn least_pids(input: &PlanInput<'_>) -> u64 {
    let info = input.info;
    let least = info.min_pids.get(&info.default_runtime);
    least.copied().unwrap_or_default()
}

/// Holds a plugin to what its contract says about containers.
fn check(hop: &Hop) -> Result<(), PlanError> {
    let fail = |message: String| {
        Err(PlanError::conflict(
            format!("proxy `{}` {message}", hop.proxy),
            "this is a fault of the plugin; please report it to its author",
        ))
    };
    let user = hop.plan.user.split(':').next().unwrap_or_default();
    if user.is_empty() || user == "root" || user.parse() == Ok(0_u32) {
        return fail("wants to run as root".to_owned());
    }
    let mut volumes = Vec::new();
    for mount in &hop.plan.mounts {
        match mount {
            Mount::Volume { target } => volumes.push(target.as_str()),
            Mount::Tmpfs { .. } => {}
            Mount::Bind { source, .. } => {
                return fail(format!("wants `{}` of the host", source.display()));
            }
        }
    }
    for file in &hop.plan.files {
        check_path(&file.path, &format!("proxy `{}`", hop.proxy))?;
        if !volumes.iter().any(|volume| is_below(&file.path, volume)) {
            return fail(format!(
                "puts `{}` outside its volumes, where its container is read-only",
                file.path
            ));
        }
    }
    Ok(())
}
