//! `bottle __own`: looks after a session whose first owner has left.

use bottle_api::{EventSink, PluginTable, Proxy, SessionId};
use bottle_engine::{Launcher, NoPrompt, Secrets, SessionMeta};

use super::{End, run::report_leftovers, sessions};
use crate::{
    args::OwnArgs,
    context::Context,
    launch::{announce_ready, inherited_hidden},
    output::{Code, Failure},
};

pub(super) async fn run(cx: &Context, args: OwnArgs) -> Result<End, Failure> {
    // A session of its own: whatever happens to the terminal we were started from is none of
    // our business. It fails only for a process that has one already.
    let _ = rustix::process::setsid();
    match own(cx, SessionId::new(args.session)).await {
        Ok(end) => Ok(end),
        Err(failure) => {
            // Whoever handed over reads one line.
            cx.printer.line(failure.summary());
            Err(failure)
        }
    }
}

async fn own(cx: &Context, session: SessionId) -> Result<End, Failure> {
    let store = Context::store()?;
    let lease = store.lease_from_stdin(&session)?;
    let hidden = inherited_hidden()
        .map_err(|error| Failure::because("the last owner's secrets cannot be read", &error))?;
    let record = store
        .find(session.as_str())?
        .ok_or_else(|| Failure::new(format!("there is no session `{session}`")))?;
    let meta = sessions::meta(&record)?;
    let backend = sessions::backend_of(cx, meta)?;
    let proxies = proxies_of(cx, meta)?;
    let secrets = Secrets::new(std::sync::Arc::new(NoPrompt));
    let launcher = Launcher::new(backend, store, secrets, EventSink::discard());
    cx.remember(&launcher);
    let session = match launcher
        .adopt(lease, hidden, proxies, cx.stop.clone())
        .await
    {
        Ok(session) => session,
        Err(outcome) => {
            report_leftovers(cx, &outcome);
            return match outcome.result {
                Err(error) => Err(error.into()),
                Ok(_) => Err(Failure::new("the session is over")),
            };
        }
    };
    announce_ready();
    let outcome = session.wait().await;
    report_leftovers(cx, &outcome);
    match outcome.result {
        Ok(Some(status)) => Ok(End::Code(Code::of_agent(status))),
        Ok(None) => Ok(End::Stopped),
        Err(error) => Err(error.into()),
    }
}

/// They only read their logs from here on, which needs no configuration.
fn proxies_of(cx: &Context, meta: &SessionMeta) -> Result<Vec<Box<dyn Proxy>>, Failure> {
    let build = |name: &String| -> Result<Box<dyn Proxy>, Failure> {
        let registration = cx.registry.proxy(name)?;
        let built = registration.build(&PluginTable::empty());
        built.map_err(|error| Failure::because(format!("proxy `{name}`"), &error))
    };
    meta.proxies.iter().map(build).collect()
}
