//! One file per command.

mod attach;
mod cleanup;
mod config;
mod doctor;
mod exec;
mod generate;
mod init;
mod list;
mod logs;
mod own;
mod plan;
mod plugins;
mod run;
mod sessions;
mod stop;
mod trust;

use crate::{
    args::{Command, TerminalArgs},
    context::Context,
    launch::Sweep,
    output::{Code, Failure},
};

/// How a command ended when it did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With this.
    Code(Code),
    /// Because a signal said so.
    Stopped,
}

impl End {
    pub(crate) const SUCCESS: Self = Self::Code(Code::SUCCESS);
}

/// Does what the command line says.
pub(crate) async fn dispatch(cx: &Context, command: Command) -> Result<End, Failure> {
    match command {
        // These have something to undo or to give back, and watch the stop token themselves.
        Command::Run(args) => Box::pin(run::run(cx, args)).await,
        Command::Exec(args) => swept(cx, exec::run(cx, args)).await,
        Command::Attach(args) => swept(cx, attach::run(cx, args)).await,
        Command::Doctor(args) => Box::pin(doctor::run(cx, args)).await,
        Command::Own(args) => own::run(cx, args).await,
        // These may be dropped at any point.
        Command::Plan(args) => {
            let stdio = run::stdio(&TerminalArgs::default(), false);
            droppable(cx, plan::run(cx, &args.launch, stdio)).await
        }
        Command::List(args) => droppable(cx, swept(cx, async { list::run(cx, &args) })).await,
        Command::Logs(args) => droppable(cx, swept(cx, logs::run(cx, &args))).await,
        Command::Stop(args) => droppable(cx, swept(cx, stop::run(cx, &args))).await,
        Command::Cleanup(args) => droppable(cx, cleanup::run(cx, &args)).await,
        Command::Plugins(args) => droppable(cx, plugins::run(cx, args)).await,
        // These are over at once.
        Command::Init(args) => init::run(cx, &args),
        Command::Config(args) => config::run(cx, args.command),
        Command::Trust(args) => trust::run(cx, &args),
        Command::Completions(args) => Ok(generate::completions(cx, &args)),
        Command::Man(args) => generate::man(cx, &args),
    }
}

/// Removes, beside the command, what dead sessions left, whatever becomes of the command itself.
async fn swept(
    cx: &Context,
    command: impl Future<Output = Result<End, Failure>>,
) -> Result<End, Failure> {
    let sweep = Context::store().ok().map(|store| Sweep::dead(cx, &store));
    let end = command.await;
    if let Some(sweep) = sweep {
        sweep.finish().await;
    }
    end
}

async fn droppable(
    cx: &Context,
    command: impl Future<Output = Result<End, Failure>>,
) -> Result<End, Failure> {
    tokio::select! {
        biased;
        () = cx.stop.cancelled() => Ok(End::Stopped),
        end = command => end,
    }
}
