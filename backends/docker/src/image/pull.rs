//! Pulling, with progress.

use std::collections::BTreeMap;

use bollard::{models::CreateImageInfo, query_parameters::CreateImageOptionsBuilder};
use bottle_api::{BackendError, BackendErrorKind, Event, ImageId, OpContext, PullPolicy};
use bottle_backend_common::ImageReference;
use futures_util::StreamExt;
use tokio::time::timeout;

use super::{credentials, find, missing};
use crate::{
    client::Client,
    error::{Attempt, is_disk_full},
};

pub(super) async fn pull(
    client: &Client,
    reference: &ImageReference,
    policy: PullPolicy,
    cx: &OpContext,
) -> Result<ImageId, BackendError> {
    let shown = reference.to_string();
    let attempt = Attempt::new("pull image", &shown);
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
        Ok(Err(error)) => return Err(failed(error, reference, policy)),
        Ok(Ok(())) => {}
    }
    find(client, &shown).await?.ok_or_else(|| missing(&shown))
}

/// Whatever keeps an image from being pulled means that it cannot be had, unless it is the
/// engine or its disk.
fn failed(error: BackendError, reference: &ImageReference, policy: PullPolicy) -> BackendError {
    let text = error.to_string();
    let ours = match error.kind() {
        BackendErrorKind::EngineDown | BackendErrorKind::Timeout => true,
        // Newer engines pass a registry's refusal on under the same status as their own.
        BackendErrorKind::Denied => {
            text.contains("the engine's socket") || text.contains("denied by plugin")
        }
        _ => false,
    };
    if ours || is_disk_full(&text) {
        return error;
    }
    let registry = reference.registry();
    let lower = text.to_lowercase();
    let refused = ["unauthorized", "denied", "authentication required"]
        .iter()
        .any(|word| lower.contains(word));
    let hint = if refused {
        format!("if it exists and is private: `docker login {registry}`")
    } else if lower.contains("not found") || lower.contains("manifest unknown") {
        format!("check its name and tag at `{registry}`")
    } else {
        format!("check that the engine reaches `{registry}`, or load the image by hand")
    };
    let kind = if policy == PullPolicy::Always {
        // It may well be here: this must not start a build in its place.
        BackendErrorKind::Other
    } else {
        BackendErrorKind::ImageMissing
    };
    let text = text
        .strip_prefix("pull image: ")
        .unwrap_or(&text)
        .to_owned();
    BackendError::new(kind, "pull image", text).with_hint(hint)
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

    #[test]
    fn only_the_engine_itself_is_no_missing_image() {
        let reference = ImageReference::parse("ghcr.io/a/b:1").unwrap();
        let of = |text: &str, policy| {
            let error = Attempt::new("pull image", "ghcr.io/a/b:1").refused(500, text);
            failed(error, &reference, policy)
        };
        let cases = [
            (
                "manifest for a not found: manifest unknown",
                BackendErrorKind::ImageMissing,
            ),
            (
                "Get \"https://ghcr.io/v2/\": dial tcp: lookup ghcr.io: no such host",
                BackendErrorKind::ImageMissing,
            ),
            (
                "pull access denied for a, repository does not exist",
                BackendErrorKind::ImageMissing,
            ),
            (
                "write /var/lib/docker/x: no space left on device",
                BackendErrorKind::DiskFull,
            ),
        ];
        for (text, kind) in cases {
            assert_eq!(of(text, PullPolicy::Missing).kind(), kind, "{text}");
        }
        let private = of("unauthorized: authentication required", PullPolicy::Missing);
        assert!(private.hint().unwrap().contains("docker login ghcr.io"));
        assert_eq!(
            private.to_string().matches("pull image").count(),
            1,
            "{private}"
        );
        let refused = Attempt::new("pull image", "x").refused(401, "unauthorized");
        let refused = failed(refused, &reference, PullPolicy::Missing);
        assert_eq!(refused.kind(), BackendErrorKind::ImageMissing, "Docker 28");
        let always = of("manifest unknown", PullPolicy::Always);
        assert_eq!(always.kind(), BackendErrorKind::Other);
        let down = BackendError::new(BackendErrorKind::EngineDown, "pull image", "gone");
        assert_eq!(
            failed(down, &reference, PullPolicy::Missing).kind(),
            BackendErrorKind::EngineDown
        );
    }
}
