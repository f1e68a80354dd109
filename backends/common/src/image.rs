//! Images: looked for, pulled, or built from what their content says.

use bottle_api::{
    BackendError, BackendErrorKind, ContextBuild, Derive, Event, ImageId, ImageSource, OpContext,
    PullPolicy, Recipe, async_trait,
};

use crate::{
    Archive, Attempt, BuildInput, Dialect, Digest, ImageReference, PackError, image_tag, is_gone,
};

/// A store of images, as its engine gives it.
#[async_trait]
pub trait ImageStore: Sync {
    /// The engine's words.
    fn dialect(&self) -> &'static Dialect;
    /// The id of an image under this name, `NotFound` or `ImageMissing` without one.
    async fn look_up(&self, name: &str) -> Result<Option<ImageId>, BackendError>;
    /// Fetches an image.
    async fn pull(
        &self,
        reference: &ImageReference,
        policy: PullPolicy,
        cx: &OpContext,
    ) -> Result<ImageId, BackendError>;
    /// Builds an image from this archive under this tag.
    async fn build(
        &self,
        attempt: &Attempt<'_>,
        source: &BuildSource,
        archive: Archive,
        tag: &str,
        cx: &OpContext,
    ) -> Result<ImageId, BackendError>;
}

/// A [`BuildInput`] that can move to another thread.
#[derive(Clone, Debug)]
pub enum BuildSource {
    /// A recipe in memory.
    Recipe(Recipe),
    /// A folder with a Dockerfile.
    Context(ContextBuild),
    /// A working folder laid into an image.
    Derive(ImageId, Derive),
}

impl BuildSource {
    /// To be packed.
    pub fn input(&self) -> BuildInput<'_> {
        match self {
            Self::Recipe(recipe) => BuildInput::Recipe(recipe),
            Self::Context(context) => BuildInput::Context(context),
            Self::Derive(base, derive) => BuildInput::Derive { base, derive },
        }
    }
    fn tag(&self, dialect: &'static Dialect, digest: &Digest) -> Result<String, BackendError> {
        let tag = image_tag(self.input().repository(), digest);
        parse(dialect, &tag).map(|_| tag)
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

/// Makes sure that an image is here.
pub async fn ensure_image(
    store: &impl ImageStore,
    source: &ImageSource,
    cx: &OpContext,
) -> Result<ImageId, BackendError> {
    match source {
        ImageSource::Pull { reference, policy } => {
            let reference = parse(store.dialect(), reference)?;
            let name = reference.to_string();
            if *policy != PullPolicy::Always
                && let Some(id) = find_image(store, &name).await?
            {
                return Ok(id);
            }
            if *policy == PullPolicy::Never {
                return Err(missing_image(store.dialect(), &name)
                    .with_hint("pull it, or choose another pull policy than `never`"));
            }
            store.pull(&reference, *policy, cx).await
        }
        ImageSource::Recipe(recipe) => {
            ensure_built(store, BuildSource::Recipe(recipe.clone()), cx).await
        }
        ImageSource::Context(context) => {
            ensure_built(store, BuildSource::Context(context.clone()), cx).await
        }
    }
}

/// Makes sure that an image with a folder laid into it is here.
pub async fn derive_image(
    store: &impl ImageStore,
    base: &ImageId,
    derive: &Derive,
    cx: &OpContext,
) -> Result<ImageId, BackendError> {
    // By its id: the same name may stand for another image tomorrow.
    let Some(id) = find_image(store, base.as_str()).await? else {
        return Err(missing_image(store.dialect(), base.as_str()));
    };
    ensure_built(store, BuildSource::Derive(id, derive.clone()), cx).await
}

/// Whether an image is here already.
pub async fn has_image(
    store: &impl ImageStore,
    source: &ImageSource,
) -> Result<bool, BackendError> {
    let dialect = store.dialect();
    let name = match source {
        ImageSource::Pull { reference, policy } => {
            if *policy == PullPolicy::Always {
                return Ok(false);
            }
            parse(dialect, reference)?.to_string()
        }
        ImageSource::Recipe(recipe) => {
            tag_of(dialect, &BuildSource::Recipe(recipe.clone())).await?
        }
        ImageSource::Context(context) => {
            tag_of(dialect, &BuildSource::Context(context.clone())).await?
        }
    };
    Ok(find_image(store, &name).await?.is_some())
}

/// The id of an image that is here.
pub async fn find_image(
    store: &impl ImageStore,
    name: &str,
) -> Result<Option<ImageId>, BackendError> {
    // An image's id is no reference, but as harmless in a path.
    if !is_hex(name.strip_prefix("sha256:").unwrap_or(name)) {
        parse(store.dialect(), name)?;
    }
    match store.look_up(name).await {
        Ok(found) => Ok(found),
        Err(error) if is_gone(&error) || error.kind() == BackendErrorKind::ImageMissing => Ok(None),
        Err(error) => Err(error),
    }
}

/// The error for an image that is not here.
pub fn missing_image(dialect: &'static Dialect, name: &str) -> BackendError {
    Attempt::new(dialect, "look for image", name)
        .error(BackendErrorKind::ImageMissing, "it is not on this engine")
}

fn is_hex(text: &str) -> bool {
    text.len() >= 12 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn parse(dialect: &'static Dialect, reference: &str) -> Result<ImageReference, BackendError> {
    ImageReference::parse(reference).map_err(|error| {
        Attempt::new(dialect, "look for image", reference)
            .error(BackendErrorKind::Other, &error.to_string())
            .with_hint("write a reference such as `debian:bookworm-slim`, its name in lower case")
    })
}

/// The image built from this, built now if its content is new.
async fn ensure_built(
    store: &impl ImageStore,
    source: BuildSource,
    cx: &OpContext,
) -> Result<ImageId, BackendError> {
    let dialect = store.dialect();
    let tag = tag_of(dialect, &source).await?;
    if let Some(id) = find_image(store, &tag).await? {
        return Ok(id);
    }
    let subject = source.subject();
    let attempt = Attempt::new(dialect, source.operation(), &subject);
    let archive = off_thread(dialect, &source, |source| source.input().archive()).await?;
    for path in &archive.left_out {
        cx.events.emit(Event::Warning {
            message: format!(
                "`{}` in `{subject}` is no file, folder or link and is left out",
                path.display()
            ),
        });
    }
    // What was packed may be newer than what was looked for.
    let tag = source.tag(dialect, &archive.digest)?;
    if let Some(id) = find_image(store, &tag).await? {
        return Ok(id);
    }
    store.build(&attempt, &source, archive, &tag, cx).await
}

/// The tag an image built from this has.
async fn tag_of(dialect: &'static Dialect, source: &BuildSource) -> Result<String, BackendError> {
    let digest = off_thread(dialect, source, |source| source.input().digest()).await?;
    source.tag(dialect, &digest)
}

/// Reading a folder may take a while.
async fn off_thread<T: Send + 'static>(
    dialect: &'static Dialect,
    source: &BuildSource,
    read: impl FnOnce(&BuildSource) -> Result<T, PackError> + Send + 'static,
) -> Result<T, BackendError> {
    let subject = source.subject();
    let attempt = Attempt::new(dialect, source.operation(), &subject);
    let moved = source.clone();
    match tokio::task::spawn_blocking(move || read(&moved)).await {
        Ok(result) => result.map_err(|error| attempt.packing(&error)),
        Err(error) => Err(attempt.error(BackendErrorKind::Other, &error.to_string())),
    }
}
