//! Networks: internal ones on which the host has no address, and the one that leads out.

use std::collections::HashMap;

use bollard::models::{Ipam, IpamConfig, NetworkCreateRequest};
use bottle_api::{BackendError, BackendErrorKind, NetworkId, NetworkRequest};
use ipnet::IpNet;

use crate::{
    client::{Api, Client},
    error::trying,
};

const ISOLATED: [&str; 2] = [
    "com.docker.network.bridge.gateway_mode_ipv4",
    "com.docker.network.bridge.gateway_mode_ipv6",
];
const INHIBIT: &str = "com.docker.network.bridge.inhibit_ipv4";

pub(crate) async fn create(
    client: &Client,
    request: &NetworkRequest<'_>,
) -> Result<NetworkId, BackendError> {
    let attempt = trying("create network", &request.plan.name);
    let body = body(client.server.api, request);
    let created = client
        .call(&attempt, client.docker.create_network(body))
        .await;
    match created {
        Ok(created) => Ok(NetworkId::new(created.id)),
        Err(error) if error.kind() == BackendErrorKind::AddressInUse => Err(error.with_hint(
            format!("subnet {} overlaps with another network's", request.subnet),
        )),
        Err(error) => Err(error),
    }
}

fn body(api: Api, request: &NetworkRequest<'_>) -> NetworkCreateRequest {
    let plan = request.plan;
    NetworkCreateRequest {
        name: plan.name.clone(),
        driver: Some("bridge".to_owned()),
        internal: Some(plan.internal),
        enable_ipv6: Some(false),
        ipam: Some(Ipam {
            config: Some(vec![IpamConfig {
                subnet: Some(request.subnet.to_string()),
                gateway: gateway(&request.subnet),
                ..Default::default()
            }]),
            ..Default::default()
        }),
        options: plan.internal.then(|| closed_to_the_host(api)),
        labels: Some(plan.owner.labels().into_iter().collect()),
        ..Default::default()
    }
}

/// The engine's own choice too, but Docker 28 would give it to a container where the host does
/// not take it.
fn gateway(subnet: &IpNet) -> Option<String> {
    subnet.hosts().next().map(|address| address.to_string())
}

/// Without these, the host answers on the network's gateway address, and through it on every
/// other address it has. Engines before 28 take the newer option for a word they do not know and
/// open the network without saying so.
fn closed_to_the_host(api: Api) -> HashMap<String, String> {
    if api.isolated_gateway() {
        ISOLATED
            .map(|key| (key.to_owned(), "isolated".to_owned()))
            .into()
    } else {
        [(INHIBIT.to_owned(), "true".to_owned())].into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bottle_api::{InstanceId, NetworkPlan, Ownership, Role, SessionId};

    fn plan(internal: bool) -> NetworkPlan {
        NetworkPlan {
            owner: Ownership {
                session: SessionId::new("s"),
                role: Role::link(0),
                instance: InstanceId::new("i"),
            },
            name: "bottle-x-s-link-0".into(),
            internal,
        }
    }
    fn made(api: Api, internal: bool) -> NetworkCreateRequest {
        let plan = plan(internal);
        body(
            api,
            &NetworkRequest::new(&plan, "10.213.7.16/28".parse().unwrap()),
        )
    }

    #[test]
    fn internal_networks_are_closed_by_what_the_engine_knows() {
        let old = made(Api(1, 47), true).options.unwrap();
        assert_eq!(old, HashMap::from([(INHIBIT.into(), "true".into())]));
        let new = made(Api(1, 48), true).options.unwrap();
        assert_eq!(new.len(), 2);
        assert!(new.values().all(|mode| mode == "isolated"));
        assert_eq!(made(Api(1, 48), false).options, None);
        assert_eq!(made(Api(1, 41), false).internal, Some(false));
    }

    #[test]
    fn owner_subnet_and_gateway_are_in_the_request() {
        let body = made(Api(1, 41), true);
        let labels = body.labels.unwrap();
        assert_eq!(labels["bottle.session"], "s");
        assert_eq!(labels["bottle.role"], "link-0");
        assert_eq!(labels["bottle.instance"], "i");
        let ipam = body.ipam.unwrap().config.unwrap();
        assert_eq!(ipam[0].subnet.as_deref(), Some("10.213.7.16/28"));
        assert_eq!(ipam[0].gateway.as_deref(), Some("10.213.7.17"));
        assert_eq!(body.enable_ipv6, Some(false));
    }
}
