//! The request that creates a container, made from its plan.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, EndpointSettings, HostConfig, HostConfigLogConfig, Mount as DockerMount,
    MountType, MountVolumeOptions, NetworkingConfig, ResourcesUlimits,
};
use bottle_api::{ContainerPlan, ContainerRequest, Dns, ExposeSecret, Mount};
use bottle_backend_common::{
    self as common, IMPATIENT, NOBODY, STRICT_HOST, signed, whole_seconds,
};

use crate::client::Server;

pub(super) fn of(
    server: &Server,
    request: &ContainerRequest<'_>,
    endpoints: HashMap<String, EndpointSettings>,
) -> ContainerCreateBody {
    let plan = request.plan;
    let env = request
        .env
        .iter()
        .map(|(name, value)| format!("{name}={}", value.expose_secret()));
    ContainerCreateBody {
        image: Some(request.image.to_string()),
        hostname: Some(plan.hostname.clone()),
        user: plan.user.clone(),
        working_dir: plan.workdir.clone(),
        env: Some(env.collect()),
        // One empty word is how the engine is told to forget the image's entry point.
        entrypoint: plan
            .entrypoint
            .as_ref()
            .map(|words| match words.as_slice() {
                [] => vec![String::new()],
                words => words.to_vec(),
            }),
        cmd: (!plan.command.is_empty()).then(|| plan.command.clone()),
        labels: Some(plan.owner.labels().into_iter().collect()),
        tty: Some(plan.stdio.tty),
        open_stdin: Some(plan.stdio.stdin),
        stdin_once: Some(plan.stdio.stdin && plan.stdio.stdin_once),
        attach_stdin: Some(plan.stdio.stdin),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        stop_timeout: Some(whole_seconds(plan.stop_grace)),
        host_config: Some(host_config(server, request)),
        networking_config: Some(NetworkingConfig {
            endpoints_config: Some(endpoints),
        }),
        ..Default::default()
    }
}

fn host_config(server: &Server, request: &ContainerRequest<'_>) -> HostConfig {
    let plan = request.plan;
    let closed = plan.dns == Dns::Closed;
    let words = |words: &[&str]| Some(words.iter().map(|&word| word.to_owned()).collect());
    let hosts = request
        .hosts
        .iter()
        .map(|(name, address)| format!("{name}:{address}"));
    let first = request.networks.first();
    HostConfig {
        network_mode: Some(first.map_or("none".to_owned(), |it| it.network.to_string())),
        extra_hosts: Some(hosts.collect()),
        dns: words(if closed { &[NOBODY] } else { &[] }),
        dns_search: words(if closed { &["."] } else { &[] }),
        // Old engines leave a question without an answer: nobody shall wait long for it.
        dns_options: words(if closed { &IMPATIENT } else { &[] }),
        sysctls: (request.networks.len() > 1).then(|| {
            STRICT_HOST
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into()
        }),
        cap_drop: words(&["ALL"]),
        cap_add: Some(plan.hardening.cap_add.clone()),
        security_opt: words(if plan.hardening.no_new_privileges {
            &["no-new-privileges:true"]
        } else {
            &[]
        }),
        privileged: Some(false),
        readonly_rootfs: Some(plan.hardening.read_only_rootfs),
        init: Some(plan.hardening.init && server.init),
        runtime: plan.runtime.clone(),
        log_config: Some(log_config()),
        mounts: Some(mounts(plan)),
        tmpfs: Some(tmpfs(plan)),
        ..limits(plan)
    }
}

fn limits(plan: &ContainerPlan) -> HostConfig {
    let limits = &plan.limits;
    let memory = limits.memory.map(signed);
    HostConfig {
        memory,
        // The sum of memory and swap: no swap on top.
        memory_swap: memory,
        nano_cpus: limits
            .milli_cpus
            .map(|milli| signed(milli.saturating_mul(1_000_000))),
        pids_limit: limits.pids.map(signed),
        ulimits: limits.nofile.map(|files| {
            vec![ResourcesUlimits {
                name: Some("nofile".to_owned()),
                soft: Some(signed(files)),
                hard: Some(signed(files)),
            }]
        }),
        ..Default::default()
    }
}

/// A driver whose lines can be read back, whatever the engine's default is, and bounded.
fn log_config() -> HostConfigLogConfig {
    HostConfigLogConfig {
        typ: Some("json-file".to_owned()),
        config: Some(
            [("max-size", "10m"), ("max-file", "3")]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
        ),
    }
}

fn mounts(plan: &ContainerPlan) -> Vec<DockerMount> {
    plan.mounts
        .iter()
        .filter_map(|mount| match mount {
            Mount::Bind {
                source,
                target,
                read_only,
            } => Some(DockerMount {
                typ: Some(MountType::BIND),
                source: Some(source.to_string_lossy().into_owned()),
                target: Some(target.clone()),
                read_only: Some(*read_only),
                ..Default::default()
            }),
            Mount::Volume { target } => Some(DockerMount {
                typ: Some(MountType::VOLUME),
                target: Some(target.clone()),
                volume_options: Some(MountVolumeOptions {
                    labels: Some(plan.owner.labels().into_iter().collect()),
                    ..Default::default()
                }),
                ..Default::default()
            }),
            Mount::Tmpfs { .. } => None,
        })
        .collect()
}

fn tmpfs(plan: &ContainerPlan) -> HashMap<String, String> {
    common::tmpfs(plan)
        .map(|(target, options)| (target.clone(), options.join(",")))
        .collect()
}

#[cfg(test)]
mod tests;
