//! Files in and out of a container, as tar archives.

use std::{sync::Arc, time::Duration};

use bollard::{
    body_full,
    models::ContainerInspectResponse,
    query_parameters::{
        DownloadFromContainerOptionsBuilder, InspectContainerOptions,
        UploadToContainerOptionsBuilder,
    },
};
use bottle_api::{BackendError, ContainerId, ExecRequest, Process, async_trait};
use bottle_backend_common::{Attempt, Files, Place, Seal, checked, get_files, put_files};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

use crate::{
    client::{Client, within},
    error::trying,
    process,
};

/// A container's files, while something is tried with them.
struct Container<'a> {
    client: &'a Arc<Client>,
    attempt: &'a Attempt<'a>,
    id: &'a ContainerId,
}

impl Container<'_> {
    async fn place(&self) -> Result<Place, BackendError> {
        let client = self.client;
        let inspecting = client
            .docker
            .inspect_container(self.id.as_str(), None::<InspectContainerOptions>);
        let found: ContainerInspectResponse = client.call(self.attempt, inspecting).await?;
        let host = found.host_config.unwrap_or_default();
        let running = found.state.and_then(|state| state.running) == Some(true);
        let runtime = host.runtime.unwrap_or_default();
        Ok(Place {
            read_only: host.readonly_rootfs == Some(true),
            writes_through: true,
            seal: if running && client.has_own_kernel(&runtime).await? {
                Seal::Root
            } else {
                Seal::Open
            },
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

#[async_trait]
impl Files for Container<'_> {
    async fn upload(&self, path: &str, archive: Bytes) -> Result<(), BackendError> {
        let options = UploadToContainerOptionsBuilder::default()
            .path(path)
            .build();
        let docker = &self.client.docker;
        within(
            // A whole working folder may be on its way to another machine.
            self.client.image_limit,
            self.attempt,
            docker.upload_to_container(self.id.as_str(), Some(options), body_full(archive)),
        )
        .await
    }

    async fn download(&self, path: &str) -> Result<Bytes, BackendError> {
        let options = DownloadFromContainerOptionsBuilder::default()
            .path(path)
            .build();
        let docker = &self.client.docker;
        let mut stream = docker.download_from_container(self.id.as_str(), Some(options));
        let mut archive = BytesMut::new();
        loop {
            let next = async { stream.next().await.transpose() };
            match self.client.call(self.attempt, next).await? {
                Some(bytes) => archive.extend_from_slice(&bytes),
                None => return Ok(archive.freeze()),
            }
        }
    }

    async fn exec(&self, request: &ExecRequest) -> Result<Process, BackendError> {
        process::exec(self.client, self.id, request).await
    }

    fn patience(&self) -> Duration {
        self.client.image_limit
    }
}

pub(crate) async fn put(
    client: &Arc<Client>,
    id: &ContainerId,
    archive: Bytes,
) -> Result<(), BackendError> {
    let attempt = &trying("put files into container", checked(id.as_str())?);
    let container = Container {
        client,
        attempt,
        id,
    };
    let place = container.place().await?;
    put_files(&container, attempt, &place, archive).await
}

pub(crate) async fn get(
    client: &Arc<Client>,
    id: &ContainerId,
    path: &str,
) -> Result<Bytes, BackendError> {
    let subject = format!("{}:{path}", checked(id.as_str())?);
    let attempt = &trying("read files of container", &subject);
    let container = Container {
        client,
        attempt,
        id,
    };
    let place = container.place().await?;
    get_files(&container, attempt, &place, path).await
}
