//! What carries our labels, and its removal.

use std::collections::HashMap;

use bollard::{
    models::ContainerSummaryStateEnum as State,
    query_parameters::{
        ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder,
        RemoveContainerOptionsBuilder, RemoveVolumeOptionsBuilder,
    },
};
use bottle_api::{BackendError, OwnedResource, OwnedSelector, Removed, ResourceKind};
use bottle_backend_common::{
    Attempt, checked, label_filters, owned_resource, removal_of, until_gone,
};

use crate::{client::Client, error::trying};

pub(crate) async fn list(
    client: &Client,
    selector: &OwnedSelector,
) -> Result<Vec<OwnedResource>, BackendError> {
    let filters = HashMap::from([("label".to_owned(), label_filters(selector))]);
    let (containers, networks, volumes) = tokio::try_join!(
        containers(client, selector, &filters),
        networks(client, selector, &filters),
        volumes(client, selector, &filters),
    )?;
    Ok([containers, networks, volumes].concat())
}

type Filters = HashMap<String, Vec<String>>;

async fn containers(
    client: &Client,
    selector: &OwnedSelector,
    filters: &Filters,
) -> Result<Vec<OwnedResource>, BackendError> {
    let attempt = trying("list containers", "bottle.session");
    let options = ListContainersOptionsBuilder::default()
        .all(true)
        .filters(filters)
        .build();
    let found = client
        .call(&attempt, client.docker.list_containers(Some(options)))
        .await?;
    let owned = found.into_iter().filter_map(|it| {
        let name = it.names.into_iter().flatten().next().unwrap_or_default();
        let running = matches!(
            it.state,
            Some(State::RUNNING | State::PAUSED | State::RESTARTING)
        );
        owned_resource(
            ResourceKind::Container,
            it.id?,
            name.trim_start_matches('/').to_owned(),
            running,
            &it.labels.unwrap_or_default(),
            selector,
        )
    });
    Ok(owned.collect())
}

async fn networks(
    client: &Client,
    selector: &OwnedSelector,
    filters: &Filters,
) -> Result<Vec<OwnedResource>, BackendError> {
    let attempt = trying("list networks", "bottle.session");
    let options = ListNetworksOptionsBuilder::default()
        .filters(filters)
        .build();
    let found = client
        .call(&attempt, client.docker.list_networks(Some(options)))
        .await?;
    let owned = found.into_iter().filter_map(|it| {
        owned_resource(
            ResourceKind::Network,
            it.id?,
            it.name.unwrap_or_default(),
            false,
            &it.labels.unwrap_or_default(),
            selector,
        )
    });
    Ok(owned.collect())
}

async fn volumes(
    client: &Client,
    selector: &OwnedSelector,
    filters: &Filters,
) -> Result<Vec<OwnedResource>, BackendError> {
    let attempt = trying("list volumes", "bottle.session");
    let options = ListVolumesOptionsBuilder::default()
        .filters(filters)
        .build();
    let found = client
        .call(&attempt, client.docker.list_volumes(Some(options)))
        .await?;
    let owned = found.volumes.into_iter().flatten().filter_map(|it| {
        owned_resource(
            ResourceKind::Volume,
            it.name.clone(),
            it.name,
            false,
            &it.labels,
            selector,
        )
    });
    Ok(owned.collect())
}

pub(crate) async fn remove(
    client: &Client,
    resource: &OwnedResource,
) -> Result<Removed, BackendError> {
    let id = checked(&resource.id)?;
    let attempt = trying(removal_of(resource.kind), &resource.name);
    until_gone(&attempt, client.limit, || {
        remove_once(client, &attempt, resource.kind, id)
    })
    .await
}

async fn remove_once(
    client: &Client,
    attempt: &Attempt<'_>,
    kind: ResourceKind,
    id: &str,
) -> Result<(), BackendError> {
    match kind {
        ResourceKind::Container => {
            let options = RemoveContainerOptionsBuilder::default()
                .force(true)
                .v(true)
                .build();
            let request = client.docker.remove_container(id, Some(options));
            client.call(attempt, request).await
        }
        ResourceKind::Network => client.call(attempt, client.docker.remove_network(id)).await,
        ResourceKind::Volume => {
            let options = RemoveVolumeOptionsBuilder::default().force(false).build();
            let request = client.docker.remove_volume(id, Some(options));
            client.call(attempt, request).await
        }
    }
}
