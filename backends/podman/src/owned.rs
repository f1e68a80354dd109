//! What carries our labels, and its removal.

use bottle_api::{BackendError, OwnedResource, OwnedSelector, Removed, ResourceKind, label};
use bottle_backend_common::{Attempt, checked, owned_resource, removal_of, until_gone};
use podman_api::opts::{
    ContainerListFilter, ContainerListOpts, NetworkListFilter, NetworkListOpts, VolumeListFilter,
    VolumeListOpts,
};

use crate::{client::Client, container, error::trying, network};

pub(crate) async fn list(
    client: &Client,
    selector: &OwnedSelector,
) -> Result<Vec<OwnedResource>, BackendError> {
    // podman-api's futures are large.
    let (containers, networks, volumes) = tokio::try_join!(
        Box::pin(containers(client, selector)),
        Box::pin(networks(client, selector)),
        Box::pin(volumes(client, selector)),
    )?;
    Ok([containers, networks, volumes].concat())
}

/// One label is filtered for by the engine: its releases differ in what several mean. The rest of
/// the selector is applied to what comes back.
fn session(selector: &OwnedSelector) -> Option<String> {
    selector.session.as_ref().map(ToString::to_string)
}

async fn containers(
    client: &Client,
    selector: &OwnedSelector,
) -> Result<Vec<OwnedResource>, BackendError> {
    let attempt = trying("list containers", label::SESSION);
    let key = label::SESSION.to_owned();
    let filter = match session(selector) {
        Some(session) => ContainerListFilter::LabelKeyVal(key, session),
        None => ContainerListFilter::LabelKey(key),
    };
    let options = ContainerListOpts::builder()
        .all(true)
        .filter([filter])
        .build();
    let found = client
        .call(&attempt, client.api.containers().list(&options))
        .await?;
    let owned = found.into_iter().filter_map(|it| {
        let name = it.names.into_iter().flatten().next().unwrap_or_default();
        let running = matches!(it.state.as_deref(), Some("running" | "paused" | "stopping"));
        owned_resource(
            ResourceKind::Container,
            it.id?,
            name,
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
) -> Result<Vec<OwnedResource>, BackendError> {
    let attempt = trying("list networks", label::SESSION);
    let key = label::SESSION.to_owned();
    let filter = match session(selector) {
        Some(session) => NetworkListFilter::LabelKeyVal(key, session),
        None => NetworkListFilter::LabelKey(key),
    };
    let options = NetworkListOpts::builder().filter([filter]).build();
    let found = client
        .call(&attempt, client.api.networks().list(&options))
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
) -> Result<Vec<OwnedResource>, BackendError> {
    let attempt = trying("list volumes", label::SESSION);
    let key = label::SESSION.to_owned();
    let filter = match session(selector) {
        Some(session) => VolumeListFilter::LabelKeyVal(key, session),
        None => VolumeListFilter::LabelKey(key),
    };
    let options = VolumeListOpts::builder().filter([filter]).build();
    let found = client
        .call(&attempt, client.api.volumes().list(&options))
        .await?;
    let owned = found.into_iter().filter_map(|it| {
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
        ResourceKind::Container => container::remove_with_volumes(client, attempt, id).await,
        ResourceKind::Network => {
            network::check_unused(client, attempt, id).await?;
            let network = client.api.networks().get(id);
            client.call(attempt, network.delete()).await.map(drop)
        }
        ResourceKind::Volume => {
            let volume = client.api.volumes().get(id);
            client.call(attempt, volume.delete()).await
        }
    }
}
