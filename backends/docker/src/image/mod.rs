//! Images: looked for, pulled, or built from what their content says.

mod build;
mod credentials;
mod prune;
mod pull;

pub(crate) use prune::prune;

use bottle_api::{BackendError, ImageId, OpContext, PullPolicy, async_trait};
use bottle_backend_common::{Archive, Attempt, BuildSource, Dialect, ImageReference, ImageStore};

use crate::{
    client::Client,
    error::{DIALECT, trying},
};

#[async_trait]
impl ImageStore for Client {
    fn dialect(&self) -> &'static Dialect {
        &DIALECT
    }

    async fn look_up(&self, name: &str) -> Result<Option<ImageId>, BackendError> {
        let attempt = trying("look for image", name);
        let image = self.call(&attempt, self.docker.inspect_image(name)).await?;
        Ok(image.id.map(ImageId::new))
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
