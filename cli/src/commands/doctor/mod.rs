//! `bottle doctor`: what works on this machine, and what to do about the rest.

mod check;
mod deep;
mod images;
mod machine;
mod probes;
mod setup;

use bottle_api::Stdio;

use super::End;
use crate::{
    args::{DoctorArgs, LaunchArgs},
    context::Context,
    launch::prepare,
    output::{Code, Failure},
};
use check::Report;

pub(super) async fn run(cx: &Context, args: DoctorArgs) -> Result<End, Failure> {
    let mut report = Report::default();
    tokio::select! {
        biased;
        () = cx.stop.cancelled() => return Ok(End::Stopped),
        () = look(cx, &args, &mut report) => {}
    }
    if let Some(agent) = &args.deep {
        let launch = launch_args(&args, Some(agent));
        Box::pin(deep::run(cx, &launch, &mut report)).await;
        if cx.stop.is_cancelled() {
            return Ok(End::Stopped);
        }
    }
    report.print(&cx.printer);
    let failed = report.failed();
    Ok(End::Code(if failed { Code::CHECK } else { Code::SUCCESS }))
}

/// Everything that can be seen without launching anything.
async fn look(cx: &Context, args: &DoctorArgs, report: &mut Report) {
    machine::terminal(report);
    machine::state(report);
    let config = setup::configuration(cx, args.policy.flags(), report);
    machine::engines(cx, config.as_ref(), report).await;
    let Some(config) = config else {
        return;
    };
    setup::logins(&config, report);
    // Without one by default any agent shows what this machine can do.
    let fallback = || config.agent().is_none().then_some("shell");
    let agent = args.deep.as_deref().or_else(fallback);
    match prepare(cx, &launch_args(args, agent), Stdio::default()).await {
        Ok(prepared) => {
            setup::plan(&prepared, report);
            images::images(&prepared, report).await;
            machine::debris(&prepared, report).await;
        }
        Err(failure) => {
            report
                .fail("plan", failure.summary())
                .hint("see `bottle plan`");
        }
    }
}

fn launch_args(args: &DoctorArgs, agent: Option<&str>) -> LaunchArgs {
    LaunchArgs {
        agent: agent.map(str::to_owned),
        policy: args.policy.clone(),
        ..LaunchArgs::default()
    }
}
