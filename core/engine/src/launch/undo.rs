//! What is armed before each act.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use bottle_api::{ContainerId, OwnedResource, OwnedSelector, Ownership, ResourceKind};

use super::owned::Owned;
use crate::{
    reap::{self, REMOVAL_LIMIT},
    teardown::Stage,
};

/// What a creating call returned; empty when it failed, or has not come back.
pub(super) type Known = Arc<OnceLock<OwnedResource>>;

impl Owned<'_> {
    /// Arms the removal of a resource that does not exist yet. It is found by what the creating
    /// call returned; without that, by its labels, since a call that fails may have taken
    /// effect. Never by its name, which may be somebody else's.
    pub(super) fn arm_removal(&self, stage: Stage, owner: &Ownership) -> Known {
        let known = Known::default();
        let (backend, owner, armed) = (
            Arc::clone(&self.launcher.backend),
            owner.clone(),
            Arc::clone(&known),
        );
        let label = format!("remove {}", owner.role);
        self.teardown.arm(stage, label, REMOVAL_LIMIT, async move {
            if let Some(resource) = armed.get() {
                backend.remove(resource).await?;
                return Ok(());
            }
            let selector = OwnedSelector {
                instance: Some(owner.instance),
                session: Some(owner.session),
                role: Some(owner.role),
            };
            let removal = reap::remove_all(backend.as_ref(), &selector).await?;
            removal
                .first_failure()
                .map_or(Ok(()), |why| Err(why.into()))
        });
        known
    }

    /// Arms the last look: whatever carries the session's label goes, and what is left is told.
    pub(super) fn arm_rest(&self) {
        let (backend, remains) = (
            Arc::clone(&self.launcher.backend),
            Arc::clone(&self.remains),
        );
        let session = self.plan.session.clone();
        remains.unproven("the engine was not asked");
        let label = "look for anything left".to_owned();
        self.teardown
            .arm(Stage::Rest, label, 2 * REMOVAL_LIMIT, async move {
                let selector = OwnedSelector {
                    session: Some(session),
                    ..OwnedSelector::default()
                };
                remains.clear(backend.as_ref(), &selector).await
            });
    }

    /// Arms asking the agent to end; forgotten when it has ended by itself.
    pub(super) fn arm_stop(&self, id: &ContainerId) {
        let (backend, id) = (Arc::clone(&self.launcher.backend), id.clone());
        let grace = self.plan.agent.stop_grace;
        let limit = grace + Duration::from_secs(10);
        self.teardown
            .arm(Stage::Agent, "stop agent".to_owned(), limit, async move {
                Ok(backend.stop(&id, grace).await?)
            });
    }
}

/// Notes what a creating call returned.
pub(super) fn know(known: &Known, kind: ResourceKind, id: &str, name: &str, owner: &Ownership) {
    let resource = OwnedResource {
        kind,
        id: id.to_owned(),
        name: name.to_owned(),
        owner: owner.clone(),
        running: false,
    };
    // Set once: every creation is armed by itself.
    let _ = known.set(resource);
}
