//! Building with the engine's own builder, from an archive in memory or on disk.

use bottle_api::{BackendError, BackendErrorKind, ImageId, OpContext, PullPolicy};
use bottle_backend_common::{
    Archive, Attempt, BuildLog, BuildSource, ImageReference, ImageStore as _, accepted,
    base_images, find_image, image_labels,
};
use bytes::Bytes;
use futures_util::TryStreamExt;
use http_body_util::{BodyStream, StreamBody};
use hyper::{
    Method, Request,
    body::Frame,
    header::{CONTENT_TYPE, HeaderValue},
};
use tokio_util::io::ReaderStream;

use super::reports::Reports;
use crate::{
    client::{Client, within},
    raw::{Report, encoded},
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
    let file = tokio::fs::File::from_std(archive.file);
    let body = ReaderStream::with_capacity(file, CHUNK).map_ok(Frame::data);
    let mut request = Request::new(StreamBody::new(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = path(source, tag)
        .parse()
        .map_err(|_| attempt.error(BackendErrorKind::Other, "it has no proper address"))?;
    request
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/x-tar"));
    let mut log = BuildLog::new(tag);
    within(client.image_limit, attempt, async {
        let sent = async { accepted(client.transport.send(request).await?).await };
        let response = sent.await.map_err(|refusal| attempt.refusal(&refusal))?;
        let mut body = BodyStream::new(response.into_body());
        let mut reports = Reports::default();
        loop {
            let piece: Option<Frame<Bytes>> = body
                .try_next()
                .await
                .map_err(|error| attempt.lost(&error))?;
            let last = piece.is_none();
            let bytes = piece.and_then(|frame| frame.into_data().ok());
            for report in reports.take(bytes.as_deref().unwrap_or_default(), last) {
                let report: Report =
                    report.map_err(|error| attempt.not_understood(&error.to_string()))?;
                log.take(&report.stream, cx);
                if !report.error.is_empty() {
                    return Err(log.failed(attempt, &attempt.refused(500, &report.error)));
                }
            }
            if last {
                return Ok(());
            }
        }
    })
    .await?;
    find_image(client, tag)
        .await?
        .ok_or_else(|| attempt.error(BackendErrorKind::BuildFailed, "the build gave no image"))
}

fn path(source: &BuildSource, tag: &str) -> String {
    let input = source.input();
    let json = |value: serde_json::Value| encoded(&value.to_string());
    let mut path = format!(
        "/build?dockerfile={}&t={}&labels={}&buildargs={}&layers=true&rm=true&forcerm=true\
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
