//! Phases as events. Phases overlap, and each may be worked on at several places at once.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bottle_api::{Event, EventSink, Phase};
use tokio::time::Instant;

/// Tells when each phase begins and ends.
#[derive(Debug)]
pub(crate) struct Phases {
    events: EventSink,
    open: Mutex<BTreeMap<Phase, (usize, Instant)>>,
}

/// Work on a phase; ends when dropped.
#[must_use]
pub(crate) struct Working<'a> {
    phases: &'a Phases,
    phase: Phase,
}

impl Phases {
    pub(crate) fn new(events: EventSink) -> Self {
        Self {
            events,
            open: Mutex::default(),
        }
    }

    /// Begins work on a phase.
    pub(crate) fn enter(&self, phase: Phase) -> Working<'_> {
        let mut open = self.lock();
        let entry = open.entry(phase).or_insert_with(|| {
            self.events.emit(Event::PhaseStarted { phase });
            (0, Instant::now())
        });
        entry.0 += 1;
        Working {
            phases: self,
            phase,
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Phase, (usize, Instant)>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        let mut open = self.phases.lock();
        let Some((count, since)) = open.get_mut(&self.phase) else {
            return;
        };
        *count -= 1;
        if *count == 0 {
            let ms = millis(*since);
            open.remove(&self.phase);
            self.phases.events.emit(Event::PhaseFinished {
                phase: self.phase,
                ms,
            });
        }
    }
}

/// Milliseconds since then.
pub(crate) fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
