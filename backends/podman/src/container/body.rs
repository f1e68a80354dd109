//! The request that creates a container, made from its plan.

use bottle_api::{ContainerPlan, ContainerRequest, Dns, ExposeSecret, Mount};
use bottle_backend_common::{IMPATIENT, NOBODY, STRICT_HOST, signed, tmpfs, whole_seconds};

use super::volumes::Volume;
use crate::{
    client::Client,
    raw::{
        CpuLimits, CreateContainer, IdMap, IdMappings, LogConfiguration, MemoryLimits, NamedVolume,
        Namespace, PerNetwork, PidsLimit, RLimit, ResourceLimits, SpecMount,
    },
};

/// Microseconds.
const PERIOD: u64 = 100_000;
/// More processes than any plan allows: a container bounds them by its control group. It must be
/// named all the same, or the engine tries to raise its own limit.
const MAX_PROCESSES: u64 = 32_768;
/// The network's other side has an address of six on the link, and answers there.
const NO_IPV6: [(&str, &str); 2] = [
    ("net.ipv6.conf.all.disable_ipv6", "1"),
    ("net.ipv6.conf.default.disable_ipv6", "1"),
];

/// What the engine's machine lets a container have.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are facts that have nothing to do with each other"
)]
pub(crate) struct Means {
    pub(crate) rootless: bool,
    /// The user that the engine runs as.
    pub(crate) uid: Option<u32>,
    /// How many users and groups it can give away.
    pub(crate) ids: (u32, u32),
    pub(crate) selinux: bool,
    pub(crate) init: bool,
    pub(crate) ipv6: bool,
    pub(crate) max_files: u64,
    pub(crate) max_processes: u64,
    /// Limits that are not enforced, and must not be asked for.
    pub(crate) limits_missing: Vec<&'static str>,
}

impl Means {
    pub(crate) fn of(client: &Client) -> Self {
        let security = &client.info.host.security;
        Self {
            rootless: security.rootless,
            uid: client.uid,
            ids: client.info.host.id_mappings.count(),
            selinux: security.selinux_enabled,
            init: client.machine.init,
            ipv6: client.machine.ipv6,
            max_files: client.machine.max_files,
            max_processes: client.machine.max_processes,
            limits_missing: client.info.limits_missing(),
        }
    }
}

pub(super) fn of(
    means: &Means,
    request: &ContainerRequest<'_>,
    volumes: &[Volume],
) -> CreateContainer {
    let plan = request.plan;
    let closed = plan.dns == Dns::Closed;
    let env = request
        .env
        .iter()
        .map(|(name, value)| (name.clone(), value.expose_secret().to_owned()));
    let binds = plan
        .mounts
        .iter()
        .any(|mount| matches!(mount, Mount::Bind { .. }));
    let ids = if binds && means.rootless {
        kept(means, plan)
    } else {
        None
    };
    CreateContainer {
        name: request.name.to_owned(),
        image: request.image.to_string(),
        entrypoint: plan.entrypoint.clone(),
        command: plan.command.clone(),
        env: env.collect(),
        user: plan.user.clone(),
        work_dir: plan.workdir.clone(),
        hostname: plan.hostname.clone(),
        labels: plan.owner.labels(),
        terminal: plan.stdio.tty,
        stdin: plan.stdio.stdin,
        stop_timeout: whole_seconds(plan.stop_grace).unsigned_abs(),
        log_configuration: log_configuration(),
        oci_runtime: plan.runtime.clone(),
        systemd: "false",
        init: plan.hardening.init && means.init,
        image_volume_mode: "ignore",
        mounts: mounts(plan),
        volumes: volumes.iter().map(named_volume).collect(),
        cap_drop: vec!["ALL"],
        cap_add: plan.hardening.cap_add.clone(),
        no_new_privileges: plan.hardening.no_new_privileges,
        read_only_filesystem: plan.hardening.read_only_rootfs,
        // Relabelling a user's folder for good would be the other way.
        selinux_opts: if binds && means.selinux {
            vec!["disable"]
        } else {
            vec![]
        },
        userns: ids.is_some().then(|| Namespace::of("private")),
        idmappings: ids,
        netns: Namespace::of(if request.networks.is_empty() {
            "none"
        } else {
            "bridge"
        }),
        networks: networks(request),
        // Ours is put into it: the engine's own would begin with the host's.
        use_image_hosts: true,
        dns_server: if closed { vec![NOBODY] } else { vec![] },
        dns_search: if closed { vec!["."] } else { vec![] },
        dns_option: if closed { IMPATIENT.to_vec() } else { vec![] },
        sysctl: sysctls(means, request.networks.len()).collect(),
        resource_limits: resource_limits(means, plan),
        r_limits: r_limits(means, plan),
        ..CreateContainer::default()
    }
}

