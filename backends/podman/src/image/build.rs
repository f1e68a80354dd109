//! Building with the engine's own builder, from an archive in memory or on disk.

use std::io::Seek;

use bottle_api::{BackendError, BackendErrorKind, ImageId, OpContext, PullPolicy};
use bottle_backend_common::{
    Archive, Attempt, BuildLog, BuildSource, ImageReference, ImageStore as _, accepted,
    base_images, find_image, image_labels,
};
use futures_util::TryStreamExt;
use http_body_util::StreamBody;
use hyper::{
    Method, Request,
    body::Frame,
    header::{CONTENT_TYPE, HeaderValue},
};
use tokio_util::io::ReaderStream;

use super::reports::each_report;
use crate::{
    client::{Client, within},
    raw::encoded,
};

const CHUNK: usize = 256 * 1024;

pub(super) async fn build(
    client: &Client,
    attempt: &Attempt<'_>,
    source: &BuildSource,
    archive: Archive,
    tag: &str,
    cx: &OpContext,
) -> Result<ImageId, BackendError> {
    let input = source.input();
    let text = input
        .dockerfile_text()
        .map_err(|error| attempt.packing(&error))?;
    fetch_bases(client, &text, cx).await?;
    let layers = !matches!(source, BuildSource::Derive(..));
    let built = once(client, attempt, source, &archive, tag, layers, cx).await;
    match built {
        // The look for layers of earlier builds stumbles over an image that is just being removed.
        Err(error) if layers && error.to_string().contains(STUMBLED) => {
            once(client, attempt, source, &archive, tag, false, cx).await?;
        }
        other => other?,
    }
    find_image(client, tag)
        .await?
        .ok_or_else(|| attempt.error(BackendErrorKind::BuildFailed, "the build gave no image"))
}

/// The builder's words for a search that failed, not a step.
const STUMBLED: &str = "checking if cached image exists";

async fn once(
    client: &Client,
    attempt: &Attempt<'_>,
    source: &BuildSource,
    archive: &Archive,
    tag: &str,
    layers: bool,
    cx: &OpContext,
) -> Result<(), BackendError> {
    let reader = archive.file.try_clone().and_then(|mut file| {
        file.rewind()?;
        Ok(ReaderStream::with_capacity(
            tokio::fs::File::from_std(file),
            CHUNK,
        ))
    });
    let reader =
        reader.map_err(|error| attempt.error(BackendErrorKind::Other, &error.to_string()))?;
    let mut request = Request::new(StreamBody::new(reader.map_ok(Frame::data)));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = path(source, tag, layers)
        .parse()
        .map_err(|_| attempt.error(BackendErrorKind::Other, "it has no proper address"))?;
    request
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/x-tar"));
    let mut log = BuildLog::new(tag);
    within(client.image_limit, attempt, async {
        let sent = async { accepted(client.transport.send(request).await?).await };
        let response = sent.await.map_err(|refusal| attempt.refusal(&refusal))?;
        each_report(attempt, response, |report| {
            log.take(&report.stream, cx);
            if report.error.is_empty() {
                Ok(())
            } else {
                Err(log.failed(attempt, &attempt.refused(500, &report.error)))
            }
        })
        .await
    })
    .await
}

fn path(source: &BuildSource, tag: &str, layers: bool) -> String {
    let input = source.input();
    let json = |value: serde_json::Value| encoded(&value.to_string());
    let mut path = format!(
        "/build?dockerfile={}&t={}&labels={}&buildargs={}&layers={layers}&rm=true&forcerm=true\
         &httpproxy=false&pullpolicy=missing&outputformat={}",
        encoded(&input.dockerfile()),
        encoded(tag),
        json(serde_json::json!(image_labels(input.kind()))),
        json(serde_json::json!(input.args().cloned().unwrap_or_default())),
        encoded("application/vnd.oci.image.manifest.v1+json"),
    );
    if let Some(target) = input.target() {
        path.push_str("&target=");
        path.push_str(&encoded(target));
    }
    path
}

/// What a name without a registry means is the user's setting with this engine; here it means what
/// it means everywhere else. What is here already is found by the builder too.
async fn fetch_bases(
    client: &Client,
    dockerfile: &str,
    cx: &OpContext,
) -> Result<(), BackendError> {
    for image in base_images(dockerfile) {
        // What is no reference is the builder's to refuse.
        let Ok(reference) = ImageReference::parse(&image) else {
            continue;
        };
        if find_image(client, &image).await?.is_none() {
            client.pull(&reference, PullPolicy::Missing, cx).await?;
        }
    }
    Ok(())
}
