//! Containers: created with everything they are, then moved through their life.

mod body;
mod life;

pub(crate) use life::{inspect, start, stop, wait};

use std::collections::HashMap;

use bollard::{
    models::{EndpointIpamConfig, EndpointSettings, NetworkConnectRequest},
    query_parameters::CreateContainerOptionsBuilder,
};
use bottle_api::{
    BackendError, ContainerId, ContainerRequest, Event, OpContext, ResolvedAttachment,
};
use bottle_backend_common::{check_env, check_hosts};

use crate::{client::Client, error::trying};

/// Said by engines whose machine has no swap accounting; there is nothing to do about it, and
/// the limit of memory holds.
const EXPECTED_WARNING: &str = "swap limit capabilities";

pub(crate) async fn create(
    client: &Client,
    request: &ContainerRequest<'_>,
    cx: &OpContext,
) -> Result<ContainerId, BackendError> {
    let values = request.env.iter().map(|(_, value)| value);
    let attempt = trying("create container", request.name).hiding(values);
    check_env(&attempt, request.env)?;
    check_hosts(&attempt, request.hosts)?;
    let at_once = client.server.api.many_networks();
    let (first, later) = if at_once {
        (request.networks, [].as_slice())
    } else {
        request.networks.split_at(request.networks.len().min(1))
    };
    let body = body::of(&client.server, request, endpoints(client, first));
    let options = CreateContainerOptionsBuilder::default()
        .name(request.name)
        .build();
    let created = client
        .call(
            &attempt,
            client.docker.create_container(Some(options), body),
        )
        .await?;
    for warning in created.warnings {
        if !warning.contains(EXPECTED_WARNING) {
            cx.events.emit(Event::Warning {
                message: format!("container `{}`: {warning}", request.name),
            });
        }
    }
    for attachment in later {
        let connect = NetworkConnectRequest {
            container: created.id.clone(),
            endpoint_config: Some(endpoint(client, attachment)),
        };
        let network = attachment.network.as_str();
        client
            .call(&attempt, client.docker.connect_network(network, connect))
            .await?;
    }
    Ok(ContainerId::new(created.id))
}

fn endpoints(
    client: &Client,
    attachments: &[ResolvedAttachment],
) -> HashMap<String, EndpointSettings> {
    attachments
        .iter()
        .map(|it| (it.network.to_string(), endpoint(client, it)))
        .collect()
}

fn endpoint(client: &Client, attachment: &ResolvedAttachment) -> EndpointSettings {
    EndpointSettings {
        ipam_config: Some(EndpointIpamConfig {
            ipv4_address: Some(attachment.address.to_string()),
            ..Default::default()
        }),
        // Older engines choose the network that is not internal by themselves.
        gw_priority: (client.server.api.isolated_gateway() && !attachment.internal).then_some(1),
        ..Default::default()
    }
}
