//! Programs in containers, seen through a connection of the engine's.

use std::time::Duration;

use bottle_api::{
    BackendError, BackendErrorKind, BoxStream, ExitStatus, Output, Process, ProcessControl,
    TermSize, async_trait,
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::{
    io::AsyncWrite,
    sync::watch,
    time::{sleep, timeout},
};

use crate::{
    Attempt, Upgraded,
    streams::{self, Input},
};

/// How long an ended exec may be without exit status before it is given up.
const STATUS_TRIES: u32 = 40;
const FIRST_LOOK: Duration = Duration::from_millis(10);
const SLOWEST_LOOK: Duration = Duration::from_millis(500);

/// What kind of streams a program has.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// A terminal, whose bytes come as they are.
    pub tty: bool,
    /// Standard input is wanted.
    pub stdin: bool,
    /// The end of the input is told by closing one direction of the connection.
    pub half_close: bool,
}

/// A program, by its connection. `over` is told when its output has ended or is dropped.
pub fn process(
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

/// What an engine says about an exec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// It runs.
    Running,
    /// It ended; the status may come later.
    Ended(Option<ExitStatus>),
}

/// Engines have no call that waits for an exec: it is asked when the output is over, and now and
/// then before.
pub async fn until_ended<F>(
    attempt: &Attempt<'_>,
    mut ended: watch::Receiver<bool>,
    ask: impl Fn() -> F,
) -> Result<ExitStatus, BackendError>
where
    F: Future<Output = Result<Asked, BackendError>>,
{
    let mut pause = FIRST_LOOK;
    let mut without_status = 0;
    loop {
        match ask().await? {
            Asked::Running => {}
            Asked::Ended(Some(status)) => return Ok(status),
            Asked::Ended(None) => {
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

/// Some engines refuse to start a missing program, others run it and let it end with 126 or 127.
/// Both are told as a program that ended so.
pub fn missing_program(error: BackendError) -> Result<Process, BackendError> {
    let text = error.to_string();
    let code = if text.contains("executable file not found")
        || text.contains("no such file")
        || text.contains("a command that was not found")
    {
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
        control: Box::new(NeverStarted(ExitStatus(code))),
    })
}

/// A program that never started.
struct NeverStarted(ExitStatus);

#[async_trait]
impl ProcessControl for NeverStarted {
    async fn resize(&self, _: TermSize) -> Result<(), BackendError> {
        Ok(())
    }
    async fn wait(&self) -> Result<ExitStatus, BackendError> {
        Ok(self.0)
    }
}
