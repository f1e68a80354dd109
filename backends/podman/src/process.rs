//! Programs in containers: the main process, and those run besides it.

use std::sync::Arc;

use bottle_api::{
    BackendError, BackendErrorKind, ContainerId, ExecRequest, ExitStatus, ExposeSecret, Process,
    ProcessControl, Stdio, TermSize, async_trait,
};
use bottle_backend_common::{
    Asked, Shape, check_env, checked, missing_program, process, unless_ended, until_ended,
};
use bytes::Bytes;
use tokio::sync::{OnceCell, watch};

use crate::{
    client::Client,
    container,
    error::trying,
    raw::{self, CreateExec, Created, StartExec},
};

/// Empty keys switch the engine's own detach sequence off: it would hold back ctrl-p.
const NO_DETACH: &str = "";

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
    let path = format!("/containers/{id}/exec");
    let created: Result<Created, _> = client.post(&attempt, &path, &body(request)).await;
    let exec_id = match created {
        Ok(created) => created.id,
        Err(error) if error.to_string().contains(NOT_RUNNING) => {
            return Err(attempt.error(BackendErrorKind::Other, "the container is not running"));
        }
        Err(error) => return Err(error),
    };
    let size = request.tty.unwrap_or(TermSize { cols: 0, rows: 0 });
    let start = StartExec {
        detach: false,
        tty: request.tty.is_some(),
        h: size.rows,
        w: size.cols,
    };
    let start = serde_json::to_vec(&start)
        .map_err(|error| attempt.error(BackendErrorKind::Other, &error.to_string()))?;
    let path = format!("/exec/{}/start", checked(&exec_id)?);
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
        id: exec_id,
        tty: request.tty.is_some(),
        ended,
        status: OnceCell::new(),
    };
    // gVisor does not apply the size it is started with.
    if let Some(size) = request.tty {
        exec.resize(size).await?;
    }
    Ok(process(
        upgraded,
        Shape {
            tty: request.tty.is_some(),
            stdin: request.stdin,
            half_close: request.tty.is_none(),
        },
        over,
        Box::new(exec),
    ))
}

/// The engine's words for a container that was not started, or has ended.
const NOT_RUNNING: &str = "can only create exec sessions on running containers";

fn body(request: &ExecRequest) -> CreateExec {
    let env = request
        .env
        .iter()
        .map(|(name, value)| format!("{name}={}", value.expose_secret()));
    CreateExec {
        attach_stdin: request.stdin,
        attach_stdout: true,
        attach_stderr: true,
        tty: request.tty.is_some(),
        detach_keys: NO_DETACH,
        cmd: request.argv.clone(),
        env: env.collect(),
        user: request.user.clone().unwrap_or_default(),
        working_dir: request.workdir.clone().unwrap_or_default(),
    }
}

/// Attaches without repeating what was written before.
pub(crate) async fn attach(
    client: &Arc<Client>,
    id: &ContainerId,
    stdio: Stdio,
) -> Result<Process, BackendError> {
    let attempt = trying("attach to container", checked(id.as_str())?);
    container::prepare(client, &attempt, id).await?;
    let path = format!(
        "/containers/{id}/attach?stream=true&stdout=true&stderr=true&logs=false&stdin={}&detachKeys={NO_DETACH}",
        stdio.stdin,
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

#[async_trait]
impl ProcessControl for Exec {
    async fn resize(&self, size: TermSize) -> Result<(), BackendError> {
        if !self.tty {
            return Ok(());
        }
        let path = format!("/exec/{}/resize", self.id);
        resize(&self.client, &self.id, &path, size).await
    }

    async fn wait(&self) -> Result<ExitStatus, BackendError> {
        let waiting = async || {
            let attempt = trying("wait for program", &self.id);
            let path = format!("/exec/{}/json", self.id);
            until_ended(&attempt, self.ended.clone(), || async {
                let found: raw::Exec = self.client.get(&attempt, &path).await?;
                // Between its creation and its start it neither runs nor has it ended.
                Ok(if found.running || !found.can_remove {
                    Asked::Running
                } else {
                    Asked::Ended(Some(ExitStatus(found.exit_code)))
                })
            })
            .await
        };
        self.status.get_or_try_init(waiting).await.copied()
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
        let path = format!("/containers/{}/resize", self.id);
        resize(&self.client, self.id.as_str(), &path, size).await
    }
    async fn wait(&self) -> Result<ExitStatus, BackendError> {
        container::wait(&self.client, &self.id).await
    }
}

async fn resize(
    client: &Client,
    subject: &str,
    path: &str,
    size: TermSize,
) -> Result<(), BackendError> {
    let attempt = trying("resize terminal", subject);
    let path = format!("{path}?h={}&w={}", size.rows, size.cols);
    let asked = bottle_backend_common::request(hyper::Method::POST, &path, Bytes::new());
    let resized = async {
        bottle_backend_common::accepted(client.transport.send(asked).await?)
            .await
            .map(drop)
    };
    unless_ended(client.raw(&attempt, resized).await)
}
