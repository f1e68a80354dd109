//! The task that owns a session from its first step to its last.

use std::panic::AssertUnwindSafe;

use bottle_api::{ContainerId, Event, LaunchPlan, Phase, Process, Stdio};
use futures_util::FutureExt as _;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::{
    LaunchError, Launcher, Parts,
    attempt::Step,
    journal::Journal,
    owned::Owned,
    phases::millis,
    run::{Run, Up},
    watch::End,
};
use crate::{
    Handover, Hidden, Lease, Outcome, SessionMeta, StepOutcome, TeardownReport, session::Ended,
    store::archive, teardown::panic_text,
};

/// What the caller of a launch is told once the agent runs.
pub(super) struct Ready {
    pub(super) name: String,
    pub(super) agent: ContainerId,
    pub(super) stdio: Stdio,
    pub(super) process: Option<Process>,
}

/// The wires between an owning task and whoever started it.
pub(super) struct Wires {
    pub(super) ready: oneshot::Sender<Ready>,
    pub(super) detach: oneshot::Receiver<()>,
    pub(super) stop: CancellationToken,
}

/// Launches, watches, takes down.
pub(super) async fn launch(
    launcher: Launcher,
    plan: LaunchPlan,
    parts: Parts,
    wires: Wires,
) -> Ended {
    let begun = launcher.store.begin(&plan.session).and_then(|lease| {
        let journal = Journal::start(&lease, launcher.events.clone(), &launcher.tasks)?;
        Ok((lease, journal))
    });
    let (lease, journal) = match begun {
        Ok(begun) => begun,
        Err(error) => return nothing_begun(&plan, error.into()),
    };
    let meta = meta(&plan, &parts);
    let owned = Owned::new(&launcher, &plan, &lease, &journal, meta, &wires.stop);
    owned.events.emit(Event::Started {
        session: plan.session.clone(),
    });
    let run = Run::new(owned, &parts);
    let living = AssertUnwindSafe(live(&run, wires.ready, wires.detach));
    let end = living.catch_unwind().await;
    let closing = close(run.into_owned(), end).await;
    journal.finish().await;
    settle(closing, lease, &launcher, &plan)
}

async fn live(
    run: &Run<'_>,
    ready: oneshot::Sender<Ready>,
    detach: oneshot::Receiver<()>,
) -> Step<End> {
    let Up {
        agent,
        hops,
        process,
    } = run.bring_up().await?;
    // Nobody waiting means that the stop token is cancelled.
    let _ = ready.send(Ready {
        name: agent.name.clone(),
        agent: agent.id.clone(),
        stdio: run.plan.agent.stdio,
        process,
    });
    run.watch(&agent.id, &hops, detach).await
}

fn meta(plan: &LaunchPlan, parts: &Parts) -> SessionMeta {
    let mut meta = SessionMeta::new(plan.session.clone(), plan.backend.clone());
    meta.agent.clone_from(&parts.spec.agent.name);
    meta.workspace.clone_from(&parts.spec.workspace.folder);
    meta.backend_table.clone_from(&parts.backend_table);
    let mut hops: Vec<_> = plan.sidecars.iter().collect();
    hops.sort_by_key(|hop| hop.position);
    meta.proxies = hops.into_iter().map(|hop| hop.proxy.clone()).collect();
    meta
}

/// A session that could not even be written down.
pub(super) fn nothing_begun(plan: &LaunchPlan, error: LaunchError) -> Ended {
    Ended::Down(Outcome {
        session: plan.session.clone(),
        result: Err(error),
        teardown: TeardownReport::default(),
    })
}

/// How a session was closed.
pub(super) enum Closing {
    HandedOver {
        name: String,
        agent: ContainerId,
        hidden: Hidden,
    },
    Down(Outcome),
}

/// Takes everything down, or hands it over.
pub(super) async fn close(
    owned: Owned<'_>,
    end: Result<Step<End>, Box<dyn std::any::Any + Send>>,
) -> Closing {
    let result = match end {
        Ok(Ok(End::Detached)) => match owned.hand_over().await {
            Ok(closing) => return closing,
            Err(error) => Err(error),
        },
        Ok(Ok(End::Exited(status))) => Ok(Some(status)),
        Ok(Ok(End::Stopped)) => Ok(None),
        Ok(Err(_)) => Err(owned.attempt.take_failure()),
        Err(panic) => {
            let text = owned.attempt.scrub(&panic_text(&*panic));
            owned.attempt.fail(LaunchError::Panicked(text));
            Err(owned.attempt.take_failure())
        }
    };
    let teardown = owned.take_down().await;
    Closing::Down(Outcome {
        session: owned.plan.session.clone(),
        result,
        teardown,
    })
}

/// The last step: the lease goes to the next owner, or the session's logs to the history.
pub(super) fn settle(
    closing: Closing,
    lease: Lease,
    launcher: &Launcher,
    plan: &LaunchPlan,
) -> Ended {
    let mut outcome = match closing {
        Closing::HandedOver {
            name,
            agent,
            hidden,
        } => {
            return Ended::HandedOver(Handover {
                name,
                agent,
                lease,
                hidden,
            });
        }
        Closing::Down(outcome) => outcome,
    };
    // What is left needs its folder: the next sweep finds it dead and tries again.
    if outcome.teardown.is_clean()
        && let Err(error) = archive(&lease, &launcher.store.history_dir())
    {
        tracing::debug!(session = %plan.session, %error, "the logs are not kept");
        outcome.teardown.steps.push(StepOutcome {
            label: "keep the session's logs".to_owned(),
            error: Some(error.to_string()),
        });
    }
    Ended::Down(outcome)
}

impl Owned<'_> {
    async fn hand_over(&self) -> Result<Closing, LaunchError> {
        let lines = self.followers.finish(true).await;
        let mut meta = self.meta();
        meta.log_lines = lines;
        let (name, agent) = (meta.name.clone(), meta.container.clone());
        self.lease.write_meta(&meta)?;
        let agent = agent.ok_or_else(|| LaunchError::Panicked("no agent to hand over".into()))?;
        self.teardown.disarm();
        Ok(Closing::HandedOver {
            name,
            agent,
            hidden: self.hidden(),
        })
    }

    async fn take_down(&self) -> TeardownReport {
        let since = tokio::time::Instant::now();
        let phase = Phase::Teardown;
        self.events.emit(Event::PhaseStarted { phase });
        self.followers.expect_end();
        let steps = self.teardown.unwind(&self.events).await;
        self.followers.finish(false).await;
        let ms = millis(since);
        self.events.emit(Event::PhaseFinished { phase, ms });
        self.events.emit(Event::Finished {
            session: self.plan.session.clone(),
        });
        let (left, unproven) = self.remains.found();
        let unproven = unproven.map(|why| self.attempt.scrub(&why));
        let clean = |step: StepOutcome| StepOutcome {
            error: step.error.map(|why| self.attempt.scrub(&why)),
            label: step.label,
        };
        let steps = steps.into_iter().map(clean).collect();
        TeardownReport {
            steps,
            left,
            unproven,
        }
    }
}

impl Launcher {
    /// Starts an owning task.
    pub(super) fn spawn(
        &self,
        owning: impl Future<Output = Ended> + Send + 'static,
    ) -> oneshot::Receiver<Ended> {
        let (done, receiver) = oneshot::channel();
        self.tasks.spawn(async move {
            // Nobody waiting is fine: the session was dropped.
            let _ = done.send(owning.await);
        });
        receiver
    }
}
