//! The image of a container: the first source that works, then perhaps a derived one.

use std::time::Duration;

use bottle_api::{BackendErrorKind, ContainerPlan, ImageId, ImageSource, Phase};

use super::{LaunchError, attempt::Step, run::Run};

/// Even a slow build over a slow line ends by then.
const IMAGE_LIMIT: Duration = Duration::from_hours(2);

impl Run<'_> {
    pub(super) async fn image(&self, container: &ContainerPlan) -> Step<ImageId> {
        let _phase = self.phases.enter(Phase::Images);
        let plan = &container.image;
        let (backend, cx) = (&self.launcher.backend, self.cx());
        let first = backend.ensure_image(&plan.source, &cx);
        let found = match (
            self.attempt.within(IMAGE_LIMIT, first).await?,
            &plan.fallback,
        ) {
            (Err(error), Some(recipe)) if error.kind() == BackendErrorKind::ImageMissing => {
                tracing::debug!(role = %container.owner.role, "building the image instead");
                let recipe = ImageSource::Recipe(recipe.clone());
                self.attempt
                    .wait(backend.ensure_image(&recipe, &cx))
                    .await?
            }
            (found, _) => found,
        };
        let base = found.map_err(|source| {
            let error = if source.kind() == BackendErrorKind::ImageMissing {
                LaunchError::ImageMissing {
                    role: container.owner.role.clone(),
                    config_key: plan.config_key.clone(),
                    source: Box::new(source),
                }
            } else {
                let phase = Phase::Images;
                LaunchError::Backend { phase, source }
            };
            self.attempt.fail(error)
        })?;
        match &plan.derive {
            None => Ok(base),
            Some(derive) => {
                let deriving = backend.derive_image(&base, derive, &cx);
                let derived = self.attempt.within(IMAGE_LIMIT, deriving).await?;
                derived.map_err(|source| {
                    let phase = Phase::Images;
                    self.attempt.fail(LaunchError::Backend { phase, source })
                })
            }
        }
    }
}
