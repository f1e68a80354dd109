//! Pulling, with progress.

use std::collections::BTreeMap;

use bollard::{models::CreateImageInfo, query_parameters::CreateImageOptionsBuilder};
use bottle_api::{BackendError, Event, ImageId, OpContext, PullPolicy};
use bottle_backend_common::{ImageReference, find_image, missing_image, pull_failed};
use futures_util::StreamExt;
use tokio::time::timeout;

use super::credentials;
use crate::{
    client::Client,
    error::{DIALECT, Failed, trying},
};

pub(super) async fn pull(
    client: &Client,
    reference: &ImageReference,
    policy: PullPolicy,
    cx: &OpContext,
) -> Result<ImageId, BackendError> {
    let shown = reference.to_string();
    let attempt = trying("pull image", &shown);
    let credentials = credentials::of(reference, cx).await;
    let options = CreateImageOptionsBuilder::default()
        .from_image(reference.name())
        // Without a tag the engine would pull all of them.
        .tag(reference.version())
        .build();
    let mut stream = client.docker.create_image(Some(options), None, credentials);
    let mut progress = Progress::default();
    let pulling = async {
        while let Some(message) = stream.next().await {
            let message = message.map_err(|error| attempt.failed(&error))?;
            if let Some(event) = progress.take(&shown, message) {
                cx.events.emit(event);
            }
        }
        Ok(())
    };
    match timeout(client.image_limit, pulling).await {
        Err(_) => return Err(attempt.timeout(client.image_limit)),
        Ok(Err(error)) => return Err(pull_failed(&DIALECT, error, reference, policy)),
        Ok(Ok(())) => {}
    }
    find_image(client, &shown)
        .await?
        .ok_or_else(|| missing_image(&DIALECT, &shown))
}

/// Bytes of all layers together.
#[derive(Debug, Default)]
struct Progress {
    layers: BTreeMap<String, (u64, u64)>,
    told: u64,
}

/// A bar moves often enough in a hundred steps.
const STEPS: u64 = 100;

impl Progress {
    fn take(&mut self, image: &str, message: CreateImageInfo) -> Option<Event> {
        let status = message.status.unwrap_or_default();
        let detail = message.progress_detail.unwrap_or_default();
        let number = |value: Option<i64>| value.and_then(|value| u64::try_from(value).ok());
        if let (Some(layer), Some(current), Some(total)) =
            (message.id, number(detail.current), number(detail.total))
        {
            // Unpacking counts anew; only the way here is counted.
            if status != "Downloading" {
                return None;
            }
            self.layers.insert(layer, (current, total));
        }
        let (current, total) = self
            .layers
            .values()
            .fold((0, 0), |(a, b), (current, total)| (a + current, b + total));
        if total == 0 || current.saturating_sub(self.told) < total / STEPS {
            return None;
        }
        self.told = current;
        Some(Event::Progress {
            task: format!("pull {image}"),
            detail: "downloading".to_owned(),
            current: Some(current),
            total: Some(total),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bollard::models::ProgressDetail;

    fn message(layer: &str, status: &str, current: i64, total: i64) -> CreateImageInfo {
        CreateImageInfo {
            id: Some(layer.into()),
            status: Some(status.into()),
            progress_detail: Some(ProgressDetail {
                current: Some(current),
                total: Some(total),
            }),
            ..Default::default()
        }
    }

    #[test]
    fn progress_is_the_sum_of_the_layers_and_not_told_for_every_byte() {
        let mut progress = Progress::default();
        let mut seen = Vec::new();
        for (layer, status, current, total) in [
            ("a", "Downloading", 10, 1000),
            ("a", "Downloading", 11, 1000),
            ("b", "Downloading", 500, 1000),
            ("a", "Extracting", 1000, 1000),
        ] {
            if let Some(Event::Progress { current, total, .. }) =
                progress.take("x", message(layer, status, current, total))
            {
                seen.push((current, total));
            }
        }
        assert_eq!(
            seen,
            [(Some(10), Some(1000)), (Some(511), Some(2000))],
            "the second byte is too little to tell"
        );
    }
}
