//! Programs in containers, seen through their streams.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use async_trait::async_trait;
use bottle_api::{
    BackendError, BackendErrorKind, BoxStream, ExecRequest, ExitStatus, ExposeSecret as _, Output,
    Process, ProcessControl, Role, Stdio, TermSize,
};
use bytes::Bytes;
use futures_util::stream;
use tokio::{
    io::AsyncWrite,
    sync::{
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
        watch,
    },
};

use crate::{
    Machine, Memory, Reply,
    container::Container,
    machine::{Programs, Sink, user},
    world::error,
};

fn output(from: UnboundedReceiver<Output>) -> BoxStream<Output> {
    Box::pin(stream::unfold(from, |mut from| async move {
        let piece = from.recv().await?;
        Some((Ok(piece), from))
    }))
}

/// The main process of a container.
pub(crate) fn main(
    memory: &Memory,
    id: &str,
    written: UnboundedReceiver<Output>,
    stdio: Stdio,
) -> Process {
    let main = Main {
        memory: memory.clone(),
        id: id.to_owned(),
        once: stdio.stdin_once,
    };
    Process {
        stdin: stdio
            .stdin
            .then(|| Box::pin(MainInput(main.clone())) as Pin<Box<dyn AsyncWrite + Send>>),
        output: output(written),
        control: Box::new(main),
    }
}

/// Starts the main process of a container whose programs are simulated.
pub(crate) fn start(memory: &Memory, programs: &Programs, id: &str) {
    let Some(machine) = memory.act(|world| {
        let container = world.containers.get_mut(id)?;
        Some(Machine::main(memory, id, container))
    }) else {
        return;
    };
    let (running, engine, key) = (programs(machine), memory.clone(), id.to_owned());
    let task = tokio::spawn(async move {
        let status = running.await;
        end(&engine, &key, status);
    });
    memory.act(|world| {
        if let Some(container) = world.containers.get_mut(id) {
            container.life.tasks.push(task.abort_handle());
        }
    });
}
fn end(memory: &Memory, id: &str, status: i64) {
    memory.act(|world| {
        if let Some(container) = world.containers.get_mut(id) {
            container.end(ExitStatus(status));
        }
    });
}

/// Asks a container's main process to end, and kills it when it does not in time.
pub(crate) async fn stop(memory: &Memory, id: &str, grace: Duration) {
    let ended = memory.until(|world| {
        let runs = world.containers.get(id).is_some_and(Container::running);
        (!runs).then_some(())
    });
    if tokio::time::timeout(grace, ended).await.is_err() {
        end(memory, id, 137);
    }
}

/// A simulated program run by `exec`.
pub(crate) fn run(
    memory: &Memory,
    programs: &Programs,
    id: &str,
    request: &ExecRequest,
) -> Result<Process, BackendError> {
    let (write, written) = unbounded_channel();
    let (stdin, stdin_end) = unbounded_channel();
    let size = watch::Sender::new(request.tty);
    let mut machine = memory.act(|world| {
        let container = world.container(id, "exec")?;
        let sink = Sink::Exec(write);
        let argv = request.argv.clone();
        Ok::<_, BackendError>(Machine::within(memory, id, container, argv, sink))
    })?;
    for (name, value) in &request.env {
        let value = value.expose_secret().to_owned();
        machine.env.insert(name.clone(), value);
    }
    if let Some(name) = &request.user {
        machine.user = user(Some(name));
    }
    if let Some(folder) = &request.workdir {
        machine.workdir.clone_from(folder);
    }
    machine.tty = request.tty.is_some();
    machine.size = size.subscribe();
    machine.stdin = request.stdin.then_some(stdin_end);
    let ended = Ended(watch::Sender::new(None));
    let exit = ended.0.subscribe();
    let running = programs(machine);
    let task = tokio::spawn(async move {
        let status = running.await;
        ended.0.send_replace(Some(ExitStatus(status)));
    });
    memory.act(|world| {
        if let Some(container) = world.containers.get_mut(id) {
            container.life.tasks.push(task.abort_handle());
        }
    });
    Ok(Process {
        stdin: request
            .stdin
            .then(|| Box::pin(Input(Some(stdin))) as Pin<Box<dyn AsyncWrite + Send>>),
        output: output(written),
        control: Box::new(Running { exit, size }),
    })
}

/// Tells the end of a program, also when it is killed.
struct Ended(watch::Sender<Option<ExitStatus>>);
impl Drop for Ended {
    fn drop(&mut self) {
        self.0.send_if_modified(|status| {
            let killed = status.is_none();
            status.get_or_insert(ExitStatus(137));
            killed
        });
    }
}
struct Running {
    exit: watch::Receiver<Option<ExitStatus>>,
    size: watch::Sender<Option<TermSize>>,
}
#[async_trait]
impl ProcessControl for Running {
    async fn resize(&self, size: TermSize) -> Result<(), BackendError> {
        self.size.send_if_modified(|now| {
            let terminal = now.is_some();
            if terminal {
                *now = Some(size);
            }
            terminal
        });
        Ok(())
    }
    async fn wait(&self) -> Result<ExitStatus, BackendError> {
        let mut exit = self.exit.clone();
        let status = exit.wait_for(Option::is_some).await;
        Ok(status.ok().and_then(|s| *s).unwrap_or(ExitStatus(137)))
    }
}

