//! `bottle exec`: a program beside the agent.

use bottle_api::{BackendErrorKind, ExecRequest, SecretString, TermSize};

use super::{End, sessions};
use crate::{
    args::ExecArgs,
    context::Context,
    output::{Code, Failure},
    terminal::{self, Attach, Ended},
};

pub(super) async fn run(cx: &Context, args: ExecArgs) -> Result<End, Failure> {
    let store = Context::store()?;
    let found = sessions::running(cx, &store, args.name.as_deref())?;
    let tty = args.terminal.wants_tty(terminal::ours());
    let request = request(&args, tty);
    let process = match found.backend.exec(&found.container, &request).await {
        Ok(process) => process,
        Err(error) if error.kind() == BackendErrorKind::NotFound => {
            return Err(Failure::from(error).code(Code::NOT_FOUND));
        }
        Err(error) => return Err(error.into()),
    };
    let attach = Attach {
        tty,
        stdin: !args.terminal.no_stdin,
        keys: args.terminal.detach_keys.clone(),
        cancel: cx.stop.clone(),
        redraw: false,
    };
    let end = match attach.join(process).await? {
        Ended::Exited(status) => End::Code(Code::of_agent(status)),
        Ended::Detached => End::SUCCESS,
        Ended::Cancelled => End::Stopped,
        Ended::OutputClosed => End::Code(Code::BROKEN_PIPE),
    };
    Ok(end)
}

fn request(args: &ExecArgs, tty: bool) -> ExecRequest {
    let mut request = ExecRequest::new(args.command.iter().cloned());
    request.user.clone_from(&args.user);
    request.workdir.clone_from(&args.workdir);
    request.stdin = !args.terminal.no_stdin;
    if tty {
        request.tty = Some(terminal::size().unwrap_or(TermSize { cols: 80, rows: 24 }));
        for (name, value) in terminal::variables() {
            request
                .env
                .push((name.to_owned(), SecretString::from(value)));
        }
    }
    request
}
