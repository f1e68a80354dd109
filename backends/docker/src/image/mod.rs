//! Images: found, pulled, built, and removed again.

mod build;
mod credentials;
mod prune;
mod pull;

pub(crate) use prune::prune;

use bottle_api::{
    BackendError, BackendErrorKind, Derive, ImageId, ImageSource, OpContext, PullPolicy,
};
use bottle_backend_common::{BuildInput, ImageReference, image_tag};

use crate::{
    client::Client,
    error::{Attempt, is_gone},
};

/// Makes sure that an image is here.
pub(crate) async fn ensure(
    client: &Client,
    source: &ImageSource,
    cx: &OpContext,
) -> Result<ImageId, BackendError> {
    match source {
        ImageSource::Pull { reference, policy } => {
            let reference = parse(reference)?;
            if *policy != PullPolicy::Always
                && let Some(id) = find(client, &reference.to_string()).await?
            {
                return Ok(id);
            }
            if *policy == PullPolicy::Never {
                return Err(missing(&reference.to_string())
                    .with_hint("pull it, or choose another pull policy than `never`"));
            }
            pull::pull(client, &reference, *policy, cx).await
        }
        ImageSource::Recipe(recipe) => {
            build::ensure_built(client, Input::Recipe(recipe.clone()), cx).await
        }
        ImageSource::Context(context) => {
            build::ensure_built(client, Input::Context(context.clone()), cx).await
        }
    }
}

/// Makes sure that an image with a folder laid into it is here.
pub(crate) async fn derive(
    client: &Client,
    base: &ImageId,
    derive: &Derive,
    cx: &OpContext,
) -> Result<ImageId, BackendError> {
    // By its id: the same name may stand for another image tomorrow.
    let Some(id) = find(client, base.as_str()).await? else {
        return Err(missing(base.as_str()));
    };
    build::ensure_built(client, Input::Derive(id, derive.clone()), cx).await
}

/// Whether an image is here already.
pub(crate) async fn has(client: &Client, source: &ImageSource) -> Result<bool, BackendError> {
    let name = match source {
        ImageSource::Pull { reference, policy } => {
            if *policy == PullPolicy::Always {
                return Ok(false);
            }
            parse(reference)?.to_string()
        }
        ImageSource::Recipe(recipe) => build::tag(Input::Recipe(recipe.clone())).await?,
        ImageSource::Context(context) => build::tag(Input::Context(context.clone())).await?,
    };
    Ok(find(client, &name).await?.is_some())
}

/// A [`BuildInput`] that can move to another thread.
#[derive(Clone, Debug)]
enum Input {
    Recipe(bottle_api::Recipe),
    Context(bottle_api::ContextBuild),
    Derive(ImageId, Derive),
}

impl Input {
    fn borrow(&self) -> BuildInput<'_> {
        match self {
            Self::Recipe(recipe) => BuildInput::Recipe(recipe),
            Self::Context(context) => BuildInput::Context(context),
            Self::Derive(base, derive) => BuildInput::Derive { base, derive },
        }
    }
    fn tag(&self, digest: &bottle_backend_common::Digest) -> Result<String, BackendError> {
        let tag = image_tag(self.borrow().repository(), digest);
        parse(&tag).map(|_| tag)
    }
    fn operation(&self) -> &'static str {
        match self {
            Self::Recipe(_) | Self::Context(_) => "build image",
            Self::Derive(..) => "derive image",
        }
    }
    /// For people: what is being built.
    fn subject(&self) -> String {
        match self {
            Self::Recipe(recipe) => recipe.repository.clone(),
            Self::Context(context) => context.context.display().to_string(),
            Self::Derive(_, derive) => derive.folder.display().to_string(),
        }
    }
}

/// The id of an image that is here.
async fn find(client: &Client, name: &str) -> Result<Option<ImageId>, BackendError> {
    let attempt = Attempt::new("look for image", name);
    // An image's id is no reference, but as harmless in a path.
    if name.strip_prefix("sha256:").is_none_or(|hex| !is_hex(hex)) {
        parse(name)?;
    }
    match client
        .call(&attempt, client.docker.inspect_image(name))
        .await
    {
        Ok(image) => Ok(image.id.map(ImageId::new)),
        Err(error) if is_gone(&error) || error.kind() == BackendErrorKind::ImageMissing => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn parse(reference: &str) -> Result<ImageReference, BackendError> {
    ImageReference::parse(reference).map_err(|error| {
        BackendError::new(BackendErrorKind::Other, "look for image", error.to_string())
            .with_hint("write a reference such as `debian:bookworm-slim`, its name in lower case")
    })
}

fn missing(name: &str) -> BackendError {
    Attempt::new("look for image", name)
        .error(BackendErrorKind::ImageMissing, "it is not on this engine")
}