/// Standard input of a program.
struct Input(Option<UnboundedSender<Bytes>>);
impl AsyncWrite for Input {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        if let Some(to) = &self.0 {
            // A program that does not read is no error.
            let _ = to.send(Bytes::copy_from_slice(bytes));
        }
        Poll::Ready(Ok(bytes.len()))
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.0 = None;
        Poll::Ready(Ok(()))
    }
}

/// A program run by `exec`.
pub(crate) fn exec(memory: &Memory, id: &str, role: &Role, reply: Reply) -> Process {
    let Reply {
        status,
        stdout,
        stderr,
        after,
    } = reply;
    let (memory, id, role) = (memory.clone(), id.to_owned(), role.clone());
    let output = stream::once(async move {
        tokio::time::sleep(after).await;
        // A program does not outlive its container.
        let gone = memory
            .world()
            .containers
            .get(&id)
            .is_none_or(|c| !c.running());
        let mut parts = Vec::new();
        if gone {
            parts.push(Err(error(
                BackendErrorKind::NotFound,
                "exec",
                format!("`{role}` does not run"),
            )));
        }
        if !stdout.is_empty() {
            parts.push(Ok(Output::Stdout(stdout.into())));
        }
        if !stderr.is_empty() {
            parts.push(Ok(Output::Stderr(stderr.into())));
        }
        stream::iter(parts)
    });
    Process {
        stdin: Some(Box::pin(tokio::io::sink())),
        output: Box::pin(futures_util::StreamExt::flatten(output)),
        control: Box::new(Done(ExitStatus(status))),
    }
}

struct Done(ExitStatus);
#[async_trait]
impl ProcessControl for Done {
    async fn resize(&self, _: TermSize) -> Result<(), BackendError> {
        Ok(())
    }
    async fn wait(&self) -> Result<ExitStatus, BackendError> {
        Ok(self.0)
    }
}

#[derive(Clone)]
struct Main {
    memory: Memory,
    id: String,
    once: bool,
}
#[async_trait]
impl ProcessControl for Main {
    async fn resize(&self, size: TermSize) -> Result<(), BackendError> {
        self.memory.act(|world| {
            if let Some(container) = world.containers.get_mut(&self.id)
                && container.stdio.tty
            {
                container.life.size.send_replace(Some(size));
            }
        });
        Ok(())
    }
    async fn wait(&self) -> Result<ExitStatus, BackendError> {
        wait(&self.memory, &self.id).await
    }
}

/// Standard input of a container's main process.
struct MainInput(Main);
impl MainInput {
    fn close(&self) {
        if self.0.once {
            self.0.memory.act(|world| {
                if let Some(container) = world.containers.get_mut(&self.0.id) {
                    container.life.stdin = None;
                }
            });
        }
    }
}
impl Drop for MainInput {
    fn drop(&mut self) {
        self.close();
    }
}
impl AsyncWrite for MainInput {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.0.memory.act(|world| {
            if let Some(container) = world.containers.get_mut(&self.0.id) {
                container.input.extend_from_slice(bytes);
                if let Some(to) = &container.life.stdin {
                    // A program that does not read is no error.
                    let _ = to.send(Bytes::copy_from_slice(bytes));
                }
            }
        });
        Poll::Ready(Ok(bytes.len()))
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.close();
        Poll::Ready(Ok(()))
    }
}

/// Waits for the end of a container's main process.
pub(crate) async fn wait(memory: &Memory, id: &str) -> Result<ExitStatus, BackendError> {
    let gone = || {
        let message = format!("no container `{id}`");
        error(BackendErrorKind::NotFound, "wait", message)
    };
    let ended = memory.until(|world| match world.containers.get(id) {
        None => Some(Err(gone())),
        Some(container) => container.exit.map(Ok),
    });
    ended.await.unwrap_or_else(|| Err(gone()))
}

/// The log of a container, line by line.
pub(crate) fn log(memory: &Memory, id: &str, skip: usize, follow: bool) -> BoxStream<String> {
    let start = (memory.clone(), id.to_owned(), skip);
    Box::pin(stream::unfold(start, move |(memory, id, at)| async move {
        let line = memory
            .until(|world| match world.containers.get(&id) {
                Some(c) if at < c.log.len() => Some(Some(c.log[at].clone())),
                Some(c) if follow && c.running() => None,
                Some(_) | None => Some(None),
            })
            .await??;
        Some((Ok(line), (memory, id, at + 1)))
    }))
}
