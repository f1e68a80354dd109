//! How one call fails, and what must be true afterwards.

use std::{fmt, time::Duration};

use bottle_backend_memory::{Call, Fault};
use bottle_engine::{LaunchError, Outcome, Session};

use super::{EngineMatrix, Part};
use crate::{
    Checked, Faulty, Miss,
    stage::Stage,
    verdict::{chain, ensure, same},
};

/// What fails when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// A call of a launch fails.
    Launch,
    /// The launch is cancelled by its token in a call.
    Cancel,
    /// The launch's future is dropped in a call.
    Drop,
    /// A call of a teardown fails.
    Teardown,
    /// The agent does not start, and then a call of the clean-up fails too.
    Both,
}

/// One cell of the matrix.
#[derive(Clone, Debug)]
pub struct Cell {
    /// What fails when.
    pub trouble: Trouble,
    /// The plugins of the launch.
    pub parts: &'static [Part],
    /// The call.
    pub call: Call,
    /// How it fails.
    pub fault: Fault,
}
impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trouble = match self.trouble {
            Trouble::Launch => "a launch",
            Trouble::Cancel => "a launch, cancelled",
            Trouble::Drop => "a launch, dropped",
            Trouble::Teardown => "a teardown",
            Trouble::Both => "a teardown after a failed launch",
        };
        let (call, fault, parts) = (&self.call, self.fault, self.parts);
        write!(f, "{trouble}::{call}, {fault:?}, with {parts:?}")
    }
}

/// The call whose failure begins [`Trouble::Both`].
pub(super) fn no_start() -> Call {
    Call::first("start agent")
}

/// Reading logs and sweeping debris are not worth a session.
fn is_tolerated(call: &Call) -> bool {
    call.what.starts_with("logs ") || call.what.starts_with("list_owned ")
}

fn reported(outcome: &Outcome, call: &Call, fault: Fault) -> Checked {
    let Err(error) = &outcome.result else {
        return Err(Miss::broken(format!("no failure is reported: {outcome:?}")));
    };
    let text = chain(error);
    let names_it = match (fault, error) {
        (Fault::Hang, LaunchError::NotReady { .. } | LaunchError::Provision { .. }) => {
            let by_plugin = ["exec ", "get_archive ", "put_archive "];
            by_plugin.iter().any(|verb| call.what.starts_with(verb))
        }
        (Fault::Hang, _) => {
            let waited = ["does not answer", "did not end within"];
            waited.iter().any(|why| text.contains(why))
        }
        (Fault::Panic, LaunchError::Panicked(what)) => what.contains(&call.what),
        (_, LaunchError::Panicked(_)) => false,
        _ => text.contains(&format!("`{}`", call.what)),
    };
    ensure!(
        names_it,
        "it is not the injected failure that is reported: {text}"
    );
    Ok(())
}

/// The injected failure is in the report; it may have led to others.
fn listed(outcome: &Outcome, call: &Call) -> Checked {
    let found = outcome.teardown.failures().any(|step| {
        let why = step.error.as_deref().unwrap_or_default();
        why.contains(&call.what) || why.contains("no end after") || why.contains("not answer")
    });
    ensure!(found, "the failure is not in the report: {outcome:?}");
    Ok(())
}

fn ended_well(outcome: &Outcome) -> Checked {
    ensure!(
        matches!(outcome.result, Ok(None)),
        "not ended as it was told to: {outcome:?}"
    );
    Ok(())
}
fn clean(outcome: &Outcome) -> Checked {
    ensure!(
        outcome.teardown.is_clean(),
        "something is left: {outcome:?}"
    );
    Ok(())
}

impl EngineMatrix {
    /// The calls of a launch that succeeds, and those of its teardown.
    pub(super) async fn calls(&self, parts: &'static [Part]) -> Checked<(Vec<Call>, Vec<Call>)> {
        let stage = self.stage(parts, |backend| backend).await?;
        let session = stage.launch().await?;
        self.settle().await;
        let launch = stage.backend.calls();
        let _ = session.shutdown().await;
        stage.nothing_left().await?;
        let teardown = stage.backend.calls().split_off(launch.len());
        ensure!(
            launch.len() > 5 && teardown.len() > 1,
            "too few calls: {launch:?} {teardown:?}"
        );
        Ok((launch, teardown))
    }
    /// The calls of the clean-up after an agent that did not start.
    pub(super) async fn calls_after_no_start(&self, parts: &'static [Part]) -> Checked<Vec<Call>> {
        let stage = self
            .stage(parts, |backend| backend.fault(no_start(), Fault::Error))
            .await?;
        if let Ok(session) = stage.try_launch().await? {
            let _ = session.shutdown().await;
            return Err(Miss::broken("it starts in spite of the fault"));
        }
        stage.nothing_left().await?;
        let mut all = stage.backend.calls();
        let at = all.iter().position(|call| *call == no_start());
        Ok(at.map_or_else(Vec::new, |at| all.split_off(at + 1)))
    }

