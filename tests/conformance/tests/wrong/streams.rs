//! Faults in the streams of programs.

use std::{
    collections::BTreeSet,
    pin::Pin,
    sync::Mutex,
    task::{Context, Poll},
};

use bottle_api::{
    Backend, BackendError, BackendErrorKind, BoxStream, ContainerId, ExecRequest, ExitStatus,
    LogRequest, Output, Process, ProcessControl, Stdio, TermSize, async_trait,
};
use bottle_conformance::Layer;
use futures_util::{StreamExt as _, stream};
use tokio::io::AsyncWrite;

use crate::{Wrong, wrong};

/// Runs something else, or lets something else be seen of it.
#[derive(Debug, Default)]
struct Exec {
    request: Option<fn(&mut ExecRequest)>,
    process: Option<fn(&mut Process)>,
}
#[async_trait]
impl Layer for Exec {
    async fn exec(
        &self,
        next: &dyn Backend,
        id: &ContainerId,
        request: &ExecRequest,
    ) -> Result<Process, BackendError> {
        let mut request = request.clone();
        if let Some(change) = self.request {
            change(&mut request);
        }
        let mut process = next.exec(id, &request).await?;
        if let Some(change) = self.process {
            change(&mut process);
        }
        Ok(process)
    }
}
fn request(change: fn(&mut ExecRequest)) -> Exec {
    Exec {
        request: Some(change),
        process: None,
    }
}
fn process(change: fn(&mut Process)) -> Exec {
    Exec {
        request: None,
        process: Some(change),
    }
}

fn replace_output(
    process: &mut Process,
    change: impl FnOnce(BoxStream<Output>) -> BoxStream<Output>,
) {
    let output = std::mem::replace(&mut process.output, Box::pin(stream::empty()));
    process.output = change(output);
}

/// Everything but the last piece, once there is much of it.
fn truncate(process: &mut Process) {
    replace_output(process, |output| {
        let mut seen = 0;
        Box::pin(output.take_while(move |piece| {
            if let Ok(Output::Stdout(bytes) | Output::Stderr(bytes)) = piece {
                seen += bytes.len();
            }
            std::future::ready(seen < 1_000_000)
        }))
    });
}
fn merge(process: &mut Process) {
    replace_output(process, |output| {
        Box::pin(output.map(|piece| {
            piece.map(|piece| match piece {
                Output::Stdout(bytes) | Output::Stderr(bytes) => Output::Stdout(bytes),
            })
        }))
    });
}

/// Control over a program, but for what it leaves out.
struct Weak {
    control: Box<dyn ProcessControl>,
    resizes: bool,
    status: fn(ExitStatus) -> ExitStatus,
    waited: Mutex<bool>,
    again: bool,
}
#[async_trait]
impl ProcessControl for Weak {
    async fn resize(&self, size: TermSize) -> Result<(), BackendError> {
        if self.resizes {
            return self.control.resize(size).await;
        }
        Ok(())
    }
    async fn wait(&self) -> Result<ExitStatus, BackendError> {
        let status = self.control.wait().await?;
        let waited = self
            .waited
            .lock()
            .map(|mut waited| std::mem::replace(&mut *waited, true));
        if waited.unwrap_or(false) && !self.again {
            let why = "its end was told already";
            return Err(BackendError::new(BackendErrorKind::NotFound, "wait", why));
        }
        Ok((self.status)(status))
    }
}
fn weaken(process: &mut Process, change: fn(&mut Weak)) {
    struct Nobody;
    #[async_trait]
    impl ProcessControl for Nobody {
        async fn resize(&self, _: TermSize) -> Result<(), BackendError> {
            Ok(())
        }
        async fn wait(&self) -> Result<ExitStatus, BackendError> {
            Ok(ExitStatus(0))
        }
    }
    let mut weak = Weak {
        control: std::mem::replace(&mut process.control, Box::new(Nobody)),
        resizes: true,
        status: |status| status,
        waited: Mutex::new(false),
        again: true,
    };
    change(&mut weak);
    process.control = Box::new(weak);
}

