//! Start, state, stop and end of a container.

use std::time::Duration;

use bottle_api::{BackendError, ContainerId, ContainerState, ExitStatus};
use bottle_backend_common::{Attempt, checked, is_gone, whole_seconds, with_path_hint};
use hyper::Method;
use podman_api::opts::ContainerStopOpts;
use tokio::time::sleep;

use super::seal;
use crate::{
    client::{Client, within},
    error::{SO_ALREADY, trying},
    raw,
};

/// How often the engine looks whether a container has ended.
const INTERVAL: &str = "100ms";
const LOOK_AGAIN: Duration = Duration::from_millis(100);

pub(crate) async fn start(client: &Client, id: &ContainerId) -> Result<(), BackendError> {
    let attempt = &trying("start container", checked(id.as_str())?);
    seal::before_start(client, attempt, id).await?;
    let container = client.api.containers().get(id.as_str());
    let started = client.call(attempt, container.start(None)).await;
    match unless_so_already(started) {
        Err(error) if error.to_string().contains(SAYS_NOTHING) => {
            let program = look(client, attempt, id).await?.path;
            let message = format!("gVisor could not start `{program}`: {error}");
            Err(attempt
                .error(error.kind(), &message)
                .with_hint("the command is not in the image, or not on its `PATH`"))
        }
        other => other.map_err(with_path_hint),
    }
}
/// How gVisor refuses a program through this engine.
const SAYS_NOTHING: &str = "failed: exit status 128";

/// Everything about a container that is asked for here.
pub(crate) async fn look(
    client: &Client,
    attempt: &Attempt<'_>,
    id: &ContainerId,
) -> Result<raw::Container, BackendError> {
    client
        .get(
            attempt,
            &format!("/containers/{}/json", checked(id.as_str())?),
        )
        .await
}

pub(crate) async fn inspect(
    client: &Client,
    id: &ContainerId,
) -> Result<ContainerState, BackendError> {
    let attempt = trying("inspect container", checked(id.as_str())?);
    look(client, &attempt, id).await.map(state)
}

fn state(found: raw::Container) -> ContainerState {
    let state = found.state;
    let ended = matches!(state.status.as_str(), "exited" | "stopped");
    ContainerState {
        name: found.name,
        running: state.running || state.status == "paused",
        exit: ended.then_some(ExitStatus(state.exit_code)),
        oom_killed: state.oom_killed,
    }
}

pub(crate) async fn stop(
    client: &Client,
    id: &ContainerId,
    grace: Duration,
) -> Result<(), BackendError> {
    let attempt = trying("stop container", checked(id.as_str())?);
    let seconds = usize::try_from(whole_seconds(grace)).unwrap_or(usize::MAX);
    let options = ContainerStopOpts::builder()
        .timeout(seconds)
        .ignore(true)
        .build();
    let container = client.api.containers().get(id.as_str());
    let stopping = client.call(&attempt, container.stop(&options));
    let stopped = within(client.limit + grace, &attempt, stopping).await;
    match unless_so_already(stopped) {
        Err(error) if is_gone(&error) => Ok(()),
        other => other,
    }
}

fn unless_so_already(done: Result<(), BackendError>) -> Result<(), BackendError> {
    match done {
        Err(error) if error.to_string().ends_with(SO_ALREADY) => Ok(()),
        other => other,
    }
}

/// Waits for the end, of a container that was not started yet too.
pub(crate) async fn wait(client: &Client, id: &ContainerId) -> Result<ExitStatus, BackendError> {
    let attempt = &trying("wait for container", checked(id.as_str())?);
    let path =
        format!("/containers/{id}/wait?condition=stopped&condition=exited&interval={INTERVAL}");
    loop {
        if let Some(exit) = state(look(client, attempt, id).await?).exit {
            return Ok(exit);
        }
        // Documented to wait: without a limit.
        let waiting = raw::json(&client.transport, attempt, Method::POST, &path, None::<&()>);
        let _: serde_json::Value = waiting.await?;
        // The state is what counts; it may come a little after the answer.
        if let Some(exit) = state(look(client, attempt, id).await?).exit {
            return Ok(exit);
        }
        sleep(LOOK_AGAIN).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_ran_has_an_exit_status() {
        let of = |status: &str, running, exit_code| {
            state(raw::Container {
                state: raw::State {
                    status: status.into(),
                    running,
                    exit_code,
                    oom_killed: false,
                },
                ..Default::default()
            })
        };
        assert_eq!(of("created", false, 127).exit, None);
        assert_eq!(of("initialized", false, 0).exit, None);
        assert_eq!(of("running", true, 0).exit, None);
        assert_eq!(of("exited", false, 3).exit, Some(ExitStatus(3)));
        assert!(of("paused", false, 0).running);
    }

    #[test]
    fn running_already_is_no_error() {
        let attempt = trying("start container", "x");
        assert!(unless_so_already(Err(attempt.refused(304, SO_ALREADY))).is_ok());
        assert!(unless_so_already(Err(attempt.refused(500, "boom"))).is_err());
    }
}
