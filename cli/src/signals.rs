//! What the outside tells this process, as one stream that tests can inject.

use std::io;

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};
use tokio_util::sync::CancellationToken;

use crate::output::Code;

/// A request to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Ctrl-C, as long as the terminal is not the agent's.
    Interrupt,
    /// Ctrl-\, likewise.
    Quit,
    /// `kill`, or a machine going down.
    Terminate,
    /// The terminal is gone.
    Hangup,
}

impl Signal {
    const ALL: [Self; 4] = [Self::Interrupt, Self::Quit, Self::Terminate, Self::Hangup];

    fn raw(self) -> rustix::process::Signal {
        use rustix::process::Signal as Raw;
        match self {
            Self::Interrupt => Raw::INT,
            Self::Quit => Raw::QUIT,
            Self::Terminate => Raw::TERM,
            Self::Hangup => Raw::HUP,
        }
    }

    /// The exit code it stands for, as shells count: 128 and its number.
    pub(crate) fn code(self) -> Code {
        Code(128_u8.saturating_add(u8::try_from(self.raw().as_raw()).unwrap_or(0)))
    }
}

/// The stream.
#[derive(Debug)]
pub(crate) struct Signals(mpsc::UnboundedReceiver<Signal>);

impl Signals {
    /// Signals of the operating system. One that was ignored when we were started (`nohup`)
    /// stays ignored.
    pub(crate) fn install() -> io::Result<Self> {
        let (send, receive) = mpsc::unbounded_channel();
        let ignored =
            ignored_mask(&std::fs::read_to_string("/proc/self/status").unwrap_or_default());
        for kind in Signal::ALL {
            let number = kind.raw().as_raw();
            if ignored & (1 << (number - 1)) != 0 {
                continue;
            }
            let mut stream = signal(SignalKind::from_raw(number))?;
            let send = send.clone();
            tokio::spawn(async move {
                while stream.recv().await.is_some() && send.send(kind).is_ok() {}
            });
        }
        Ok(Self(receive))
    }

    /// Signals of a test.
    #[cfg(test)]
    pub(crate) fn injected() -> (mpsc::UnboundedSender<Signal>, Self) {
        let (send, receive) = mpsc::unbounded_channel();
        (send, Self(receive))
    }

    /// The next one.
    pub(crate) async fn next(&mut self) -> Signal {
        match self.0.recv().await {
            Some(signal) => signal,
            None => std::future::pending().await,
        }
    }
}

/// The signals this process ignores, a bit each.
fn ignored_mask(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

/// How supervised work ended.
#[derive(Debug)]
pub(crate) enum Supervised<T> {
    /// To its end, perhaps an early one: the first signal that asked for that.
    Done(T, Option<Signal>),
    /// The second signal: leave at once.
    Left(Signal),
}

/// Runs `work` to its end. The first signal cancels `cancel`, upon which the work is expected to
/// undo what it did; the second gives up on it.
pub(crate) async fn supervise<T>(
    signals: &mut Signals,
    cancel: &CancellationToken,
    on_first: impl FnOnce(Signal),
    work: impl Future<Output = T>,
) -> Supervised<T> {
    let mut work = std::pin::pin!(work);
    let first = tokio::select! {
        biased;
        result = &mut work => return Supervised::Done(result, None),
        first = signals.next() => first,
    };
    on_first(first);
    cancel.cancel();
    tokio::select! {
        biased;
        result = &mut work => Supervised::Done(result, Some(first)),
        second = signals.next() => Supervised::Left(second),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_shells() {
        let codes = Signal::ALL.map(|signal| signal.code().0);
        assert_eq!(codes, [130, 131, 143, 129]);
    }

    #[test]
    fn reads_what_is_ignored() {
        assert_eq!(ignored_mask("Name:\tx\nSigIgn:\t0000000000000001\n"), 1);
        assert_eq!(ignored_mask(""), 0);
    }

    #[tokio::test]
    async fn without_a_signal_the_work_ends() {
        let (_send, mut signals) = Signals::injected();
        let cancel = CancellationToken::new();
        let done = supervise(&mut signals, &cancel, |_| {}, async { 7 }).await;
        assert!(matches!(done, Supervised::Done(7, None)));
        assert!(!cancel.is_cancelled());
    }

    #[tokio::test]
    async fn the_first_signal_cancels_and_waits() {
        for kind in Signal::ALL {
            let (send, mut signals) = Signals::injected();
            let cancel = CancellationToken::new();
            send.send(kind).unwrap();
            let mut seen = None;
            let work = async { cancel.cancelled().await };
            let done = supervise(&mut signals, &cancel, |signal| seen = Some(signal), work).await;
            assert!(matches!(done, Supervised::Done((), Some(signal)) if signal == kind));
            assert_eq!(seen, Some(kind));
        }
    }

    #[tokio::test]
    async fn the_second_signal_leaves() {
        let (send, mut signals) = Signals::injected();
        let cancel = CancellationToken::new();
        send.send(Signal::Terminate).unwrap();
        send.send(Signal::Interrupt).unwrap();
        let hanging = std::future::pending::<()>();
        let left = supervise(&mut signals, &cancel, |_| {}, hanging).await;
        assert!(matches!(left, Supervised::Left(Signal::Interrupt)));
        assert!(cancel.is_cancelled());
    }
}