    /// Tries one cell.
    pub async fn try_cell(&self, cell: &Cell) -> Checked {
        let faulty = |backend: Faulty| match cell.trouble {
            Trouble::Both => backend
                .fault(no_start(), Fault::Error)
                .fault(cell.call.clone(), cell.fault),
            _ => backend.fault(cell.call.clone(), cell.fault),
        };
        let stage = self.stage(cell.parts, faulty).await?;
        let found = match cell.trouble {
            Trouble::Launch => self.launch_fails(&stage, cell).await,
            Trouble::Cancel | Trouble::Drop => self.cancelled(&stage, cell).await,
            Trouble::Teardown => self.teardown_fails(&stage, cell).await,
            Trouble::Both => both_fail(&stage, cell).await,
        };
        if matches!(cell.fault, Fault::Late(_)) {
            // Longer than the slowest call.
            tokio::time::sleep(self.slow * 3 + Duration::from_secs(1)).await;
        }
        let left = stage.nothing_left().await;
        found.and(left)
    }

    /// Lets what runs in the background come to rest.
    async fn settle(&self) {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }

    async fn launch_fails(&self, stage: &Stage, cell: &Cell) -> Checked {
        // A broken connection is taken up again; waiting long is what a session does.
        let waits = cell.call.what == "wait agent";
        let goes_on = is_tolerated(&cell.call)
            || (waits && matches!(cell.fault, Fault::ErrorAfterEffect | Fault::Hang));
        let outcome = match stage.try_launch().await? {
            Err(outcome) => outcome,
            Ok(session) if waits && !goes_on => session.wait().await,
            Ok(session) => {
                self.settle().await;
                session.shutdown().await
            }
        };
        if goes_on {
            ended_well(&outcome)?;
        } else {
            reported(&outcome, &cell.call, cell.fault)?;
        }
        clean(&outcome)?;
        // Each step finds its own: the last look had nothing to make good.
        same!(
            outcome.teardown.failures().count(),
            0,
            "failed steps of the teardown ({outcome:?})"
        );
        Ok(())
    }

    /// The engine takes its time; the user takes none.
    async fn cancelled(&self, stage: &Stage, cell: &Cell) -> Checked {
        let (plan, parts) = (stage.plan()?, stage.launch_parts()?);
        let stop = parts.stop.clone();
        let mut launching = Box::pin(stage.launcher.launch(plan, parts));
        let early = tokio::select! {
            biased;
            () = stage.backend.fault_met() => None,
            up = &mut launching => Some(up),
        };
        match early {
            None if cell.trouble == Trouble::Drop => drop(launching),
            None => {
                stop.cancel();
                is_cancelled(launching.await, &cell.call).await?;
            }
            Some(Ok(session)) => {
                stage.backend.fault_met().await;
                drop(session);
            }
            Some(Err(outcome)) => {
                return Err(Miss::broken(format!("it fails by itself: {outcome:?}")));
            }
        }
        Ok(())
    }

    async fn teardown_fails(&self, stage: &Stage, cell: &Cell) -> Checked {
        let session = stage.launch().await?;
        self.settle().await;
        let outcome = session.shutdown().await;
        ended_well(&outcome)?;
        listed(&outcome, &cell.call)?;
        clean(&outcome)
    }
}

async fn is_cancelled(launched: Result<Session, Outcome>, call: &Call) -> Checked {
    match launched {
        Err(outcome) => {
            let cancelled = matches!(outcome.result, Err(LaunchError::Cancelled));
            ensure!(cancelled, "not cancelled: {outcome:?}");
            Ok(())
        }
        // It was up by the time the user gave up.
        Ok(session) => {
            let late = is_tolerated(call) || call.what == "wait agent";
            ensure!(late, "it came up in spite of being cancelled");
            ended_well(&session.wait().await)
        }
    }
}

/// A failing teardown never hides why the launch failed.
async fn both_fail(stage: &Stage, cell: &Cell) -> Checked {
    match stage.try_launch().await? {
        Ok(session) => {
            let _ = session.shutdown().await;
            Err(Miss::broken("it starts in spite of the fault"))
        }
        Err(outcome) => {
            reported(&outcome, &no_start(), Fault::Error)?;
            listed(&outcome, &cell.call)
        }
    }
}
