//! Which engine runs it: the one that was named, or the first that answers.

use std::sync::Arc;

use bottle_api::{Backend, BackendInfo};
use bottle_config::Config;

use crate::{context::Context, output::Failure};

/// A backend that answered.
#[derive(Debug)]
pub(crate) struct Found {
    /// The backend.
    pub(crate) backend: Arc<dyn Backend>,
    /// What it said.
    pub(crate) info: BackendInfo,
}

/// The flag wins, then `BOTTLE_BACKEND`, then the configuration, then the first backend of this
/// binary that answers.
pub(crate) async fn choose(cx: &Context, config: &Config) -> Result<Found, Failure> {
    if let Some(name) = config.backend() {
        let backend = config.build_backend(&name.value, &cx.registry)?;
        let probed = backend.probe().await;
        let info = probed.map_err(|error| {
            let hint = error.hint().map(str::to_owned);
            let said = format!(
                "backend `{}` (chosen by {}) does not answer",
                name.value, name.source
            );
            Failure::because(said, &error)
                .maybe_hint(hint.as_deref())
                .hint("`bottle doctor` checks every backend")
        })?;
        return Ok(Found {
            backend: backend.into(),
            info,
        });
    }
    // One after the other: to ask an engine that nobody needs may start its service.
    let mut failures = vec![];
    for found in cx.registry.backends() {
        let answer = async {
            let backend = config.build_backend(found.name, &cx.registry)?;
            let info = backend.probe().await?;
            Ok::<_, Failure>(Found {
                backend: backend.into(),
                info,
            })
        };
        match answer.await {
            Ok(answer) => return Ok(answer),
            Err(failure) => failures.push((found.name, failure)),
        }
    }
    Err(none_answers(failures))
}

/// With a single backend its own error says it best.
fn none_answers(mut failures: Vec<(&str, Failure)>) -> Failure {
    if failures.len() == 1
        && let Some((_, failure)) = failures.pop()
    {
        return failure.hint("`bottle doctor` checks every backend");
    }
    let failure = Failure::new("no container engine answers");
    let all = failures.iter();
    all.fold(failure, |failure, (name, why)| failure.absorb(name, why))
        .hint("`bottle doctor` checks every backend")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Style;

    #[test]
    fn each_backend_is_named_with_its_reason() {
        let failure = none_answers(vec![
            ("docker", Failure::new("no socket").hint("start dockerd")),
            ("podman", Failure::new("not installed")),
        ]);
        assert_eq!(
            failure.render(Style::PLAIN, 80),
            "error: no container engine answers\n  \
             caused by: docker: no socket\n  \
             caused by: podman: not installed\n\n\
             hint: docker: start dockerd\n\
             hint: `bottle doctor` checks every backend"
        );
    }
}
