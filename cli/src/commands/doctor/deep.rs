//! `bottle doctor --deep`: a real launch, in which every runtime that is found makes one request.

use std::{sync::Arc, time::Duration};

use bottle_api::{
    AllowRule, Event, EventSink, ExecRequest, LaunchSpec, Output, Stdio, TrafficClass,
    WorkspaceMode,
};
use bottle_engine::{Launcher, NoPrompt, Secrets, Session, chain_view};
use futures_util::StreamExt;
use tokio::time::timeout;

use super::{
    check::Report,
    probes::{PROBES, Probe, Verdict},
};
use crate::{
    args::LaunchArgs,
    commands::run::report_leftovers,
    context::Context,
    launch::{Prepared, prepare_with},
    output::{Failure, Ledger, Progress},
};

const AREA: &str = "deep";
/// A runtime that hangs must not hang the doctor.
const LIMIT: Duration = Duration::from_mins(1);

pub(super) async fn run(cx: &Context, args: &LaunchArgs, report: &mut Report) {
    let result = tokio::select! {
        biased;
        () = cx.stop.cancelled() => return,
        prepared = prepare_with(cx, args, Stdio::default(), asleep) => prepared,
    };
    let done = match result {
        Ok(prepared) => Box::pin(launch(cx, prepared, report)).await,
        Err(failure) => Err(failure),
    };
    if let Err(failure) = done {
        report
            .fail(AREA, failure.summary())
            .hint("`bottle run` with the same flags shows more");
    }
}

/// The agent's image with nothing to do: no agent, no credentials, no working folder.
fn asleep(spec: &mut LaunchSpec) {
    spec.agent.command = ["/bin/sh", "-c", "sleep 600"].map(str::to_owned).into();
    spec.agent.replace_command = false;
    spec.args.clear();
    spec.secrets.clear();
    spec.workspace.mode = WorkspaceMode::None;
}

async fn launch(cx: &Context, mut prepared: Prepared, report: &mut Report) -> Result<(), Failure> {
    let ends_tls = chain_view(&prepared.plan).is_some_and(|chain| chain.ends_tls);
    let host = host(&prepared.plan.egress.allow);
    let (sink, events) = EventSink::channel();
    let launcher = Launcher::new(
        prepared.backend.clone(),
        prepared.store.clone(),
        Secrets::new(Arc::new(NoPrompt)),
        sink.clone(),
    )
    .pool(prepared.pool()?);
    cx.remember(&launcher);
    Ledger::of(&cx.ledger).plan(&prepared.plan);
    let progress = Progress::start(&cx.printer, cx.ledger.clone(), events);
    let parts = prepared.parts(cx, false);
    let outcome = match launcher.launch(prepared.plan.clone(), parts).await {
        Ok(session) => {
            report.ok(
                AREA,
                format!("bottle `{}` started and its chain answers", session.name()),
            );
            tokio::select! {
                () = cx.stop.cancelled() => {}
                () = probe_all(&session, &sink, host.as_deref(), ends_tls, report) => {}
            }
            session.shutdown().await
        }
        Err(outcome) => outcome,
    };
    launcher.finish().await;
    progress.finish().await;
    report_leftovers(cx, &outcome);
    if outcome.teardown.is_clean() {
        report.ok(AREA, "nothing was left behind");
    } else {
        report
            .fail(AREA, "the clean-up left something behind")
            .hint("`bottle cleanup`");
    }
    match outcome.result {
        Err(error) if !cx.stop.is_cancelled() => Err(error.into()),
        _ => Ok(()),
    }
}

/// Somewhere that TLS is ended on the way to.
fn host(rules: &[AllowRule]) -> Option<String> {
    let usable = |rule: &&AllowRule| {
        rule.class != TrafficClass::Passthrough
            && !rule.host.as_str().starts_with("*.")
            && (rule.ports.is_empty() || rule.ports.contains(&443))
    };
    rules.iter().find(usable).map(|rule| rule.host.to_string())
}

async fn probe_all(
    session: &Session,
    events: &EventSink,
    host: Option<&str>,
    ends_tls: bool,
    report: &mut Report,
) {
    let Some(host) = host else {
        report
            .warn(
                AREA,
                "no host is allowed by name, so no runtime has anywhere to connect to",
            )
            .hint("add one: `--allow registry.example.com`");
        return;
    };
    if !ends_tls {
        report.ok(
            AREA,
            "no proxy of this chain decrypts, so there is no authority to trust",
        );
    }
    let mut found = 0;
    for probe in &PROBES {
        if !matches!(shell(session, probe.present, host).await, Ok((0, _))) {
            continue;
        }
        found += 1;
        events.progress("trust", probe.name);
        judge(session, probe, host, report).await;
    }
    events.emit(Event::Progress {
        task: "trust".to_owned(),
        detail: "done".to_owned(),
        current: Some(found),
        total: Some(found),
    });
    if found == 0 {
        report.warn(AREA, "the image has none of the runtimes that can be asked");
    }
}

async fn judge(session: &Session, probe: &Probe, host: &str, report: &mut Report) {
    let name = probe.name;
    let verdict = match shell(session, probe.script, host).await {
        Ok((_, output)) => Verdict::of(&output),
        Err(why) => Verdict::Unknown(why),
    };
    match verdict {
        Verdict::Trusted => {
            report.ok(
                AREA,
                format!("{name} trusts the bottle's authority (asked {host})"),
            );
        }
        Verdict::Untrusted(why) => {
            report
                .fail(
                    AREA,
                    format!("{name} does not trust the bottle's authority: {why}"),
                )
                .hint(
                    "it may ignore the variables that name the authority; see the guide on trust",
                );
        }
        Verdict::Unknown(why) => {
            report
                .warn(AREA, format!("{name} did not get through to {host}: {why}"))
                .hint("name a host that answers: `--allow HOST` as the only one");
        }
    }
}

/// Runs a script with the host as its argument; what it says on both outputs, mixed.
async fn shell(session: &Session, script: &str, host: &str) -> Result<(i64, String), String> {
    let request = ExecRequest::new(["/bin/sh", "-c", script, "sh", host]);
    let work = async {
        let mut process = session
            .exec(&request)
            .await
            .map_err(|error| error.to_string())?;
        let mut text = vec![];
        while let Some(piece) = process.output.next().await {
            let (Output::Stdout(bytes) | Output::Stderr(bytes)) =
                piece.map_err(|error| error.to_string())?;
            text.extend_from_slice(&bytes);
        }
        let status = process
            .control
            .wait()
            .await
            .map_err(|error| error.to_string())?;
        Ok((status.0, String::from_utf8_lossy(&text).into_owned()))
    };
    let limited = timeout(LIMIT, work).await;
    limited.unwrap_or_else(|_| Err(format!("no answer in {} s", LIMIT.as_secs())))
}
