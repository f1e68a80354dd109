//! Programs in containers: the main process, and those run besides it.

use std::sync::Arc;

use bollard::{
    models::ExecConfig,
    query_parameters::{ResizeContainerTTYOptionsBuilder, ResizeExecOptionsBuilder},
};
use bottle_api::{
    BackendError, BackendErrorKind, ContainerId, ExecRequest, ExitStatus, ExposeSecret, Process,
    ProcessControl, Stdio, TermSize, async_trait,
};
use bottle_backend_common::{
    Asked, Shape, check_env, checked, missing_program, process, unless_ended, until_ended,
};
use bytes::Bytes;
use tokio::sync::{OnceCell, watch};

use crate::{client::Client, container, error::trying};

/// The engine would hold back the first key of its own detach sequence (ctrl-p). Detaching is
/// the terminal's business; here it is bytes no keyboard sends, `0xff` four times.
const NO_DETACH_ATTACH: &str = "%FF%2C%FF%2C%FF%2C%FF";
/// For an exec the keys travel as JSON, which cannot hold that byte: ctrl-^, seven times.
const NO_DETACH_EXEC: &str = "ctrl-^,ctrl-^,ctrl-^,ctrl-^,ctrl-^,ctrl-^,ctrl-^";

pub(crate) async fn exec(
    client: &Arc<Client>,
    id: &ContainerId,
    request: &ExecRequest,
) -> Result<Process, BackendError> {
    let program = request.argv.first().map_or("", String::as_str);
    let values = request.env.iter().map(|(_, value)| value);
    let attempt = trying("run in container", program).hiding(values);
    checked(id.as_str())?;
    if program.is_empty() {
        return Err(attempt.error(BackendErrorKind::Other, "there is no program to run"));
    }
    check_env(&attempt, &request.env)?;
    let created = client
        .call(
            &attempt,
            client
                .docker
                .create_exec(id.as_str(), config(client, request)),
        )
        .await?;
    let tty = request.tty.is_some();
    let start = serde_json::json!({ "Detach": false, "Tty": tty }).to_string();
    let path = format!("/exec/{}/start", created.id);
    let upgraded = client
        .raw(&attempt, client.transport.upgrade(&path, start.into()))
        .await;
    let upgraded = match upgraded {
        Ok(upgraded) => upgraded,
        Err(error) => return missing_program(error),
    };
    let (over, ended) = watch::channel(false);
    let exec = Exec {
        client: Arc::clone(client),
        id: created.id,
        tty,
        ended,
        status: OnceCell::new(),
    };
    // Older engines do not take the size at creation, and gVisor does not apply it.
    if let Some(size) = request.tty {
        exec.resize(size).await?;
    }
    Ok(process(
        upgraded,
        Shape {
            tty,
            stdin: request.stdin,
            half_close: !tty,
        },
        over,
        Box::new(exec),
    ))
}

fn config(client: &Client, request: &ExecRequest) -> ExecConfig {
    let size = request.tty.filter(|_| client.server.api.exec_size());
    ExecConfig {
        attach_stdin: Some(request.stdin),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        tty: Some(request.tty.is_some()),
        console_size: size.map(|size| vec![size.rows.into(), size.cols.into()]),
        detach_keys: Some(NO_DETACH_EXEC.to_owned()),
        cmd: Some(request.argv.clone()),
        env: Some(
            request
                .env
                .iter()
                .map(|(name, value)| format!("{name}={}", value.expose_secret()))
                .collect(),
        ),
        user: request.user.clone(),
        working_dir: request.workdir.clone(),
        ..Default::default()
    }
}

/// Attaches without repeating what was written before.
pub(crate) async fn attach(
    client: &Arc<Client>,
    id: &ContainerId,
    stdio: Stdio,
) -> Result<Process, BackendError> {
    let attempt = trying("attach to container", checked(id.as_str())?);
    let path = format!(
        "/containers/{id}/attach?stream=1&stdout=1&stderr=1&logs=0&stdin={}&detachKeys={}",
        u8::from(stdio.stdin),
        NO_DETACH_ATTACH
    );
    let upgraded = client
        .raw(&attempt, client.transport.upgrade(&path, Bytes::new()))
        .await?;
    let (over, _) = watch::channel(false);
    let main = Main {
        client: Arc::clone(client),
        id: id.clone(),
        tty: stdio.tty,
    };
    Ok(process(
        upgraded,
        Shape {
            tty: stdio.tty,
            stdin: stdio.stdin,
            half_close: !stdio.tty && stdio.stdin_once,
        },
        over,
        Box::new(main),
    ))
}

/// An exec.
struct Exec {
    client: Arc<Client>,
    id: String,
    tty: bool,
    /// Its output is over.
    ended: watch::Receiver<bool>,
    /// Kept, because the engine forgets an exec some minutes after its end.
    status: OnceCell<ExitStatus>,
}

impl Exec {
    async fn ask_until_ended(&self) -> Result<ExitStatus, BackendError> {
        let attempt = trying("wait for program", &self.id);
        until_ended(&attempt, self.ended.clone(), || async {
            let asked = self.client.docker.inspect_exec(&self.id);
            let found = self.client.call(&attempt, asked).await?;
            Ok(match found.running {
                Some(true) => Asked::Running,
                _ => Asked::Ended(found.exit_code.map(ExitStatus)),
            })
        })
        .await
    }
}

#[async_trait]
impl ProcessControl for Exec {
    async fn resize(&self, size: TermSize) -> Result<(), BackendError> {
        if !self.tty {
            return Ok(());
        }
        let attempt = trying("resize terminal", &self.id);
        let options = ResizeExecOptionsBuilder::default()
            .w(size.cols.into())
            .h(size.rows.into())
            .build();
        let resized = self.client.docker.resize_exec(&self.id, options);
        unless_ended(self.client.call(&attempt, resized).await)
    }
    async fn wait(&self) -> Result<ExitStatus, BackendError> {
        self.status
            .get_or_try_init(|| self.ask_until_ended())
            .await
            .copied()
    }
}

/// The main process of a container.
struct Main {
    client: Arc<Client>,
    id: ContainerId,
    tty: bool,
}

#[async_trait]
impl ProcessControl for Main {
    async fn resize(&self, size: TermSize) -> Result<(), BackendError> {
        if !self.tty {
            return Ok(());
        }
        let attempt = trying("resize terminal", self.id.as_str());
        let options = ResizeContainerTTYOptionsBuilder::default()
            .w(size.cols.into())
            .h(size.rows.into())
            .build();
        let resized = self
            .client
            .docker
            .resize_container_tty(self.id.as_str(), options);
        unless_ended(self.client.call(&attempt, resized).await)
    }
    async fn wait(&self) -> Result<ExitStatus, BackendError> {
        container::wait(&self.client, &self.id).await
    }
}
