//! Pulling, with what the engine says on the way.

use bottle_api::{BackendError, Event, ImageId, OpContext, PullPolicy};
use bottle_backend_common::{
    ImageReference, accepted, credentials_of, find_image, missing_image, pull_failed, request,
};
use bytes::Bytes;
use hyper::{Method, header::HeaderName};

use super::{header_entry, header_value, reports::each_report};
use crate::{
    client::{Client, within},
    error::{DIALECT, trying},
    raw::encoded,
};

const CREDENTIALS: HeaderName = HeaderName::from_static("x-registry-auth");

pub(super) async fn pull(
    client: &Client,
    reference: &ImageReference,
    policy: PullPolicy,
    cx: &OpContext,
) -> Result<ImageId, BackendError> {
    let shown = reference.to_string();
    let attempt = &trying("pull image", &shown);
    let look_up = docker_credential::get_podman_credential;
    let credentials = credentials_of(reference, look_up, cx).await;
    let path = format!(
        "/images/pull?reference={}&policy=always",
        encoded(&reference.canonical())
    );
    let mut request = request(Method::POST, &path, Bytes::new());
    if let Some(value) = credentials.and_then(|found| header_value(&header_entry(&found))) {
        request.headers_mut().insert(CREDENTIALS, value);
    }
    let pulled = within(client.image_limit, attempt, async {
        let sent = async { accepted(client.transport.send(request).await?).await };
        let response = sent.await.map_err(|refusal| attempt.refusal(&refusal))?;
        each_report(attempt, response, |report| {
            if !report.error.is_empty() {
                return Err(attempt.refused(500, &report.error));
            }
            let said = report.stream.trim();
            if !said.is_empty() {
                cx.events.emit(Event::Progress {
                    task: format!("pull {shown}"),
                    detail: said.to_owned(),
                    current: None,
                    total: None,
                });
            }
            Ok(())
        })
        .await
    });
    pulled
        .await
        .map_err(|error| pull_failed(&DIALECT, error, reference, policy))?;
    find_image(client, &shown)
        .await?
        .ok_or_else(|| missing_image(&DIALECT, &shown))
}