/// Standard input that is not ended when it is shut.
struct Open(Pin<Box<dyn AsyncWrite + Send>>);
impl AsyncWrite for Open {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.0.as_mut().poll_write(cx, bytes)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.0.as_mut().poll_flush(cx)
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[derive(Debug)]
struct Repeats;
#[async_trait]
impl Layer for Repeats {
    async fn attach(
        &self,
        next: &dyn Backend,
        id: &ContainerId,
        stdio: Stdio,
    ) -> Result<Process, BackendError> {
        let before = next.logs(id, LogRequest::default()).await?;
        let before: Vec<_> = before.collect().await;
        let mut process = next.attach(id, stdio).await?;
        replace_output(&mut process, |output| {
            let lines = before
                .into_iter()
                .map(|line| line.map(|line| Output::Stdout(format!("{line}\n").into())));
            Box::pin(stream::iter(lines).chain(output))
        });
        Ok(process)
    }
}

#[derive(Debug, Default)]
struct OneClient(Mutex<BTreeSet<String>>);
#[async_trait]
impl Layer for OneClient {
    async fn attach(
        &self,
        next: &dyn Backend,
        id: &ContainerId,
        stdio: Stdio,
    ) -> Result<Process, BackendError> {
        let first = self
            .0
            .lock()
            .is_ok_and(|mut seen| seen.insert(id.to_string()));
        if !first {
            let why = "somebody is attached already";
            return Err(BackendError::new(BackendErrorKind::Denied, "attach", why));
        }
        next.attach(id, stdio).await
    }
}

pub(crate) fn all() -> Vec<Wrong> {
    let mut all = programs();
    all.extend(attached());
    all
}

fn programs() -> Vec<Wrong> {
    vec![
        wrong(
            "truncates the output of programs",
            || process(truncate),
            &["exec::the output ends only after all of it was delivered"],
        ),
        wrong(
            "puts both outputs into one",
            || process(merge),
            &[
                "exec::through pipes, without input, ending with 0",
                "exec::through pipes, without input, ending with 7",
                "exec::through pipes, with input, ending with 0",
                "exec::through pipes, with input, ending with 7",
                "exec::the output ends only after all of it was delivered",
            ],
        ),
        wrong(
            "swallows the exit status of programs",
            || process(|it| weaken(it, |weak| weak.status = |_| ExitStatus(0))),
            &[
                "exec::through pipes, without input, ending with 7",
                "exec::through pipes, with input, ending with 7",
                "exec::on a terminal, without input, ending with 7",
                "exec::on a terminal, with input, ending with 7",
                "exec::the output ends only after all of it was delivered",
                "exec::a terminal takes a new size",
                "exec::wait may be called again, and after the output was dropped",
                "exec::a program that does not exist is 127, 126 or NotFound",
                "lifecycle::killed by a signal is 128 plus its number",
            ],
        ),
        wrong(
            "tells a signal as its bare number",
            || {
                process(|it| {
                    weaken(it, |weak| {
                        weak.status = |s| ExitStatus(if s.0 > 128 { s.0 - 128 } else { s.0 });
                    });
                })
            },
            &["lifecycle::killed by a signal is 128 plus its number"],
        ),
        wrong(
            "tells the end of a program once",
            || process(|it| weaken(it, |weak| weak.again = false)),
            &["exec::wait may be called again, and after the output was dropped"],
        ),
        wrong(
            "gives programs no terminal",
            || request(|it| it.tty = None),
            &[
                "exec::on a terminal, without input, ending with 0",
                "exec::on a terminal, without input, ending with 7",
                "exec::on a terminal, with input, ending with 0",
                "exec::on a terminal, with input, ending with 7",
                "exec::a terminal takes a new size",
            ],
        ),
        wrong(
            "ignores a new size of the terminal",
            || process(|it| weaken(it, |weak| weak.resizes = false)),
            &["exec::a terminal takes a new size"],
        ),
        wrong(
            "leaves standard input open when it is shut",
            || {
                process(|it| {
                    let stdin = it.stdin.take();
                    it.stdin =
                        stdin.map(|stdin| Box::pin(Open(stdin)) as Pin<Box<dyn AsyncWrite + Send>>);
                })
            },
            &[
                "exec::standard input ends when it is shut",
                "exec::all of standard input arrives",
            ],
        ),
        wrong(
            "leaves standard input open that nobody asked for",
            || request(|it| it.stdin = true),
            &["exec::standard input that is not asked for is at its end"],
        ),
        wrong(
            "runs programs as the container's user",
            || request(|it| it.user = None),
            &["exec::user, working directory and environment are the request's"],
        ),
        wrong(
            "runs programs in the container's folder",
            || request(|it| it.workdir = None),
            &["exec::user, working directory and environment are the request's"],
        ),
    ]
}

fn attached() -> Vec<Wrong> {
    vec![
        wrong(
            "repeats the log to whoever attaches",
            || Repeats,
            &["attach::what was written before is not repeated"],
        ),
        wrong(
            "lets one client attach, once",
            OneClient::default,
            &[
                "attach::several clients see the same",
                "attach::the main process goes on when all have left",
            ],
        ),
    ]
}
