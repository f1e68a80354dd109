//! Files in and out of a container, as tar archives.

mod inside;
mod split;

use std::sync::Arc;

use bollard::{
    body_full,
    models::ContainerInspectResponse,
    query_parameters::{
        DownloadFromContainerOptionsBuilder, InspectContainerOptions,
        UploadToContainerOptionsBuilder,
    },
};
use bottle_api::{BackendError, BackendErrorKind, ContainerId};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

use self::split::{Split, split};
use crate::{
    client::{Client, within},
    error::Attempt,
    ids::checked,
};

/// What decides about the way files take.
struct Place {
    /// The engine writes nothing at `/`, not even into volumes below it.
    read_only: bool,
    /// A kernel of its own holds the files while it runs: the engine neither sees what changes
    /// inside, nor does the inside see what the engine changes. Mounts are shared.
    sealed: bool,
    /// Mounts that can be written to.
    mounts: Vec<String>,
}

impl Place {
    async fn of(
        client: &Client,
        attempt: &Attempt<'_>,
        id: &ContainerId,
    ) -> Result<Self, BackendError> {
        let inspecting = client
            .docker
            .inspect_container(id.as_str(), None::<InspectContainerOptions>);
        let found: ContainerInspectResponse = client.call(attempt, inspecting).await?;
        let host = found.host_config.unwrap_or_default();
        let running = found.state.and_then(|state| state.running) == Some(true);
        let runtime = host.runtime.unwrap_or_default();
        Ok(Self {
            read_only: host.readonly_rootfs == Some(true),
            sealed: running && client.has_own_kernel(&runtime).await?,
            mounts: found
                .mounts
                .into_iter()
                .flatten()
                .filter(|it| it.typ.as_deref() != Some("tmpfs") && it.rw != Some(false))
                .filter_map(|mount| mount.destination)
                .collect(),
        })
    }
}

pub(crate) async fn put(
    client: &Arc<Client>,
    id: &ContainerId,
    archive: Bytes,
) -> Result<(), BackendError> {
    let attempt = Attempt::new("put files into container", checked(id.as_str())?);
    let place = Place::of(client, &attempt, id).await?;
    if !place.read_only && !place.sealed {
        return upload(client, &attempt, id, "/", archive).await;
    }
    let Split { parts, rest } = split(&archive, &place.mounts).map_err(|error| {
        attempt.error(
            BackendErrorKind::Other,
            &format!("the archive cannot be read: {error}"),
        )
    })?;
    if let Some(first) = rest.first()
        && place.read_only
    {
        return Err(attempt
            .error(
                BackendErrorKind::Other,
                &format!(
                    "`/{}` is on the read-only root file system and in none of the volumes",
                    first.path.display()
                ),
            )
            .with_hint("put the file below a volume of this container"));
    }
    for (mount, part) in parts {
        upload(client, &attempt, id, &mount, part).await?;
    }
    inside::put(client, &attempt, id, rest).await
}

async fn upload(
    client: &Client,
    attempt: &Attempt<'_>,
    id: &ContainerId,
    path: &str,
    archive: Bytes,
) -> Result<(), BackendError> {
    let options = UploadToContainerOptionsBuilder::default()
        .path(path)
        .build();
    within(
        // A whole working folder may be on its way to another machine.
        client.image_limit,
        attempt,
        client
            .docker
            .upload_to_container(id.as_str(), Some(options), body_full(archive)),
    )
    .await
}

pub(crate) async fn get(
    client: &Arc<Client>,
    id: &ContainerId,
    path: &str,
) -> Result<Bytes, BackendError> {
    let subject = format!("{}:{path}", checked(id.as_str())?);
    let attempt = Attempt::new("read files of container", &subject);
    let place = Place::of(client, &attempt, id).await?;
    if place.sealed && !split::in_a_mount(path, &place.mounts) {
        return inside::get(client, &attempt, id, path).await;
    }
    let options = DownloadFromContainerOptionsBuilder::default()
        .path(path)
        .build();
    let mut stream = client
        .docker
        .download_from_container(id.as_str(), Some(options));
    let mut archive = BytesMut::new();
    loop {
        let next = async { stream.next().await.transpose() };
        match client.call(&attempt, next).await? {
            Some(bytes) => archive.extend_from_slice(&bytes),
            None => return Ok(archive.freeze()),
        }
    }
}
