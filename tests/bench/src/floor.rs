//! The floor: the same engine calls, bare and in parallel.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use bollard::{
    Docker,
    exec::StartExecResults,
    models::{
        ContainerCreateBody, EndpointIpamConfig, EndpointSettings, ExecConfig, Ipam, IpamConfig,
        NetworkConnectRequest, NetworkCreateRequest, NetworkingConfig,
    },
    query_parameters::{
        CreateContainerOptionsBuilder, RemoveContainerOptionsBuilder, StartContainerOptions,
        UploadToContainerOptionsBuilder,
    },
};
use futures_util::{StreamExt as _, future::try_join_all};

use crate::{
    Round,
    template::{Container, Network, Template},
};

/// One launch; also how long the slowest hop took to get ready by itself.
pub(crate) async fn round(template: &Template, number: usize) -> (Round, Duration) {
    let docker = Docker::connect_with_defaults()
        .expect("a socket")
        .negotiate_version()
        .await
        .expect("an engine");
    let prefix = format!("bench-floor-{}-{number}", std::process::id());
    let begin = Instant::now();
    try_join_all(
        template
            .networks
            .iter()
            .enumerate()
            .map(|(at, network)| create_network(&docker, &prefix, network, subnet(number, at))),
    )
    .await
    .expect("networks");
    let ids = try_join_all(
        template
            .containers
            .iter()
            .map(|container| bring_up(&docker, &prefix, template, container, number)),
    )
    .await
    .expect("containers");
    let up = begin.elapsed();
    let start = slowest_start(&docker, template, &ids).await;

    let begin = Instant::now();
    let force = RemoveContainerOptionsBuilder::default()
        .force(true)
        .v(true)
        .build();
    try_join_all(
        ids.iter()
            .map(|id| docker.remove_container(id, Some(force.clone()))),
    )
    .await
    .expect("removed");
    try_join_all(template.networks.iter().map(|network| {
        let name = format!("{prefix}-{}", network.role);
        let docker = &docker;
        async move { docker.remove_network(&name).await }
    }))
    .await
    .expect("removed");
    let round = Round {
        up,
        ready: None,
        down: begin.elapsed(),
    };
    (round, start)
}

/// The /28 of the `at`th network of a round, outside the pool that `bottle` uses.
pub(crate) fn subnet(number: usize, at: usize) -> [u8; 4] {
    let block = u8::try_from((number * 4 + at) % 256).unwrap_or_default();
    [10, 217, block, 0]
}

/// The address of host number `host` on the network of that role.
pub(crate) fn address(template: &Template, number: usize, role: &str, host: u8) -> String {
    let at = template
        .networks
        .iter()
        .position(|network| network.role == role);
    let [a, b, c, d] = subnet(number, at.unwrap_or_default());
    format!("{a}.{b}.{c}.{}", d + host)
}

/// The container's hosts file, with this round's addresses.
pub(crate) fn extra_hosts(
    template: &Template,
    container: &Container,
    number: usize,
) -> Vec<String> {
    container
        .hosts
        .iter()
        .map(|(name, role, host)| format!("{name}:{}", address(template, number, role, *host)))
        .collect()
}

async fn create_network(
    docker: &Docker,
    prefix: &str,
    network: &Network,
    subnet: [u8; 4],
) -> Result<(), bollard::errors::Error> {
    let [a, b, c, d] = subnet;
    let request = NetworkCreateRequest {
        name: format!("{prefix}-{}", network.role),
        internal: Some(network.internal),
        options: serde_json::from_value(network.options.clone()).ok(),
        ipam: Some(Ipam {
            config: Some(vec![IpamConfig {
                subnet: Some(format!("{a}.{b}.{c}.{d}/28")),
                ..Default::default()
            }]),
            ..Default::default()
        }),
        ..Default::default()
    };
    docker.create_network(request).await.map(|_| ())
}

async fn bring_up(
    docker: &Docker,
    prefix: &str,
    template: &Template,
    container: &Container,
    number: usize,
) -> Result<String, bollard::errors::Error> {
    let endpoint = |role: &str, host: u8| EndpointSettings {
        ipam_config: Some(EndpointIpamConfig {
            ipv4_address: Some(address(template, number, role, host)),
            ..Default::default()
        }),
        ..Default::default()
    };
    let (first, host) = container.networks.first().expect("a network");
    let mut body: ContainerCreateBody =
        serde_json::from_value(container.config.clone()).expect("a config");
    let mut host_config: bollard::models::HostConfig =
        serde_json::from_value(container.host_config.clone()).expect("a host config");
    let name = format!("{prefix}-{first}");
    host_config.network_mode = Some(name.clone());
    host_config.extra_hosts = Some(extra_hosts(template, container, number));
    body.host_config = Some(host_config);
    body.labels = None;
    body.networking_config = Some(NetworkingConfig {
        endpoints_config: Some(HashMap::from([(name, endpoint(first, *host))])),
    });
    let options = CreateContainerOptionsBuilder::default()
        .name(&format!("{prefix}-{}", container.role))
        .build();
    let id = docker.create_container(Some(options), body).await?.id;
    for (role, host) in container.networks.iter().skip(1) {
        let request = NetworkConnectRequest {
            container: id.clone(),
            endpoint_config: Some(endpoint(role, *host)),
        };
        docker
            .connect_network(&format!("{prefix}-{role}"), request)
            .await?;
    }
    if let Some((path, files)) = &container.files {
        let options = UploadToContainerOptionsBuilder::default()
            .path(path)
            .build();
        docker
            .upload_to_container(&id, Some(options), bollard::body_full(files.clone()))
            .await?;
    }
    docker
        .start_container(&id, None::<StartContainerOptions>)
        .await?;
    Ok(id)
}

/// How long the slowest hop takes until its own readiness check passes, all being started.
async fn slowest_start(docker: &Docker, template: &Template, ids: &[String]) -> Duration {
    let begin = Instant::now();
    let checks = template
        .containers
        .iter()
        .zip(ids)
        .filter_map(|(container, id)| {
            let argv = container.ready.clone()?;
            Some(async move {
                while begin.elapsed() < Duration::from_secs(30) {
                    if exec(docker, id, argv.clone()).await == Some(0) {
                        break;
                    }
                }
            })
        });
    futures_util::future::join_all(checks).await;
    begin.elapsed()
}

async fn exec(docker: &Docker, id: &str, argv: Vec<String>) -> Option<i64> {
    let config = ExecConfig {
        cmd: Some(argv),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        ..Default::default()
    };
    let exec = docker.create_exec(id, config).await.ok()?.id;
    if let StartExecResults::Attached { mut output, .. } =
        docker.start_exec(&exec, None).await.ok()?
    {
        while output.next().await.is_some() {}
    }
    docker.inspect_exec(&exec).await.ok()?.exit_code
}
