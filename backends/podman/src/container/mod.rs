//! Containers: created with everything they are, then moved through their life.

mod body;
mod hosts;
mod life;
mod seal;
mod volumes;

pub(crate) use life::{inspect, look, start, stop, wait};
pub(crate) use seal::{before_start as prepare, is_possible as can_seal};
pub(crate) use volumes::remove_with_volumes;

use std::sync::Arc;

use bottle_api::{BackendError, BackendErrorKind, ContainerId, ContainerRequest, Event, OpContext};
use bottle_backend_common::{Attempt, check_env, check_hosts};
use podman_api::opts::ContainerDeleteOpts;

use self::body::Means;
use crate::{
    archive,
    client::Client,
    error::{RUNTIME_HINT, trying},
    raw,
    runtimes::is_the_same,
};

/// Said by engines whose machine has no swap accounting; there is nothing to do about it, and
/// the limit of memory holds.
const EXPECTED_WARNING: &str = "swap limit capabilities";

pub(crate) async fn create(
    client: &Arc<Client>,
    request: &ContainerRequest<'_>,
    cx: &OpContext,
) -> Result<ContainerId, BackendError> {
    let values = request.env.iter().map(|(_, value)| value);
    let attempt = &trying("create container", request.name).hiding(values);
    check_env(attempt, request.env)?;
    check_hosts(attempt, request.hosts)?;
    check_workdir(attempt, request)?;
    let runtime = request.plan.runtime.as_deref();
    let other = runtime.filter(|name| *name != client.default_runtime());
    let side = match other {
        Some(name) => client.runtimes.side(client, name).await?,
        None => None,
    };
    let by: &Client = side.as_ref().map_or(client, |side| &side.client);
    let volumes = volumes::create(client, attempt, request).await?;
    let body = body::of(&Means::of(client), request, &volumes);
    let created: Result<raw::Created, _> = by.post(attempt, "/containers/create", &body).await;
    let created = match created {
        Ok(created) => created,
        Err(error) => {
            volumes::remove(client, &volumes).await;
            return Err(error);
        }
    };
    for warning in created.warnings.into_iter().flatten() {
        if !warning.contains(EXPECTED_WARNING) {
            cx.events.emit(Event::Warning {
                message: format!("container `{}`: {warning}", request.name),
            });
        }
    }
    let id = ContainerId::new(created.id);
    let finished = async {
        if let Some(name) = other {
            check_runtime(client, attempt, &id, name).await?;
        }
        let hosts = hosts::archive(request)
            .map_err(|error| attempt.error(BackendErrorKind::Other, &error.to_string()))?;
        archive::put_at_root(client, attempt, &id, hosts.into()).await
    };
    if let Err(error) = finished.await {
        let options = ContainerDeleteOpts::builder()
            .force(true)
            .timeout(0)
            .build();
        let container = client.api.containers().get(id.as_str());
        // The first error counts; what stays behind carries its owner's labels.
        let _ = client.call(attempt, container.delete(&options)).await;
        volumes::remove(client, &volumes).await;
        return Err(error);
    }
    Ok(id)
}

/// Podman takes a relative folder and fails at the start.
fn check_workdir(
    attempt: &Attempt<'_>,
    request: &ContainerRequest<'_>,
) -> Result<(), BackendError> {
    match &request.plan.workdir {
        Some(folder) if !folder.starts_with('/') => Err(attempt.error(
            BackendErrorKind::Other,
            &format!("working directory `{folder}` is not absolute"),
        )),
        _ => Ok(()),
    }
}

/// A runtime that is asked for and passed over would be a weaker bottle than the plan says.
async fn check_runtime(
    client: &Client,
    attempt: &Attempt<'_>,
    id: &ContainerId,
    wanted: &str,
) -> Result<(), BackendError> {
    let found = look(client, attempt, id).await?.runtime;
    if is_the_same(&found, wanted) {
        return Ok(());
    }
    Err(attempt
        .error(
            BackendErrorKind::RuntimeMissing,
            &format!(
                "the engine knows no runtime `{wanted}`, or passes it over: it used `{found}`"
            ),
        )
        .with_hint(RUNTIME_HINT))
}
