//! Two ends of a conversation, joined.

use std::{
    io::{self, IsTerminal},
    sync::atomic::{AtomicBool, Ordering},
};

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

/// How often a silent program is asked to draw its screen.
const REDRAWS: u32 = 6;
const APART: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_millis(400);

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
        let written = AtomicBool::new(false);
        let side = tokio::select! {
            side = self.write_out(output, &written) => side,
            // Never ends by itself but by the detach keys.
            side = self.read_in(stdin) => side,
            () = self.follow_size(&*control, &written) => unreachable!("resizing has no end"),
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

    async fn write_out(&self, mut output: bottle_api::BoxStream<Output>, any: &AtomicBool) -> Side {
        let (mut results, mut remarks) = (tokio::io::stdout(), tokio::io::stderr());
        let mut modes = (self.tty && io::stdout().is_terminal()).then(Modes::default);
        while let Some(piece) = output.next().await {
            any.store(true, Ordering::Relaxed);
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

    async fn follow_size(&self, control: &dyn ProcessControl, written: &AtomicBool) {
        if !self.tty {
            return std::future::pending().await;
        }
        if self.redraw {
            draw_again(control, written).await;
        } else {
            first_size(control, our_size()).await;
        }
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

fn our_size() -> TermSize {
    guard::size().unwrap_or(TermSize { cols: 80, rows: 24 })
}

/// A program draws its screen again when its size changes, so it is changed and changed back.
/// An engine says that we are attached a moment before we are: what was drawn in between is
/// lost, and is asked for again.
async fn draw_again(control: &dyn ProcessControl, written: &AtomicBool) {
    for _ in 0..REDRAWS {
        let size = our_size();
        let rows = size.rows.saturating_add(1);
        first_size(control, TermSize { rows, ..size }).await;
        // Apart, so that the program sees two sizes and not the last one twice.
        sleep(APART).await;
        first_size(control, size).await;
        sleep(PATIENCE).await;
        if written.load(Ordering::Relaxed) {
            return;
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
