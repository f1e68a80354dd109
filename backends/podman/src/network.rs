//! Networks: internal ones without an address of the host, and the one that leads out. None has
//! the engine's resolver.
//!
//! netavark gives the host an address on a network only for the way out or for its resolver
//! (`addGateway := !Internal || DNSEnabled`): an internal one without names has none.

use bottle_api::{BackendError, BackendErrorKind, Event, NetworkId, NetworkRequest, OpContext};
use bottle_backend_common::Attempt;
use ipnet::IpNet;
use podman_api::{
    models::Subnet,
    opts::{ContainerListFilter, ContainerListOpts, NetworkCreateOpts},
};

use crate::{client::Client, error::trying, firewall};

pub(crate) async fn create(
    client: &Client,
    request: &NetworkRequest<'_>,
    cx: &OpContext,
) -> Result<NetworkId, BackendError> {
    if request.plan.internal
        && let Some(message) = firewall::trouble(client).await
    {
        cx.events.emit(Event::Warning { message });
    }
    let attempt = trying("create network", &request.plan.name);
    let networks = client.api.networks();
    let options = options(request);
    let created = client.call(&attempt, networks.create(&options)).await;
    let network = created.map_err(|error| match error.kind() {
        BackendErrorKind::AddressInUse => error.with_hint(format!(
            "subnet {} overlaps with another network's",
            request.subnet
        )),
        _ => error,
    })?;
    let id = network
        .id
        .ok_or_else(|| attempt.not_understood("it names no network"))?;
    // An engine that passed over a key would leave the network open without saying so.
    let wrong = [
        (network.internal != Some(request.plan.internal), "internal"),
        (network.dns_enabled == Some(true), "dns_enabled"),
        (network.ipv_6_enabled == Some(true), "ipv6_enabled"),
        (
            request.plan.internal && has_gateway(network.subnets.as_deref()),
            "gateway",
        ),
    ];
    match wrong.into_iter().find(|(wrong, _)| *wrong) {
        None => Ok(NetworkId::new(id)),
        Some((_, key)) => {
            let removing = networks.get(id);
            // What stays carries its owner's labels.
            let _ = client.call(&attempt, removing.delete()).await;
            Err(attempt.error(
                BackendErrorKind::Unsupported,
                &format!("the engine made it with another `{key}` than it was asked for"),
            ))
        }
    }
}

/// Podman looks for containers on a network by the name in the request alone, and removes a network
/// that is asked for by its id from under them.
pub(crate) async fn check_unused(
    client: &Client,
    attempt: &Attempt<'_>,
    id: &str,
) -> Result<(), BackendError> {
    let network = client.api.networks().get(id);
    let name = client.call(attempt, network.inspect()).await?.name;
    let filter = ContainerListFilter::Network(name.unwrap_or_else(|| id.to_owned()));
    let options = ContainerListOpts::builder()
        .all(true)
        .filter([filter])
        .build();
    let users = client
        .call(attempt, client.api.containers().list(&options))
        .await?;
    if users.is_empty() {
        return Ok(());
    }
    Err(attempt.error(
        BackendErrorKind::Other,
        &format!("network is being used by {} container(s)", users.len()),
    ))
}

fn has_gateway(subnets: Option<&[Subnet]>) -> bool {
    subnets
        .unwrap_or_default()
        .iter()
        .any(|subnet| subnet.gateway.as_ref().is_some_and(|it| !it.is_empty()))
}

fn options(request: &NetworkRequest<'_>) -> NetworkCreateOpts {
    let plan = request.plan;
    NetworkCreateOpts::builder()
        .name(&plan.name)
        .driver("bridge")
        .internal(plan.internal)
        .dns_enabled(false)
        .ipv6_enabled(false)
        .subnets([Subnet {
            subnet: Some(request.subnet.to_string()),
            gateway: if plan.internal {
                None
            } else {
                gateway(&request.subnet)
            },
            lease_range: None,
        }])
        .labels(plan.owner.labels())
        .build()
}

fn gateway(subnet: &IpNet) -> Option<String> {
    subnet.hosts().next().map(|address| address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bottle_api::{InstanceId, NetworkPlan, Ownership, Role, SessionId};

    fn body(internal: bool) -> serde_json::Value {
        let plan = NetworkPlan {
            owner: Ownership {
                session: SessionId::new("s"),
                role: Role::link(0),
                instance: InstanceId::new("i"),
            },
            name: "bottle-x-s-link-0".into(),
            internal,
        };
        let request = NetworkRequest::new(&plan, "10.213.7.16/28".parse().unwrap());
        serde_json::from_str(&options(&request).serialize().unwrap()).unwrap()
    }

    #[test]
    fn internal_networks_have_neither_gateway_nor_names() {
        let body = body(true);
        assert_eq!(body["internal"], true);
        assert_eq!(body["dns_enabled"], false);
        assert_eq!(body["ipv6_enabled"], false);
        assert_eq!(body["subnets"][0]["subnet"], "10.213.7.16/28");
        assert!(body["subnets"][0].get("gateway").is_none(), "{body}");
        assert_eq!(body["labels"]["bottle.session"], "s");
        assert_eq!(body["labels"]["bottle.role"], "link-0");
    }

    #[test]
    fn the_way_out_has_a_gateway() {
        let body = body(false);
        assert_eq!(body["internal"], false);
        assert_eq!(body["dns_enabled"], false);
        assert_eq!(body["subnets"][0]["gateway"], "10.213.7.17");
    }
}
