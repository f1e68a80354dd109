//! Removal of the images that `bottle` built.

use std::collections::{BTreeSet, HashMap};

use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListImagesOptionsBuilder, RemoveImageOptionsBuilder,
};
use bottle_api::{BackendError, label};
use bottle_backend_common::{ListedImage, is_gone, prune_unused};

use crate::{client::Client, error::trying};

/// Removes (or only lists) what no container uses.
pub(crate) async fn prune(client: &Client, dry_run: bool) -> Result<Vec<String>, BackendError> {
    let attempt = trying("remove images", label::IMAGE);
    let filters = HashMap::from([("label".to_owned(), vec![label::IMAGE.to_owned()])]);
    let images = ListImagesOptionsBuilder::default()
        .filters(&filters)
        .build();
    let containers = ListContainersOptionsBuilder::default().all(true).build();
    let (images, containers) = tokio::try_join!(
        client.call(&attempt, client.docker.list_images(Some(images))),
        client.call(&attempt, client.docker.list_containers(Some(containers))),
    )?;
    let used: BTreeSet<String> = containers
        .into_iter()
        .filter_map(|container| container.image_id)
        .collect();
    let images = images.into_iter().map(|image| ListedImage {
        ours: image.labels.contains_key(label::IMAGE),
        tags: image
            .repo_tags
            .into_iter()
            .filter(|tag| tag != "<none>:<none>")
            .collect(),
        id: image.id,
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
    let options = RemoveImageOptionsBuilder::default().force(false).build();
    let removed = client
        .call(
            &attempt,
            client.docker.remove_image(&name, Some(options), None),
        )
        .await;
    match removed {
        Ok(_) => Ok(true),
        Err(error)
            if is_gone(&error) || error.kind() == bottle_api::BackendErrorKind::ImageMissing =>
        {
            Ok(true)
        }
        Err(error) if error.to_string().contains("conflict") => Ok(false),
        Err(error) => Err(error),
    }
}
