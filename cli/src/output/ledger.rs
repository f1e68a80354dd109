//! What a session made and has not yet removed, as far as its events told.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bottle_api::{Event, LaunchPlan, SessionId};

/// Kept for the one moment in which nobody can be asked any more: the second Ctrl-C.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    session: Option<SessionId>,
    networks: Vec<String>,
    networks_made: bool,
    containers: BTreeMap<String, String>,
    over: bool,
}

impl Ledger {
    /// The shared one; a panic elsewhere has not made it wrong.
    pub(crate) fn of(shared: &Mutex<Self>) -> MutexGuard<'_, Self> {
        shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Knows the names the plan will give.
    pub(crate) fn plan(&mut self, plan: &LaunchPlan) {
        self.session = Some(plan.session.clone());
        self.networks = plan.networks.iter().map(|net| net.name.clone()).collect();
    }
    /// Follows what happens.
    pub(crate) fn note(&mut self, event: &Event) {
        match event {
            Event::Started { session } => self.session = Some(session.clone()),
            Event::PhaseStarted {
                phase: bottle_api::Phase::Networks,
            } => self.networks_made = true,
            Event::Created { role, name, .. } => {
                self.containers.insert(role.to_string(), name.clone());
            }
            Event::Finished { .. } => self.over = true,
            _ => {}
        }
    }
    /// Somebody else looks after it now.
    pub(crate) fn handed_over(&mut self) {
        self.over = true;
    }
    /// What may be left. Nothing when the session is over or never made anything.
    pub(crate) fn left(&self) -> Vec<String> {
        if self.over {
            return vec![];
        }
        let networks = self.networks.iter().filter(|_| self.networks_made);
        self.containers
            .values()
            .map(|name| format!("container `{name}`"))
            .chain(networks.map(|name| format!("network `{name}`")))
            .collect()
    }
    /// The session, once it is known.
    pub(crate) fn session(&self) -> Option<&SessionId> {
        self.session.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use bottle_api::{ContainerId, Phase, Role};

    use super::*;

    #[test]
    fn lists_what_was_made_until_it_is_over() {
        let mut ledger = Ledger {
            networks: vec!["bottle-x-link-0".into()],
            ..Ledger::default()
        };
        assert!(ledger.left().is_empty());
        ledger.note(&Event::PhaseStarted {
            phase: Phase::Networks,
        });
        ledger.note(&Event::Created {
            role: Role::agent(),
            id: ContainerId::new("1"),
            name: "bottle-x".into(),
        });
        assert_eq!(
            ledger.left(),
            ["container `bottle-x`", "network `bottle-x-link-0`"]
        );
        ledger.note(&Event::Finished {
            session: SessionId::new("s"),
        });
        assert!(ledger.left().is_empty());
    }
}
