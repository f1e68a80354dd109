//! What carries our labels, and its removal.

use std::{collections::HashMap, time::Duration};

use bollard::{
    models::ContainerSummaryStateEnum as State,
    query_parameters::{
        ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder,
        RemoveContainerOptionsBuilder, RemoveVolumeOptionsBuilder,
    },
};
use bottle_api::{BackendError, OwnedResource, OwnedSelector, Removed, ResourceKind};
use bottle_backend_common::{label_filters, owned_resource};
use tokio::time::{Instant, sleep};

use crate::{
    client::Client,
    error::{Attempt, is_gone},
    ids::checked,
};

const LOOK_AGAIN: Duration = Duration::from_millis(50);

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
    let attempt = Attempt::new("list containers", "bottle.session");
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
    let attempt = Attempt::new("list networks", "bottle.session");
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
    let attempt = Attempt::new("list volumes", "bottle.session");
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
    let operation = match resource.kind {
        ResourceKind::Container => "remove container",
        ResourceKind::Network => "remove network",
        ResourceKind::Volume => "remove volume",
    };
    let attempt = Attempt::new(operation, &resource.name);
    let deadline = Instant::now() + client.limit;
    let mut result = Removed::Now;
    loop {
        match remove_once(client, &attempt, resource.kind, id).await {
            Ok(()) => return Ok(result),
            Err(error) if is_gone(&error) => return Ok(Removed::AlreadyGone),
            // Somebody else is at it; that it is gone is promised all the same.
            Err(error) if is_going(&error.to_string()) => {
                if Instant::now() >= deadline {
                    return Err(attempt.timeout(client.limit));
                }
                result = Removed::AlreadyGone;
                sleep(LOOK_AGAIN).await;
            }
            Err(error) => return Err(error),
        }
    }
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

fn is_going(text: &str) -> bool {
    text.contains("is already in progress") || text.contains("is marked for removal")
}
