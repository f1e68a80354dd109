//! Secrets where they may not be.

use bottle_api::{
    Backend, BackendError, ContainerId, ContainerRequest, ExecRequest, ExposeSecret as _,
    OpContext, Process, SecretString, async_trait,
};
use bottle_conformance::Layer;

use crate::{Wrong, wrong};

fn shown(env: &[(String, SecretString)]) -> String {
    let shown = env
        .iter()
        .map(|(name, value)| format!("{name}={}", value.expose_secret()));
    shown.collect::<Vec<_>>().join(" ")
}

#[derive(Debug)]
struct InErrors;
#[async_trait]
impl Layer for InErrors {
    async fn create_container(
        &self,
        next: &dyn Backend,
        request: &ContainerRequest<'_>,
        cx: &OpContext,
    ) -> Result<ContainerId, BackendError> {
        let created = next.create_container(request, cx).await;
        created.map_err(|error| {
            let message = format!("`{}` refused: {error}", shown(request.env));
            BackendError::new(error.kind(), "create container", message)
        })
    }
}

#[derive(Debug)]
struct InExecErrors;
#[async_trait]
impl Layer for InExecErrors {
    async fn exec(
        &self,
        next: &dyn Backend,
        id: &ContainerId,
        request: &ExecRequest,
    ) -> Result<Process, BackendError> {
        let run = next.exec(id, request).await;
        run.map_err(|error| {
            let cause = format!("request {}", shown(&request.env));
            BackendError::new(error.kind(), "exec", "refused").with_source(cause)
        })
    }
}

#[derive(Debug)]
struct InEvents;
#[async_trait]
impl Layer for InEvents {
    async fn create_container(
        &self,
        next: &dyn Backend,
        request: &ContainerRequest<'_>,
        cx: &OpContext,
    ) -> Result<ContainerId, BackendError> {
        cx.events.progress("create", shown(request.env));
        next.create_container(request, cx).await
    }
}

#[derive(Debug)]
struct InLogs;
#[async_trait]
impl Layer for InLogs {
    async fn create_container(
        &self,
        next: &dyn Backend,
        request: &ContainerRequest<'_>,
        cx: &OpContext,
    ) -> Result<ContainerId, BackendError> {
        tracing::trace!(env = shown(request.env), "create container");
        next.create_container(request, cx).await
    }
}

#[derive(Debug)]
struct OnCommandLines;
#[async_trait]
impl Layer for OnCommandLines {
    async fn create_container(
        &self,
        next: &dyn Backend,
        request: &ContainerRequest<'_>,
        cx: &OpContext,
    ) -> Result<ContainerId, BackendError> {
        if !request.env.is_empty() {
            // As `engine run -e KEY=value` does.
            let mut client = std::process::Command::new("sh");
            client.args([
                "-c",
                "sleep 0.5",
                "engine",
                "run",
                "-e",
                &shown(request.env),
            ]);
            let _ = tokio::task::spawn_blocking(move || client.status()).await;
        }
        next.create_container(request, cx).await
    }
}

pub(crate) fn all() -> Vec<Wrong> {
    vec![
        wrong(
            "puts secrets in error texts",
            || InErrors,
            &["secrets::no error of a refused container holds a secret"],
        ),
        wrong(
            "puts secrets in the causes of errors",
            || InExecErrors,
            &["secrets::no error of a refused program holds a secret"],
        ),
        wrong(
            "puts secrets in events",
            || InEvents,
            &["secrets::the environment of a container is in no state, listing or event"],
        ),
        wrong(
            "puts secrets in its log",
            || InLogs,
            &[
                "secrets::the environment of a container is in no state, listing or event",
                "secrets::no secret is on a command line of this machine",
                "secrets::no error of a refused container holds a secret",
            ],
        ),
        wrong(
            "puts secrets on command lines",
            || OnCommandLines,
            &["secrets::no secret is on a command line of this machine"],
        ),
    ]
}
