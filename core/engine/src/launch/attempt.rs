//! One attempt to do something with an engine: what may be dropped, what must end, and the
//! first thing that went wrong.

use std::{
    future::Future,
    panic::AssertUnwindSafe,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use bottle_api::{BackendError, BackendErrorKind, Phase};
use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;

use super::LaunchError;
use crate::{secrets::Scrubber, teardown::panic_text};

/// Backends have limits of their own; this one catches those that forget.
pub(crate) const CALL_LIMIT: Duration = Duration::from_mins(2);
/// So long a call that changes the engine may go on after a cancellation.
const LAST_WORDS: Duration = Duration::from_secs(15);

/// Something failed; [`Attempt`] knows what came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failed;

/// The result of a step of an attempt.
pub(crate) type Step<T> = Result<T, Failed>;

/// Cancellation is seen in two ways only: [`droppable`](Self::droppable) gives up at once, for
/// waiting; [`commit`](Self::commit) lets a call that changes the engine finish within a limit,
/// so that clean-up sees its effect. The first failure cancels everything that runs beside it.
#[derive(Debug)]
pub(crate) struct Attempt {
    stop: CancellationToken,
    first: Mutex<Option<LaunchError>>,
    scrubber: OnceLock<Scrubber>,
}

impl Attempt {
    /// An attempt that ends when `user` is cancelled.
    pub(crate) fn new(user: &CancellationToken) -> Self {
        Self {
            stop: user.child_token(),
            first: Mutex::new(None),
            scrubber: OnceLock::new(),
        }
    }

    /// From now on these secrets are kept out of errors.
    pub(crate) fn hide(&self, scrubber: Scrubber) {
        // Set once, right after the secrets were resolved.
        let _ = self.scrubber.set(scrubber);
    }
    /// Keeps secrets out of a text.
    pub(crate) fn scrub(&self, text: &str) -> String {
        self.scrubber
            .get()
            .map_or_else(|| text.to_owned(), |scrubber| scrubber.text(text))
    }

    /// Notes a failure; the first one counts.
    pub(crate) fn fail(&self, error: LaunchError) -> Failed {
        let error = self.clean(error);
        tracing::debug!(%error, "a step failed");
        self.lock().get_or_insert(error);
        self.stop.cancel();
        Failed
    }
    /// The first failure.
    pub(crate) fn take_failure(&self) -> LaunchError {
        self.lock().take().unwrap_or(LaunchError::Cancelled)
    }

    /// Fails when the attempt has been cancelled.
    pub(crate) fn check(&self) -> Step<()> {
        if self.stop.is_cancelled() {
            return Err(self.fail(LaunchError::Cancelled));
        }
        Ok(())
    }

    /// Waits for a call that may be given up at any time.
    pub(crate) async fn droppable<T>(
        &self,
        phase: Phase,
        call: impl Future<Output = Result<T, BackendError>>,
    ) -> Step<T> {
        let source = match self.within(CALL_LIMIT, call).await? {
            Ok(value) => return Ok(value),
            Err(source) => source,
        };
        Err(self.fail(LaunchError::Backend { phase, source }))
    }

    /// As [`droppable`](Self::droppable), with another limit, for callers that react to the kind
    /// of an error.
    pub(crate) async fn within<T>(
        &self,
        limit: Duration,
        call: impl Future<Output = Result<T, BackendError>>,
    ) -> Step<Result<T, BackendError>> {
        let done = self.wait(tokio::time::timeout(limit, call)).await?;
        Ok(done.unwrap_or_else(|_| Err(no_answer())))
    }

    /// Waits for anything that may be given up at any time.
    pub(crate) async fn wait<T>(&self, act: impl Future<Output = T>) -> Step<T> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(self.fail(LaunchError::Cancelled)),
            done = AssertUnwindSafe(act).catch_unwind() => {
                done.map_err(|panic| self.fail(LaunchError::Panicked(panic_text(&*panic))))
            }
        }
    }

    /// Lets a call that changes the engine finish.
    pub(crate) async fn commit<T>(
        &self,
        phase: Phase,
        call: impl Future<Output = Result<T, BackendError>>,
    ) -> Step<T> {
        let source = match self.commit_raw(call).await? {
            Ok(value) => return Ok(value),
            Err(source) => source,
        };
        Err(self.fail(LaunchError::Backend { phase, source }))
    }

    /// As [`commit`](Self::commit), for callers that react to the kind of an error.
    pub(crate) async fn commit_raw<T>(
        &self,
        call: impl Future<Output = Result<T, BackendError>>,
    ) -> Step<Result<T, BackendError>> {
        self.check()?;
        let overdue = async {
            tokio::select! {
                () = tokio::time::sleep(CALL_LIMIT) => {}
                () = async {
                    self.stop.cancelled().await;
                    tokio::time::sleep(LAST_WORDS).await;
                } => {}
            }
        };
        tokio::select! {
            biased;
            done = AssertUnwindSafe(call).catch_unwind() => {
                done.map_err(|panic| self.fail(LaunchError::Panicked(panic_text(&*panic))))
            }
            () = overdue => Ok(Err(no_answer())),
        }
    }

    fn clean(&self, error: LaunchError) -> LaunchError {
        let Some(scrubber) = self.scrubber.get() else {
            return error;
        };
        let text = |text: String| scrubber.text(&text);
        match error {
            LaunchError::Backend { phase, source } => LaunchError::Backend {
                phase,
                source: scrubber.backend_error(source),
            },
            LaunchError::AddressesExhausted {
                role,
                tried,
                source,
            } => LaunchError::AddressesExhausted {
                role,
                tried,
                source: Box::new(scrubber.backend_error(*source)),
            },
            LaunchError::ImageMissing {
                role,
                config_key,
                source,
            } => LaunchError::ImageMissing {
                role,
                config_key,
                source: Box::new(scrubber.backend_error(*source)),
            },
            LaunchError::NotReady { role, reason, logs } => LaunchError::NotReady {
                role,
                reason: text(reason),
                logs: logs.into_iter().map(text).collect(),
            },
            LaunchError::HostStep { label, why } => LaunchError::HostStep {
                label,
                why: text(why),
            },
            LaunchError::Provision { name, source } => LaunchError::Provision {
                name,
                source: Box::new(scrubber.plugin_error(*source)),
            },
            LaunchError::Panicked(what) => LaunchError::Panicked(text(what)),
            other => other,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<LaunchError>> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for something whose failure must not hide, or end, what goes on: `None` when it
/// panicked or took too long.
pub(crate) async fn quietly<T>(limit: Duration, act: impl Future<Output = T>) -> Option<T> {
    let guarded = AssertUnwindSafe(act).catch_unwind();
    tokio::time::timeout(limit, guarded).await.ok()?.ok()
}

fn no_answer() -> BackendError {
    BackendError::new(
        BackendErrorKind::Timeout,
        "call",
        "the engine does not answer",
    )
    .with_hint("look after the engine; `bottle doctor` tells whether it is well")
}
