//! Programs in containers: the main process, and those run besides it.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bollard::{
    models::ExecConfig,
    query_parameters::{ResizeContainerTTYOptionsBuilder, ResizeExecOptionsBuilder},
};
use bottle_api::{
    BackendError, BackendErrorKind, BoxStream, ContainerId, ExecRequest, ExitStatus, ExposeSecret,
    Output, Process, ProcessControl, Stdio, TermSize,
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::{
    io::AsyncWrite,
    sync::{OnceCell, watch},
    time::{sleep, timeout},
};

use crate::{
    client::Client,
    connect::Upgraded,
    container,
    error::{Attempt, is_gone},
    ids::checked,
    streams::{self, Input},
};

/// The engine would hold back the first key of its own detach sequence (ctrl-p). Detaching is
/// the terminal's business; here it is bytes no keyboard sends, `0xff` four times.
const NO_DETACH_ATTACH: &str = "%FF%2C%FF%2C%FF%2C%FF";
/// For an exec the keys travel as JSON, which cannot hold that byte: ctrl-^, seven times.
const NO_DETACH_EXEC: &str = "ctrl-^,ctrl-^,ctrl-^,ctrl-^,ctrl-^,ctrl-^,ctrl-^";

/// How long an ended exec may be without exit status before it is given up.
const STATUS_TRIES: u32 = 40;
const FIRST_LOOK: Duration = Duration::from_millis(10);
const SLOWEST_LOOK: Duration = Duration::from_millis(500);

pub(crate) async fn exec(
    client: &Arc<Client>,
    id: &ContainerId,
    request: &ExecRequest,
) -> Result<Process, BackendError> {
    let program = request.argv.first().map_or("", String::as_str);
    let values = request.env.iter().map(|(_, value)| value);
    let attempt = Attempt::new("run in container", program).hiding(values);
    checked(id.as_str())?;
    if program.is_empty() {
        return Err(attempt.error(BackendErrorKind::Other, "there is no program to run"));
    }
    container::check_env(&attempt, &request.env)?;
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

/// Newer engines refuse to start a missing program, older ones run it and let it end with 126 or
/// 127. Both are told as a program that ended so.
fn missing_program(error: BackendError) -> Result<Process, BackendError> {
    let text = error.to_string();
    let code = if text.contains("executable file not found") || text.contains("no such file") {
        127
    } else if text.contains("permission denied") && text.contains("exec") {
        126
    } else {
        return Err(error);
    };
    let line = Bytes::from(format!("{text}\n"));
    Ok(Process {
        stdin: None,
        output: Box::pin(futures_util::stream::iter([Ok(Output::Stderr(line))])),
        control: Box::new(Ended(ExitStatus(code))),
    })
}

/// Attaches without repeating what was written before.
pub(crate) async fn attach(
    client: &Arc<Client>,
    id: &ContainerId,
    stdio: Stdio,
) -> Result<Process, BackendError> {
    let attempt = Attempt::new("attach to container", checked(id.as_str())?);
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

#[derive(Clone, Copy)]
struct Shape {
    tty: bool,
    stdin: bool,
    half_close: bool,
}

fn process(
    upgraded: Upgraded,
    shape: Shape,
    over: watch::Sender<bool>,
    control: Box<dyn ProcessControl>,
) -> Process {
    let framed = upgraded.framed || !shape.tty;
    let (reader, writer) = tokio::io::split(upgraded.io);
    let output = streams::output(streams::pieces(reader), framed, "read a program's output");
    let stdin = shape.stdin.then(|| {
        let input: std::pin::Pin<Box<dyn AsyncWrite + Send>> =
            Box::pin(Input::new(writer, shape.half_close));
        input
    });
    Process {
        stdin,
        output: telling(output, over),
        control,
    }
}

/// Tells when the output is over, or dropped.
fn telling(output: BoxStream<Output>, over: watch::Sender<bool>) -> BoxStream<Output> {
    struct Telling {
        output: BoxStream<Output>,
        over: watch::Sender<bool>,
    }
    impl Drop for Telling {
        fn drop(&mut self) {
            self.over.send_replace(true);
        }
    }
    impl Stream for Telling {
        type Item = Result<Output, BackendError>;
        fn poll_next(
            mut self: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Self::Item>> {
            let next = std::task::ready!(self.output.poll_next_unpin(cx));
            if next.is_none() {
                self.over.send_replace(true);
            }
            std::task::Poll::Ready(next)
        }
    }
    Box::pin(Telling { output, over })
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
    /// The engine has no call that waits for an exec: it is asked when the output is over, and
    /// now and then before.
    async fn ask_until_ended(&self) -> Result<ExitStatus, BackendError> {
        let attempt = Attempt::new("wait for program", &self.id);
        let mut ended = self.ended.clone();
        let mut pause = FIRST_LOOK;
        let mut without_status = 0;
        loop {
            let asked = self.client.docker.inspect_exec(&self.id);
            let found = self.client.call(&attempt, asked).await?;
            match (found.running, found.exit_code) {
                (Some(true), _) => {}
                (_, Some(code)) => return Ok(ExitStatus(code)),
                (_, None) => {
                    without_status += 1;
                    if without_status == STATUS_TRIES {
                        return Err(attempt.error(
                            BackendErrorKind::Other,
                            "it ended, but the engine knows no exit status",
                        ));
                    }
                }
            }
            if *ended.borrow_and_update() {
                sleep(pause).await;
            } else {
                let _ = timeout(pause, ended.changed()).await;
            }
            pause = (pause * 2).min(SLOWEST_LOOK);
        }
    }
}

#[async_trait]
impl ProcessControl for Exec {
    async fn resize(&self, size: TermSize) -> Result<(), BackendError> {
        if !self.tty {
            return Ok(());
        }
        let attempt = Attempt::new("resize terminal", &self.id);
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
        let attempt = Attempt::new("resize terminal", self.id.as_str());
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

/// A program that never started.
struct Ended(ExitStatus);

#[async_trait]
impl ProcessControl for Ended {
    async fn resize(&self, _: TermSize) -> Result<(), BackendError> {
        Ok(())
    }
    async fn wait(&self) -> Result<ExitStatus, BackendError> {
        Ok(self.0)
    }
}

/// Engines word differently that there is no terminal (any more).
fn unless_ended(resized: Result<(), BackendError>) -> Result<(), BackendError> {
    match resized {
        Err(error) if is_gone(&error) || says_not_running(&error.to_string()) => Ok(()),
        other => other,
    }
}

fn says_not_running(text: &str) -> bool {
    let text = text.to_lowercase();
    [
        "not running",
        "not found",
        "no such process",
        "already finished",
        "cannot resize a stopped",
    ]
    .iter()
    .any(|words| text.contains(words))
}
