//! `bottle run`: from the configuration to the agent's exit code.

use std::{sync::Arc, time::Duration};

use bottle_api::{EventSink, Stdio};
use bottle_engine::{LaunchError, Launcher, Outcome, Secrets, Session};
use tokio::time::sleep;

use super::End;
use crate::{
    args::{RunArgs, TerminalArgs},
    context::Context,
    launch::{Prepared, Sweep, hand_over, prepare},
    output::{Code, Failure, Ledger, Progress},
    terminal::{self, Attach, Ended, TerminalPrompt},
};

pub(super) async fn run(cx: &Context, args: RunArgs) -> Result<End, Failure> {
    let stdio = stdio(&args.terminal, args.detach);
    if args.dry_run {
        return super::plan::run(cx, &args.launch, stdio).await;
    }
    // Nothing exists yet: a signal now needs no clean-up.
    let prepared = tokio::select! {
        biased;
        () = cx.stop.cancelled() => return Ok(End::Stopped),
        prepared = prepare(cx, &args.launch, stdio) => prepared?,
    };
    let sweep = Sweep::of(prepared.backend.clone(), prepared.store.clone());
    let end = Box::pin(launch(cx, &args, prepared)).await;
    sweep.finish().await;
    end
}

/// The streams of the agent's main process.
pub(crate) fn stdio(args: &TerminalArgs, detach: bool) -> Stdio {
    // In the background nobody is there to be the terminal, but `attach` may come later.
    let tty = args.wants_tty(terminal::ours()) || (detach && !args.no_tty);
    Stdio {
        tty,
        stdin: !args.no_stdin,
        stdin_once: !args.no_stdin && !tty && !detach,
    }
}

async fn launch(cx: &Context, args: &RunArgs, mut prepared: Prepared) -> Result<End, Failure> {
    let (sink, events) = EventSink::channel();
    let prompt = Arc::new(TerminalPrompt::new(cx.printer.clone()));
    let launcher = Launcher::new(
        prepared.backend.clone(),
        prepared.store.clone(),
        Secrets::new(prompt),
        sink,
    )
    .pool(prepared.pool()?);
    cx.remember(&launcher);
    Ledger::of(&cx.ledger).plan(&prepared.plan);
    let progress = Progress::start(&cx.printer, cx.ledger.clone(), events);
    let parts = prepared.parts(cx, !args.detach);
    let plan = prepared.plan.clone();
    let run = Run {
        cx,
        args,
        progress: &progress,
        prepared: &prepared,
    };
    let end = match launcher.launch(plan, parts).await {
        Ok(session) if args.detach => run.detach(session).await,
        Ok(session) => run.attach(session).await,
        Err(outcome) => run.outcome(outcome),
    };
    launcher.finish().await;
    progress.finish().await;
    end
}

struct Run<'a> {
    cx: &'a Context,
    args: &'a RunArgs,
    progress: &'a Progress,
    prepared: &'a Prepared,
}

impl Run<'_> {
    /// The user has the agent's terminal until one of them goes.
    async fn attach(&self, mut session: Session) -> Result<End, Failure> {
        let process = match session.take_process() {
            Some(process) => process,
            None => session.attach().await?,
        };
        let attach = Attach {
            tty: self.prepared.plan.agent.stdio.tty,
            stdin: !self.args.terminal.no_stdin,
            keys: self.args.terminal.detach_keys.clone(),
            cancel: self.cx.stop.clone(),
            redraw: false,
        };
        self.progress.hold(true).await;
        let ended = tokio::select! {
            ended = attach.join(process) => Some(ended),
            () = limit(self.args.timeout) => None,
        };
        self.progress.hold(false).await;
        let (code, outcome) = match ended {
            None => {
                let time = humantime::format_duration(self.args.timeout.unwrap_or_default());
                self.cx
                    .printer
                    .warn(&format!("ended after {time}, as `--timeout` says"));
                (Some(Code::TIMEOUT), session.shutdown().await)
            }
            Some(Ok(Ended::Detached)) => return self.detach(session).await,
            Some(Ok(Ended::Exited(_))) => (None, session.wait().await),
            Some(Ok(Ended::Cancelled)) => (None, session.shutdown().await),
            Some(Ok(Ended::OutputClosed)) => (Some(Code::BROKEN_PIPE), session.shutdown().await),
            Some(Err(error)) => {
                let failure = Failure::because("lost the agent's terminal", &error);
                self.cx.printer.failure(&failure);
                (Some(Code::OURS), session.shutdown().await)
            }
        };
        let end = self.outcome(outcome)?;
        Ok(code.map_or(end, End::Code))
    }

    /// Another process looks after it from here.
    async fn detach(&self, session: Session) -> Result<End, Failure> {
        let handover = match session.detach().await {
            Ok(handover) => handover,
            Err(outcome) => return self.outcome(outcome),
        };
        let id = handover.lease.session().clone();
        let name = hand_over(handover, &self.prepared.store).await?;
        Ledger::of(&self.cx.ledger).handed_over();
        let printer = &self.cx.printer;
        if printer.json() {
            printer.document(&serde_json::json!({ "name": name, "session": id }));
        } else if self.args.detach {
            printer.line(&name);
        } else {
            printer.note(format_args!(
                "left `{name}` running; `bottle attach {name}` returns to it, \
                 `bottle stop {name}` ends it"
            ));
        }
        Ok(End::SUCCESS)
    }

    fn outcome(&self, outcome: Outcome) -> Result<End, Failure> {
        report_leftovers(self.cx, &outcome);
        match outcome.result {
            Ok(Some(status)) => Ok(End::Code(Code::of_agent(status))),
            Ok(None) | Err(LaunchError::Cancelled) => Ok(End::Stopped),
            Err(error) => Err(error.into()),
        }
    }
}

/// A teardown that could not be proven is told, whatever else happened.
pub(crate) fn report_leftovers(cx: &Context, outcome: &Outcome) {
    let report = &outcome.teardown;
    if report.is_clean() {
        return;
    }
    let mut text = match &report.unproven {
        Some(why) => format!("what is left of the session is not known: {why}"),
        None => "the clean-up left something behind".to_owned(),
    };
    for resource in &report.left {
        text.push_str("\n  ");
        text.push_str(&resource.name);
    }
    text.push_str("\n`bottle cleanup` removes it");
    cx.printer.warn(&text);
}

async fn limit(time: Option<Duration>) {
    match time {
        Some(time) => sleep(time).await,
        None => std::future::pending().await,
    }
}
