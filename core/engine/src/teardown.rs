//! The undo stack: armed before each act, unwound stage by stage, never failing, never silent.

use std::{error::Error as StdError, fmt, future::Future, pin::Pin, sync::Mutex, time::Duration};

use bottle_api::{Event, EventSink, OwnedResource};
use futures_util::{FutureExt as _, future::join_all};

pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;
type Undo = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;

/// What is undone together. Stages run in this order; the steps of one run side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// The agent is asked to end.
    Agent,
    /// Containers go, with their volumes.
    Containers,
    /// Networks go, which nobody is attached to any more.
    Networks,
    /// Whatever else carries the session's label goes, and the engine is asked what is left.
    Rest,
    /// Steps on the host are undone, the last one first.
    Host,
}
impl Stage {
    const ALL: [Self; 5] = [
        Self::Agent,
        Self::Containers,
        Self::Networks,
        Self::Rest,
        Self::Host,
    ];
}

struct Step {
    stage: Stage,
    label: String,
    limit: Duration,
    undo: Undo,
}

/// Clean-up steps, each run exactly once.
///
/// Arm a step *before* the act it undoes. A step must therefore succeed when there is nothing
/// to undo.
#[derive(Default)]
pub(crate) struct Teardown {
    steps: Mutex<Vec<Step>>,
}

/// A clean-up step that was run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepOutcome {
    /// What was undone: `remove link-0`.
    pub label: String,
    /// Why it failed, if it did.
    pub error: Option<String>,
}

/// What a teardown did, and what it could not.
#[derive(Clone, Debug, Default)]
#[must_use]
#[non_exhaustive]
pub struct TeardownReport {
    /// Every step, in the order they were begun.
    pub steps: Vec<StepOutcome>,
    /// What the engine still showed of this session at the end.
    pub left: Vec<OwnedResource>,
    /// Why it is not known what is left, when it is not.
    pub unproven: Option<String>,
}

impl TeardownReport {
    /// The engine was asked and shows nothing of this session any more. Steps may have failed
    /// on the way and been made good.
    pub fn is_clean(&self) -> bool {
        self.left.is_empty() && self.unproven.is_none()
    }
    /// Steps that failed.
    pub fn failures(&self) -> impl Iterator<Item = &StepOutcome> {
        self.steps.iter().filter(|step| step.error.is_some())
    }
}

impl Teardown {
    /// Arms a step.
    pub(crate) fn arm<F>(&self, stage: Stage, label: String, limit: Duration, undo: F)
    where
        F: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        self.lock().push(Step {
            stage,
            label,
            limit,
            undo: Box::pin(undo),
        });
    }

    /// Forgets the steps of a stage: there is nothing left to undo.
    pub(crate) fn forget(&self, stage: Stage) {
        self.lock().retain(|step| step.stage != stage);
    }

    /// Forgets all steps: somebody else has taken over the duty.
    pub(crate) fn disarm(&self) {
        self.lock().clear();
    }

    /// Runs every step. Never fails and never panics: what went wrong is in the report.
    pub(crate) async fn unwind(&self, events: &EventSink) -> Vec<StepOutcome> {
        let mut steps = std::mem::take(&mut *self.lock());
        let mut outcomes = Vec::new();
        for stage in Stage::ALL {
            let (now, later): (Vec<_>, Vec<_>) =
                steps.into_iter().partition(|step| step.stage == stage);
            steps = later;
            let newest_first = now.into_iter().rev();
            if stage == Stage::Host {
                for step in newest_first {
                    outcomes.push(step.run(events).await);
                }
            } else {
                outcomes.extend(join_all(newest_first.map(|step| step.run(events))).await);
            }
        }
        outcomes
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Step>> {
        // A panic while the list was held left it whole: pushing and taking are single acts.
        self.steps
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Step {
    async fn run(self, events: &EventSink) -> StepOutcome {
        let Self {
            label, limit, undo, ..
        } = self;
        let guarded = std::panic::AssertUnwindSafe(undo).catch_unwind();
        let error = match tokio::time::timeout(limit, guarded).await {
            Ok(Ok(Ok(()))) => None,
            Ok(Ok(Err(error))) => Some(error.to_string()),
            Ok(Err(panic)) => Some(format!("internal error: {}", panic_text(&*panic))),
            Err(_) => Some(format!("no end after {} s", limit.as_secs())),
        };
        if error.is_some() {
            // What it says is in the event, which is kept free of secrets.
            tracing::debug!(%label, "a clean-up step failed");
        }
        events.emit(Event::TeardownStep {
            label: label.clone(),
            error: error.clone(),
        });
        StepOutcome { label, error }
    }
}

impl fmt::Debug for Teardown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.lock().iter().map(|step| &step.label))
            .finish()
    }
}

/// What a panic said.
pub(crate) fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panic".to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn stages_keep_their_order_past_errors_panics_and_hangs() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let note = |text: &'static str| {
            let seen = Arc::clone(&seen);
            async move {
                seen.lock().unwrap().push(text);
                Ok(())
            }
        };
        let teardown = Teardown::default();
        let second = Duration::from_secs(5);
        teardown.arm(Stage::Host, "host 1".into(), second, note("host 1"));
        teardown.arm(Stage::Host, "host 2".into(), second, note("host 2"));
        teardown.arm(Stage::Networks, "network".into(), second, note("network"));
        teardown.arm(Stage::Containers, "error".into(), second, async {
            Err("no".into())
        });
        teardown.arm(Stage::Containers, "panic".into(), second, async {
            panic!("boom")
        });
        teardown.arm(
            Stage::Containers,
            "hang".into(),
            second,
            std::future::pending(),
        );
        teardown.arm(Stage::Containers, "one".into(), second, note("one"));
        teardown.arm(Stage::Agent, "agent".into(), second, note("agent"));
        let outcomes = teardown.unwind(&EventSink::discard()).await;
        assert_eq!(
            *seen.lock().unwrap(),
            ["agent", "one", "network", "host 2", "host 1"]
        );
        let failed: Vec<_> = outcomes.iter().filter_map(|o| o.error.as_deref()).collect();
        assert_eq!(failed, ["no end after 5 s", "internal error: boom", "no"]);
        assert!(teardown.unwind(&EventSink::discard()).await.is_empty());
    }
}