/// What is set in the network of a container.
pub(super) fn sysctls(
    means: &Means,
    networks: usize,
) -> impl Iterator<Item = (&'static str, &'static str)> {
    let six = (networks > 0 && means.ipv6).then_some(NO_IPV6);
    let strict = (networks > 1).then_some(STRICT_HOST);
    six.into_iter()
        .flatten()
        .chain(strict.into_iter().flatten())
}

/// A driver whose lines can be read back, whatever the engine's default is, and bounded.
fn log_configuration() -> LogConfiguration {
    LogConfiguration {
        driver: "k8s-file",
        size: 30 << 20,
    }
}

/// The user who runs the engine owns the folders that are bound: inside it is the agent's. This is
/// what `keep-id` with numbers means, which the service half understands.
fn kept(means: &Means, plan: &ContainerPlan) -> Option<IdMappings> {
    let user = plan.user.as_deref().unwrap_or("0:0");
    let (uid, gid) = user.split_once(':').unwrap_or((user, user));
    // A name that the image knows is no number: then the engine's user keeps its own.
    let number = |id: &str| id.parse().ok().or(means.uid);
    let (uid, gid) = (number(uid)?, number(gid)?);
    let (uids, gids) = means.ids;
    Some(IdMappings {
        host_uids: false,
        host_gids: false,
        uids: mapped(uid, uids),
        gids: mapped(gid, gids),
    })
}

/// One of `count` numbers stands for the engine's own user, which is 0 to the engine; the others
/// keep their order.
fn mapped(id: u32, count: u32) -> Vec<IdMap> {
    let others = count.saturating_sub(1);
    let map = |container_id, host_id, size| IdMap {
        container_id,
        host_id,
        size,
    };
    [
        map(0, 1, id.min(others)),
        map(id, 0, 1),
        map(
            id.saturating_add(1),
            id.saturating_add(1),
            others.saturating_sub(id),
        ),
    ]
    .into_iter()
    .filter(|map| map.size > 0)
    .collect()
}

fn networks(request: &ContainerRequest<'_>) -> std::collections::BTreeMap<String, PerNetwork> {
    let networks = request.networks.iter().enumerate();
    networks
        .map(|(n, it)| {
            let network = PerNetwork {
                static_ips: vec![it.address],
                interface_name: format!("eth{n}"),
            };
            (it.network.to_string(), network)
        })
        .collect()
}

fn resource_limits(means: &Means, plan: &ContainerPlan) -> ResourceLimits {
    let limits = &plan.limits;
    let enforced = |name| !means.limits_missing.contains(&name);
    ResourceLimits {
        memory: limits
            .memory
            .filter(|_| enforced("memory"))
            .map(|bytes| MemoryLimits {
                limit: signed(bytes),
                // The sum of memory and swap: no swap on top.
                swap: signed(bytes),
            }),
        cpu: limits
            .milli_cpus
            .filter(|_| enforced("cpus"))
            .map(|milli| CpuLimits {
                quota: signed(milli.saturating_mul(PERIOD / 1000)),
                period: PERIOD,
            }),
        pids: limits
            .pids
            .filter(|_| enforced("pids"))
            .map(|pids| PidsLimit {
                limit: signed(pids),
            }),
    }
}

/// Both or none: with one alone the engine takes its own default for the other, which it may not
/// have the right to set.
fn r_limits(means: &Means, plan: &ContainerPlan) -> Vec<RLimit> {
    let Some(files) = plan.limits.nofile else {
        return vec![];
    };
    let limit = |kind, value| RLimit {
        kind,
        soft: value,
        hard: value,
    };
    vec![
        limit("nofile", files.min(means.max_files)),
        limit("nproc", MAX_PROCESSES.min(means.max_processes)),
    ]
}

fn mounts(plan: &ContainerPlan) -> Vec<SpecMount> {
    let binds = plan.mounts.iter().filter_map(|mount| match mount {
        Mount::Bind {
            source,
            target,
            read_only,
        } => {
            let mode = if *read_only { "ro" } else { "rw" };
            Some(SpecMount {
                destination: target.clone(),
                kind: "bind",
                source: source.to_string_lossy().into_owned(),
                options: ["rbind", "rprivate", mode].map(str::to_owned).to_vec(),
            })
        }
        Mount::Volume { .. } | Mount::Tmpfs { .. } => None,
    });
    let memory = tmpfs(plan).map(|(target, options)| SpecMount {
        destination: target.clone(),
        kind: "tmpfs",
        source: "tmpfs".to_owned(),
        options,
    });
    binds.chain(memory).collect()
}

fn named_volume(volume: &Volume) -> NamedVolume {
    NamedVolume {
        name: volume.name.clone(),
        dest: volume.target.clone(),
        options: vec!["nosuid", "nodev"],
    }
}

#[cfg(test)]
#[path = "body/tests.rs"]
mod tests;
