//! Removal of the images that `bottle` built.

use std::collections::BTreeSet;

use bottle_api::{BackendError, BackendErrorKind, label};
use bottle_backend_common::{ListedImage, is_gone, prune_unused};
use podman_api::opts::ContainerListOpts;

use super::id;
use crate::{
    client::Client,
    error::trying,
    raw::{self, encoded},
};

/// Removes (or only lists) what no container uses.
pub(crate) async fn prune(client: &Client, dry_run: bool) -> Result<Vec<String>, BackendError> {
    let attempt = trying("remove images", label::IMAGE);
    let filters = serde_json::json!({ "label": [label::IMAGE] }).to_string();
    let path = format!("/images/json?filters={}", encoded(&filters));
    let containers = client.api.containers();
    let all = ContainerListOpts::builder().all(true).build();
    let (images, containers) = tokio::try_join!(
        client.get::<Vec<raw::ListedImage>>(&attempt, &path),
        client.call(&attempt, containers.list(&all)),
    )?;
    let used: BTreeSet<String> = containers
        .into_iter()
        .filter_map(|container| Some(id(&container.image_id?).to_string()))
        .collect();
    let images = images.into_iter().map(|image| ListedImage {
        id: id(&image.id).to_string(),
        tags: image.repo_tags.unwrap_or_default(),
        ours: image
            .labels
            .is_some_and(|labels| labels.contains_key(label::IMAGE)),
    });
    prune_unused(images.collect(), &used, dry_run, |name| {
        remove(client, name)
    })
    .await
}

/// Whether it is gone now. One that others were built on, or that a container began to use
/// meanwhile, stays.
async fn remove(client: &Client, name: String) -> Result<bool, BackendError> {
    let attempt = trying("remove image", &name);
    // podman-api puts a name into the path as it is.
    let image = client.api.images().get(encoded(&name));
    match client.call(&attempt, image.delete()).await {
        Ok(()) => Ok(true),
        Err(error) if is_gone(&error) || error.kind() == BackendErrorKind::ImageMissing => Ok(true),
        Err(error) if error.to_string().contains("in use") => Ok(false),
        Err(error) => Err(error),
    }
}
