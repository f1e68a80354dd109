//! Faults in images.

use bottle_api::{
    Backend, BackendError, BackendErrorKind, Derive, EventSink, ImageId, ImageSource, OpContext,
    async_trait,
};
use bottle_conformance::Layer;

use crate::{Wrong, wrong};

#[derive(Debug)]
struct BuildsAgain;
#[async_trait]
impl Layer for BuildsAgain {
    async fn ensure_image(
        &self,
        next: &dyn Backend,
        source: &ImageSource,
        cx: &OpContext,
    ) -> Result<ImageId, BackendError> {
        let mut source = source.clone();
        if let ImageSource::Recipe(recipe) = &mut source {
            recipe
                .args
                .insert("NOW".into(), rand::random::<u64>().to_string());
        }
        next.ensure_image(&source, cx).await
    }
}

#[derive(Debug)]
struct BuildsSilently;
#[async_trait]
impl Layer for BuildsSilently {
    async fn ensure_image(
        &self,
        next: &dyn Backend,
        source: &ImageSource,
        _: &OpContext,
    ) -> Result<ImageId, BackendError> {
        next.ensure_image(source, &OpContext::new(EventSink::discard()))
            .await
    }
}

/// Images by the name of their recipe alone.
#[derive(Debug)]
struct IgnoresFiles;
#[async_trait]
impl Layer for IgnoresFiles {
    async fn ensure_image(
        &self,
        next: &dyn Backend,
        source: &ImageSource,
        cx: &OpContext,
    ) -> Result<ImageId, BackendError> {
        let mut source = source.clone();
        if let ImageSource::Recipe(recipe) = &mut source {
            for file in &mut recipe.files {
                if let bottle_api::RecipeSource::Text(text) = &mut file.source
                    && text == "other"
                {
                    "the first".clone_into(text);
                }
            }
        }
        next.ensure_image(&source, cx).await
    }
}

/// Fails without what a caller needs to know.
#[derive(Debug)]
struct Fails(fn(BackendError) -> BackendError);
#[async_trait]
impl Layer for Fails {
    async fn ensure_image(
        &self,
        next: &dyn Backend,
        source: &ImageSource,
        cx: &OpContext,
    ) -> Result<ImageId, BackendError> {
        next.ensure_image(source, cx).await.map_err(self.0)
    }
}

#[derive(Debug)]
struct Derives(fn(&mut Derive));
#[async_trait]
impl Layer for Derives {
    async fn derive_image(
        &self,
        next: &dyn Backend,
        base: &ImageId,
        derive: &Derive,
        cx: &OpContext,
    ) -> Result<ImageId, BackendError> {
        let mut derive = derive.clone();
        (self.0)(&mut derive);
        next.derive_image(base, &derive, cx).await
    }
}

#[derive(Debug)]
struct HasEverything;
#[async_trait]
impl Layer for HasEverything {
    async fn has_image(
        &self,
        _: &dyn Backend,
        _: &ImageSource,
    ) -> Result<Option<bool>, BackendError> {
        Ok(Some(true))
    }
}

#[derive(Debug)]
struct PrunesStrangers;
#[async_trait]
impl Layer for PrunesStrangers {
    async fn prune_images(&self, _: &dyn Backend, _: bool) -> Result<Vec<String>, BackendError> {
        Ok(vec![
            "bottle/conformance:1".into(),
            "debian:bookworm-slim".into(),
        ])
    }
}

/// Takes its time to fetch what is here.
#[derive(Debug)]
struct PullsAgain;
#[async_trait]
impl Layer for PullsAgain {
    async fn ensure_image(
        &self,
        next: &dyn Backend,
        source: &ImageSource,
        cx: &OpContext,
    ) -> Result<ImageId, BackendError> {
        if let ImageSource::Pull { reference, .. } = source {
            cx.events
                .progress(format!("pull {reference}"), "downloading");
        }
        next.ensure_image(source, cx).await
    }
}

pub(crate) fn all() -> Vec<Wrong> {
    vec![
        wrong(
            "builds the same content again",
            || BuildsAgain,
            &["images::the same content is built once"],
        ),
        wrong(
            "takes other content for the same",
            || IgnoresFiles,
            &["images::other content is another image"],
        ),
        wrong(
            "builds without a word",
            || BuildsSilently,
            &["images::a build reports its progress"],
        ),
        wrong(
            "pulls what is here",
            || PullsAgain,
            &["images::an image that is here is taken as it is"],
        ),
        wrong(
            "does not show why a step failed",
            || {
                Fails(|error| match error.kind() {
                    BackendErrorKind::BuildFailed => {
                        BackendError::new(error.kind(), "build image", "a step failed")
                    }
                    _ => error,
                })
            },
            &["images::a failing step is BuildFailed with its last lines"],
        ),
        wrong(
            "does not say that an image is missing",
            || {
                Fails(|error| match error.kind() {
                    BackendErrorKind::ImageMissing => {
                        BackendError::new(BackendErrorKind::Other, "pull image", "it failed")
                    }
                    _ => error,
                })
            },
            &[
                "images::an image that is nowhere is ImageMissing with a hint",
                "images::a recipe on a base that is nowhere is ImageMissing",
            ],
        ),
        wrong(
            "derives as root",
            || Derives(|derive| (derive.uid, derive.gid) = (0, 0)),
            &["images::a derived image holds the folder, with modes, links and owner"],
        ),
        wrong(
            "derives without looking at the ignore file",
            || {
                Derives(|derive| {
                    // The suite's folder is its own to spoil.
                    let _ = std::fs::remove_file(derive.folder.join(".dockerignore"));
                })
            },
            &[
                "images::a derived image honours the folder's ignore file",
                "images::an unchanged folder is not built again, a changed one is",
            ],
        ),
        wrong(
            "says that every image is here",
            || HasEverything,
            &["images::has_image agrees with ensure_image, or cannot tell"],
        ),
        wrong(
            "prunes the images of others",
            || PrunesStrangers,
            &["images::only our own unused images are to be pruned, or it is Unsupported"],
        ),
    ]
}
