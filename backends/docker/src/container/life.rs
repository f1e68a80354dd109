//! Start, state, stop and end of a container.

use std::time::Duration;

use bollard::{
    errors::Error as Bollard,
    models::{ContainerState as DockerState, ContainerStateStatusEnum as Status},
    query_parameters::{StopContainerOptionsBuilder, WaitContainerOptionsBuilder},
};
use bottle_api::{BackendError, BackendErrorKind, ContainerId, ContainerState, ExitStatus};
use bottle_backend_common::{checked, is_gone, whole_seconds, with_path_hint};
use futures_util::StreamExt;
use tokio::time::timeout;

use crate::{
    client::{Client, within},
    error::{Failed, trying},
};

/// How often the end of a container that was not started yet is looked for, besides waiting.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

pub(crate) async fn start(client: &Client, id: &ContainerId) -> Result<(), BackendError> {
    let attempt = trying("start container", checked(id.as_str())?);
    let started = client
        .call(
            &attempt,
            client.docker.start_container(
                id.as_str(),
                None::<bollard::query_parameters::StartContainerOptions>,
            ),
        )
        .await;
    started.map_err(with_path_hint)
}

pub(crate) async fn inspect(
    client: &Client,
    id: &ContainerId,
) -> Result<ContainerState, BackendError> {
    let attempt = trying("inspect container", checked(id.as_str())?);
    let found = client
        .call(
            &attempt,
            client.docker.inspect_container(
                id.as_str(),
                None::<bollard::query_parameters::InspectContainerOptions>,
            ),
        )
        .await?;
    let name = found.name.unwrap_or_default();
    Ok(state(
        name.trim_start_matches('/').to_owned(),
        &found.state.unwrap_or_default(),
    ))
}

fn state(name: String, state: &DockerState) -> ContainerState {
    let ended = matches!(state.status, Some(Status::EXITED | Status::DEAD));
    ContainerState {
        name,
        running: state.running.unwrap_or_default(),
        exit: ended.then(|| ExitStatus(state.exit_code.unwrap_or_default())),
        oom_killed: state.oom_killed.unwrap_or_default(),
    }
}

pub(crate) async fn stop(
    client: &Client,
    id: &ContainerId,
    grace: Duration,
) -> Result<(), BackendError> {
    let attempt = trying("stop container", checked(id.as_str())?);
    let seconds = i32::try_from(whole_seconds(grace)).unwrap_or(i32::MAX);
    let options = StopContainerOptionsBuilder::default().t(seconds).build();
    let stopped = within(
        client.limit + grace,
        &attempt,
        client.docker.stop_container(id.as_str(), Some(options)),
    )
    .await;
    match stopped {
        Err(error) if is_gone(&error) => Ok(()),
        other => other,
    }
}

/// Waits for the end. A container that was not started yet counts as ended for the engine's
/// plain wait; there the next end is waited for, and looked for, since it can come in between.
pub(crate) async fn wait(client: &Client, id: &ContainerId) -> Result<ExitStatus, BackendError> {
    let attempt = trying("wait for container", checked(id.as_str())?);
    loop {
        let before = inspect(client, id).await?;
        if let Some(exit) = before.exit {
            return Ok(exit);
        }
        let condition = if before.running {
            "not-running"
        } else {
            "next-exit"
        };
        let options = WaitContainerOptionsBuilder::default()
            .condition(condition)
            .build();
        let mut answers = client.docker.wait_container(id.as_str(), Some(options));
        let answer = if before.running {
            answers.next().await
        } else {
            let Ok(answer) = timeout(LOOK_AGAIN, answers.next()).await else {
                continue;
            };
            answer
        };
        match answer {
            Some(Ok(ended)) => return Ok(ExitStatus(ended.status_code)),
            // Any exit status but zero is an error to bollard.
            Some(Err(Bollard::DockerContainerWaitError { code, .. })) => {
                return Ok(ExitStatus(code));
            }
            Some(Err(error)) => return Err(attempt.failed(&error)),
            None => {
                return Err(attempt.error(
                    BackendErrorKind::EngineDown,
                    "the connection to the engine broke",
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_ran_has_an_exit_status() {
        let of = |status, running, code| {
            state(
                "x".into(),
                &DockerState {
                    status: Some(status),
                    running: Some(running),
                    exit_code: Some(code),
                    ..Default::default()
                },
            )
        };
        assert_eq!(of(Status::CREATED, false, 127).exit, None);
        assert_eq!(of(Status::RUNNING, true, 0).exit, None);
        assert_eq!(of(Status::EXITED, false, 3).exit, Some(ExitStatus(3)));
        assert!(of(Status::PAUSED, true, 0).running);
    }
}
