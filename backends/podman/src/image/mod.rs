//! Images: looked for, pulled, or built from what their content says.

mod build;
mod prune;
mod pull;
mod reports;

pub(crate) use prune::prune;

use bottle_api::{BackendError, ImageId, OpContext, PullPolicy, async_trait};
use bottle_backend_common::{
    Archive, Attempt, BuildSource, Credentials, Dialect, ImageReference, ImageStore,
};
use docker_credential::DockerCredential;

use crate::{
    client::Client,
    error::{DIALECT, trying},
    raw::{self, encoded},
};

#[async_trait]
impl ImageStore for Client {
    fn dialect(&self) -> &'static Dialect {
        &DIALECT
    }

    async fn look_up(&self, name: &str) -> Result<Option<ImageId>, BackendError> {
        let attempt = trying("look for image", name);
        let path = format!("/images/{}/json", encoded(name));
        let image: raw::Image = self.get(&attempt, &path).await?;
        Ok(Some(id(&image.id)))
    }

    async fn pull(
        &self,
        reference: &ImageReference,
        policy: PullPolicy,
        cx: &OpContext,
    ) -> Result<ImageId, BackendError> {
        pull::pull(self, reference, policy, cx).await
    }

    async fn build(
        &self,
        attempt: &Attempt<'_>,
        source: &BuildSource,
        archive: Archive,
        tag: &str,
        cx: &OpContext,
    ) -> Result<ImageId, BackendError> {
        build::build(self, attempt, source, archive, tag, cx).await
    }
}

/// The engine writes ids without the name of their hash.
fn id(hex: &str) -> ImageId {
    if hex.starts_with("sha256:") {
        ImageId::new(hex)
    } else {
        ImageId::new(format!("sha256:{hex}"))
    }
}

/// As the headers for registries want them.
fn header_entry(found: &Credentials) -> serde_json::Value {
    match &found.credential {
        DockerCredential::IdentityToken(token) => {
            serde_json::json!({ "serveraddress": found.server, "identitytoken": token })
        }
        DockerCredential::UsernamePassword(username, password) => serde_json::json!({
            "serveraddress": found.server, "username": username, "password": password,
        }),
    }
}

/// JSON in a header.
fn header_value(json: &serde_json::Value) -> Option<hyper::header::HeaderValue> {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE};
    let encoded = URL_SAFE.encode(json.to_string());
    let mut value = hyper::header::HeaderValue::from_str(&encoded).ok()?;
    value.set_sensitive(true);
    Some(value)
}
