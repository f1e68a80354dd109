//! Programs in containers, seen through their streams.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use async_trait::async_trait;
use bottle_api::{
    BackendError, BackendErrorKind, BoxStream, ExitStatus, Output, Process, ProcessControl, Role,
    TermSize,
};
use bytes::Bytes;
use futures_util::stream;
use tokio::{
    io::AsyncWrite,
    sync::broadcast::{Receiver, error::RecvError},
};

use crate::{Memory, Reply, world::error};

/// The main process of a container.
pub(crate) fn main(memory: &Memory, id: &str, output: Receiver<String>, stdin: bool) -> Process {
    let lines = stream::unfold(output, |mut output| async move {
        loop {
            match output.recv().await {
                Ok(line) => {
                    let bytes = Bytes::from(format!("{line}\n"));
                    return Some((Ok(Output::Stdout(bytes)), output));
                }
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    });
    let main = Main {
        memory: memory.clone(),
        id: id.to_owned(),
    };
    Process {
        stdin: stdin.then(|| Box::pin(main.clone()) as Pin<Box<dyn AsyncWrite + Send>>),
        output: Box::pin(lines),
        control: Box::new(main),
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
}
#[async_trait]
impl ProcessControl for Main {
    async fn resize(&self, _: TermSize) -> Result<(), BackendError> {
        Ok(())
    }
    async fn wait(&self) -> Result<ExitStatus, BackendError> {
        wait(&self.memory, &self.id).await
    }
}
impl AsyncWrite for Main {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.memory.act(|world| {
            if let Some(container) = world.containers.get_mut(&self.id) {
                container.input.extend_from_slice(bytes);
            }
        });
        Poll::Ready(Ok(bytes.len()))
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
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
