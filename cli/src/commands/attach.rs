//! `bottle attach`: back to an agent that was left running.

use super::{End, sessions};
use crate::{
    args::AttachArgs,
    context::Context,
    output::{Code, Failure},
    terminal::{Attach, Ended},
};

pub(super) async fn run(cx: &Context, args: AttachArgs) -> Result<End, Failure> {
    let store = Context::store()?;
    let found = sessions::running(cx, &store, args.name.as_deref())?;
    let Some(plan) = found.record.plan()? else {
        return Err(Failure::new(format!(
            "session `{}` has no plan",
            found.record.session
        )));
    };
    let stdio = plan.agent.stdio;
    let process = found.backend.attach(&found.container, stdio).await?;
    let attach = Attach {
        tty: stdio.tty,
        stdin: stdio.stdin && !args.terminal.no_stdin,
        keys: args.terminal.detach_keys,
        cancel: cx.stop.clone(),
        redraw: true,
    };
    let name = &sessions::meta(&found.record)?.name;
    let end = match attach.join(process).await? {
        Ended::Exited(status) => End::Code(Code::of_agent(status)),
        Ended::Detached => {
            cx.printer.note(format_args!("left `{name}` running"));
            End::SUCCESS
        }
        Ended::Cancelled => End::Stopped,
        Ended::OutputClosed => End::Code(Code::BROKEN_PIPE),
    };
    Ok(end)
}
