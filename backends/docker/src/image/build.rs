//! Building with the engine's classic builder, which needs nothing but the engine.

use std::collections::HashMap;

use bollard::{
    auth::DockerCredentials,
    body_try_stream,
    query_parameters::{BuildImageOptions, BuildImageOptionsBuilder, TagImageOptionsBuilder},
};
use bottle_api::{BackendError, BackendErrorKind, ImageId, OpContext};
use bottle_backend_common::{
    Archive, Attempt, BuildLog, BuildSource, ImageReference, base_images, find_image, image_labels,
};
use futures_util::StreamExt;
use tokio::time::timeout;
use tokio_util::io::ReaderStream;

use super::credentials;
use crate::{client::Client, error::Failed};

const CHUNK: usize = 256 * 1024;

pub(super) async fn build(
    client: &Client,
    attempt: &Attempt<'_>,
    source: &BuildSource,
    archive: Archive,
    tag: &str,
    cx: &OpContext,
) -> Result<ImageId, BackendError> {
    let text = source
        .input()
        .dockerfile_text()
        .map_err(|error| attempt.packing(&error))?;
    let credentials = credentials_for(&text, cx).await;
    let file = tokio::fs::File::from_std(archive.file);
    let body = body_try_stream(ReaderStream::with_capacity(file, CHUNK));
    let mut stream = client
        .docker
        .build_image(options(source, tag), credentials, Some(body));
    let mut log = BuildLog::new(tag);
    let mut image = None;
    let building = async {
        while let Some(message) = stream.next().await {
            match message {
                Ok(message) => {
                    log.take(&message.stream.unwrap_or_default(), cx);
                    image = message.aux.and_then(|aux| aux.id).or(image.take());
                }
                Err(error) => return Err(log.failed(attempt, &attempt.failed(&error))),
            }
        }
        Ok(())
    };
    timeout(client.image_limit, building)
        .await
        .map_err(|_| attempt.timeout(client.image_limit))??;
    drop(stream);
    if let Some(id) = find_image(client, tag).await? {
        return Ok(id);
    }
    // Engines whose builder names the image only in its messages.
    let Some(id) = image else {
        return Err(attempt.error(BackendErrorKind::BuildFailed, "the build gave no image"));
    };
    let (repo, version) = tag.rsplit_once(':').unwrap_or((tag, "latest"));
    let options = TagImageOptionsBuilder::default()
        .repo(repo)
        .tag(version)
        .build();
    client
        .call(attempt, client.docker.tag_image(&id, Some(options)))
        .await?;
    Ok(ImageId::new(id))
}

fn options(source: &BuildSource, tag: &str) -> BuildImageOptions {
    let input = source.input();
    let labels: HashMap<String, String> = image_labels(input.kind()).into_iter().collect();
    let args: HashMap<String, String> = input
        .args()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    BuildImageOptionsBuilder::default()
        .dockerfile(&input.dockerfile())
        .t(tag)
        .labels(&labels)
        .buildargs(&args)
        .target(input.target().unwrap_or_default())
        .rm(true)
        .forcerm(true)
        .build()
}

/// For the registries the Dockerfile begins from.
async fn credentials_for(
    dockerfile: &str,
    cx: &OpContext,
) -> Option<HashMap<String, DockerCredentials>> {
    let mut all = HashMap::new();
    for image in base_images(dockerfile) {
        let Ok(reference) = ImageReference::parse(&image) else {
            continue;
        };
        if let Some(found) = credentials::of(&reference, cx).await
            && let Some(server) = found.serveraddress.clone()
        {
            all.insert(server, found);
        }
    }
    (!all.is_empty()).then_some(all)
}
