//! Two ends of a conversation, joined.

use std::io::{self, IsTerminal};

use bottle_api::{BackendError, ExitStatus, Output, Process, ProcessControl, TermSize};
use futures_util::StreamExt;
use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    signal::unix::{Signal, SignalKind, signal},
    time::{Duration, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{
    DetachKeys,
    guard::{self, RawMode},
    input::Input,
    keys::Matcher,
    modes::Modes,
};

/// How to attach.
#[derive(Clone, Debug)]
pub(crate) struct Attach {
    /// The process has a terminal.
    pub(crate) tty: bool,
    /// Forward our standard input.
    pub(crate) stdin: bool,
    /// The keys that leave.
    pub(crate) keys: DetachKeys,
    /// Ends it from the outside.
    pub(crate) cancel: CancellationToken,
    /// It has drawn its screen for somebody else and must draw it again.
    pub(crate) redraw: bool,
}

/// How it ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The program did.
    Exited(ExitStatus),
    /// The user pressed the detach keys; the program goes on.
    Detached,
    /// Somebody cancelled; the program goes on.
    Cancelled,
    /// Nobody reads our standard output any more; the program goes on.
    OutputClosed,
}

/// One side of the conversation is over.
enum Side {
    Output(io::Result<()>),
    Lost(BackendError),
    Detach,
}

impl Attach {
    /// Whether our terminal would be switched to raw: then every key is the program's, and
    /// Ctrl-C no signal of ours.
    pub(crate) fn is_raw(&self) -> bool {
        self.tty && self.stdin && io::stdin().is_terminal()
    }

    /// Joins our standard streams with those of `process` until either ends. The terminal is
    /// back to what it was when this returns.
    pub(crate) async fn join(&self, process: Process) -> Result<Ended, BackendError> {
        let Process {
            stdin,
            output,
            control,
        } = process;
        let raw = self.is_raw().then(RawMode::enter).transpose();
        // Without raw mode the conversation is clumsy, but it works.
        let _raw = raw.unwrap_or_default();
        let side = tokio::select! {
            side = self.write_out(output) => side,
            // Never ends by itself but by the detach keys.
            side = self.read_in(stdin) => side,
            () = self.follow_size(&*control) => unreachable!("resizing has no end"),
            () = self.cancel.cancelled() => return Ok(Ended::Cancelled),
        };
        match side {
            Side::Detach => Ok(Ended::Detached),
            Side::Lost(error) => Err(error),
            Side::Output(Err(_)) => Ok(Ended::OutputClosed),
            Side::Output(Ok(())) => tokio::select! {
                status = control.wait() => Ok(Ended::Exited(status?)),
                () = self.cancel.cancelled() => Ok(Ended::Cancelled),
            },
        }
    }

    async fn write_out(&self, mut output: bottle_api::BoxStream<Output>) -> Side {
        let (mut results, mut remarks) = (tokio::io::stdout(), tokio::io::stderr());
        let mut modes = (self.tty && io::stdout().is_terminal()).then(Modes::default);
        while let Some(piece) = output.next().await {
            let written = match piece {
                Err(error) => return Side::Lost(error),
                Ok(Output::Stderr(bytes)) => write(&mut remarks, &bytes).await,
                Ok(Output::Stdout(bytes)) => {
                    if let Some(modes) = &mut modes {
                        modes.feed(&bytes);
                        RawMode::undo_with(modes.undo());
                    }
                    write(&mut results, &bytes).await
                }
            };
            if written.is_err() {
                return Side::Output(written);
            }
        }
        Side::Output(Ok(()))
    }

    async fn read_in(&self, sink: Option<impl AsyncWrite + Unpin>) -> Side {
        let (Some(mut sink), true) = (sink, self.stdin) else {
            return std::future::pending().await;
        };
        if let Ok(mut input) = Input::start() {
            let mut matcher = self.is_raw().then(|| Matcher::new(&self.keys));
            while let Some(bytes) = input.next().await {
                let detach = match &mut matcher {
                    None => {
                        if write(&mut sink, &bytes).await.is_err() {
                            break;
                        }
                        false
                    }
                    Some(matcher) => {
                        let found = matcher.feed(&bytes);
                        if write(&mut sink, &found.forward).await.is_err() {
                            break;
                        }
                        found.detach
                    }
                };
                if detach {
                    return Side::Detach;
                }
            }
        }
        // Half of the conversation: the program sees the end of its input and may still answer.
        let _ = sink.shutdown().await;
        std::future::pending().await
    }

    async fn follow_size(&self, control: &dyn ProcessControl) {
        if !self.tty {
            return std::future::pending().await;
        }
        let size = guard::size().unwrap_or(TermSize { cols: 80, rows: 24 });
        if self.redraw {
            // A program draws again when its size changes, so it is changed.
            let rows = size.rows.saturating_add(1);
            first_size(control, TermSize { rows, ..size }).await;
        }
        first_size(control, size).await;
        let mut changed = signal(SignalKind::window_change()).ok();
        let continued = rustix::process::Signal::CONT.as_raw();
        let mut continued = signal(SignalKind::from_raw(continued)).ok();
        loop {
            tokio::select! {
                () = next(&mut changed) => {}
                () = next(&mut continued) => RawMode::again(),
            }
            if let Some(size) = guard::size() {
                let _ = control.resize(size).await;
            }
        }
    }
}

/// An engine refuses a size until the process really runs, which may be a moment after attaching.
async fn first_size(control: &dyn ProcessControl, size: TermSize) {
    for attempt in 1..=10 {
        if control.resize(size).await.is_ok() {
            return;
        }
        sleep(Duration::from_millis(20 * attempt)).await;
    }
}

async fn next(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

async fn write(sink: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    sink.write_all(bytes).await?;
    sink.flush().await
}
