//! A session that this process owns: what it was made from, and what must be undone.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bottle_api::{EventSink, LaunchPlan, OpContext, SecretString};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Launcher, attempt::Attempt, follow::Followers, journal::Journal, phases::Phases};
use crate::{
    Lease, SessionMeta,
    reap::Remains,
    secrets::{Hidden, Scrubber},
    teardown::Teardown,
};

/// A session that this process owns.
#[derive(Debug)]
pub(super) struct Owned<'a> {
    pub(super) launcher: &'a Launcher,
    pub(super) plan: &'a LaunchPlan,
    pub(super) lease: &'a Lease,
    /// Ends the session.
    pub(super) stop: CancellationToken,
    pub(super) attempt: Attempt,
    pub(super) teardown: Teardown,
    pub(super) remains: Arc<Remains>,
    pub(super) followers: Followers,
    pub(super) phases: Phases,
    pub(super) events: EventSink,
    pub(super) since: Instant,
    meta: Mutex<SessionMeta>,
    scrubber: Arc<OnceLock<Scrubber>>,
}

impl<'a> Owned<'a> {
    pub(super) fn new(
        launcher: &'a Launcher,
        plan: &'a LaunchPlan,
        lease: &'a Lease,
        journal: &Journal,
        meta: SessionMeta,
        stop: &CancellationToken,
    ) -> Self {
        Self {
            launcher,
            plan,
            lease,
            stop: stop.clone(),
            attempt: Attempt::new(stop),
            teardown: Teardown::default(),
            remains: Arc::default(),
            followers: Followers::new(&launcher.tasks),
            phases: Phases::new(journal.events.clone()),
            events: journal.events.clone(),
            since: Instant::now(),
            meta: Mutex::new(meta),
            scrubber: Arc::clone(&journal.scrubber),
        }
    }

    /// From now on these values are kept out of errors, events and logs.
    pub(super) fn hide<'v>(&self, values: impl IntoIterator<Item = &'v SecretString>) {
        let scrubber = Scrubber::new(values);
        self.attempt.hide(scrubber.clone());
        // Set once, as soon as the secrets are known.
        let _ = self.scrubber.set(scrubber);
    }
    /// What is kept out, for the next owner.
    pub(super) fn hidden(&self) -> Hidden {
        self.scrubber
            .get()
            .map(Scrubber::hidden)
            .unwrap_or_default()
    }
    pub(super) fn cx(&self) -> OpContext {
        OpContext::new(self.events.clone())
    }
    pub(super) fn meta(&self) -> MutexGuard<'_, SessionMeta> {
        self.meta.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
