//! From the command line to a command, and back out of the process.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use clap::Parser;
use tokio::runtime::{Builder, Runtime};

use crate::{
    args::{Cli, Command},
    commands::{self, End},
    context::Context,
    logging,
    output::{Code, Failure, Ledger, Printer},
    signals::{Signal, Signals, Supervised, supervise},
    terminal,
};

/// Output still being written when everything else is over.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Does it all.
pub(crate) fn start() -> Code {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() {
                Code::OURS
            } else {
                Code::SUCCESS
            };
        }
    };
    let printer = Printer::new(&cli.global);
    terminal::install_panic_hook();
    logging::install(&printer);
    let code = match Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    {
        Ok(runtime) => guarded(runtime, cli, &printer),
        Err(error) => {
            printer.failure(&Failure::because("cannot start", &error));
            Code::OURS
        }
    };
    terminal::restore();
    code
}

/// A panic of a command must not lose the clean-up that its launch still has to do.
fn guarded(runtime: Runtime, cli: Cli, printer: &Printer) -> Code {
    let context = match Context::new(cli.global, printer.clone()) {
        Ok(context) => context,
        Err(failure) => {
            printer.failure(&failure);
            return failure.exit();
        }
    };
    let run = || runtime.block_on(run(&context, cli.command));
    let code = match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Leave::Done(code)) => {
            runtime.block_on(context.finish());
            code
        }
        Ok(Leave::AtOnce(code)) => {
            runtime.shutdown_background();
            return code;
        }
        Err(_) => {
            printer.failure(
                &Failure::new("this is a fault of bottle")
                    .hint("please report it, with the message above"),
            );
            runtime.block_on(context.finish());
            Code::OURS
        }
    };
    runtime.shutdown_timeout(LAST_WORDS);
    code
}

enum Leave {
    Done(Code),
    AtOnce(Code),
}

async fn run(context: &Context, command: Command) -> Leave {
    let printer = &context.printer;
    let mut signals = match Signals::install() {
        Ok(signals) => signals,
        Err(error) => {
            printer.failure(&Failure::because("cannot listen for signals", &error));
            return Leave::Done(Code::OURS);
        }
    };
    let on_first = |_| {
        if Ledger::of(&context.ledger).session().is_some() && !printer.json() {
            printer.note("stopping and cleaning up; press Ctrl-C again to leave at once");
        }
    };
    let work = Box::pin(commands::dispatch(context, command));
    match supervise(&mut signals, &context.stop, on_first, work).await {
        Supervised::Done(Ok(End::Code(code)), _) => Leave::Done(code),
        Supervised::Done(Ok(End::Stopped), signal) => {
            Leave::Done(signal.map_or(Code::OURS, Signal::code))
        }
        Supervised::Done(Err(failure), _) => {
            printer.failure(&failure);
            Leave::Done(failure.exit())
        }
        Supervised::Left(signal) => {
            terminal::restore();
            // Never to be shown again: what follows are the last words.
            std::mem::forget(printer.hide_bars());
            leave(printer, &Ledger::of(&context.ledger));
            Leave::AtOnce(signal.code())
        }
    }
}

/// The last words of somebody who could not wait.
fn leave(printer: &Printer, ledger: &Ledger) {
    let Some(session) = ledger.session() else {
        return;
    };
    let left = ledger.left();
    if printer.json() {
        let event = serde_json::json!({ "event": "left", "session": session, "left": left });
        printer.event(&event);
        return;
    }
    printer.note(format_args!(
        "left at once; of session `{session}` there may remain:"
    ));
    for item in &left {
        printer.note(format_args!("  {item}"));
    }
    if left.is_empty() {
        printer.note("  what was just being made");
    }
    printer.note("\nhint: `bottle cleanup` removes it");
}
