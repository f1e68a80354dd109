//! Whether a launch would have to fetch or build something first.

use bottle_api::{ImagePlan, ImageSource};

use super::check::Report;
use crate::launch::Prepared;

pub(super) async fn images(prepared: &Prepared, report: &mut Report) {
    for container in prepared.plan.containers() {
        let image = &container.image;
        let role = container.owner.role.as_str();
        let present = match prepared.backend.has_image(&image.source).await {
            Ok(Some(true)) => Ok(Some(true)),
            Ok(known) => match &image.fallback {
                Some(recipe) => {
                    let source = ImageSource::Recipe(recipe.clone());
                    prepared.backend.has_image(&source).await
                }
                None => Ok(known),
            },
            Err(error) => Err(error),
        };
        let name = name_of(image);
        match present {
            Ok(Some(true)) => report.ok("image", format!("{role}: {name} is here")),
            Ok(Some(false)) => report.ok("image", format!("{role}: {name} will be {}", how(image))),
            Ok(None) => report.ok("image", format!("{role}: {name}")),
            Err(error) => {
                let check = report.fail("image", format!("{role}: {name}: {error}"));
                check.maybe_hint(error.hint());
                continue;
            }
        };
    }
}

fn name_of(image: &ImagePlan) -> String {
    match &image.source {
        ImageSource::Pull { reference, .. } => reference.clone(),
        ImageSource::Recipe(recipe) => format!("bottle/{}", recipe.repository),
        ImageSource::Context(build) => format!("bottle/{}", build.repository),
    }
}

fn how(image: &ImagePlan) -> &'static str {
    match (&image.source, &image.fallback) {
        (ImageSource::Pull { .. }, None) => "pulled by the first launch",
        (ImageSource::Pull { .. }, Some(_)) => "pulled, or built, by the first launch",
        (ImageSource::Recipe(_) | ImageSource::Context(_), _) => "built by the first launch",
    }
}
