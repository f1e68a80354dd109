//! `bottle stop`: ends bottles and waits until nothing is left of them.

use std::time::Duration;

use bottle_engine::{CleanOptions, SessionRecord, SessionState, SessionStore, clean};
use futures_util::future::join_all;
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep};

use super::{End, sessions};
use crate::{args::StopArgs, context::Context, output::Failure};

/// An owner's teardown has limits of its own, which are shorter.
const LIMIT: Duration = Duration::from_mins(2);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

pub(super) async fn run(cx: &Context, args: &StopArgs) -> Result<End, Failure> {
    let store = Context::store()?;
    let records = if args.all {
        store.sessions()?
    } else {
        let found = args.names.iter().map(|name| named(&store, name));
        found.collect::<Result<_, _>>()?
    };
    if records.is_empty() {
        cx.printer.note("no bottle is running");
    }
    let stops = records.iter().map(|record| stop(cx, &store, record));
    let mut failed = None;
    for (record, result) in records.iter().zip(join_all(stops).await) {
        let name = name_of(record);
        match result {
            Ok(()) if cx.printer.json() => {
                cx.printer
                    .json_line(&serde_json::json!({ "stopped": name, "session": record.session }));
            }
            Ok(()) => cx.printer.line(name),
            Err(failure) => {
                if let Some(earlier) = failed.replace(failure) {
                    cx.printer.failure(&earlier);
                }
            }
        }
    }
    failed.map_or(Ok(End::SUCCESS), Err)
}

fn named(store: &SessionStore, name: &str) -> Result<SessionRecord, Failure> {
    let found = store.find(name)?;
    found
        .filter(|record| record.state != SessionState::Past)
        .ok_or_else(|| sessions::unknown(store, name))
}

fn name_of(record: &SessionRecord) -> &str {
    let name = record.meta.as_ref().map(|meta| meta.name.as_str());
    name.filter(|name| !name.is_empty())
        .unwrap_or(record.session.as_str())
}

async fn stop(cx: &Context, store: &SessionStore, record: &SessionRecord) -> Result<(), Failure> {
    if record.state == SessionState::Live {
        let pid = sessions::meta(record)?.pid;
        let owner = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let told = owner.map(|owner| kill_process(owner, Signal::TERM));
        if let Some(Err(error)) = told
            && error != rustix::io::Errno::SRCH
        {
            let what = format!(
                "cannot signal process {pid}, which owns `{}`",
                name_of(record)
            );
            return Err(Failure::because(what, &error).hint("it may belong to another user"));
        }
        wait_until_over(store, record).await?;
    }
    // The owner is gone; if it was killed on the way, the rest is ours to do.
    match store.find(record.session.as_str())? {
        Some(left) if left.state == SessionState::Dead => sweep(cx, store, &left).await,
        _ => Ok(()),
    }
}

async fn wait_until_over(store: &SessionStore, record: &SessionRecord) -> Result<(), Failure> {
    let until = Instant::now() + LIMIT;
    while Instant::now() < until {
        let found = store.find(record.session.as_str())?;
        if found.is_none_or(|record| record.state != SessionState::Live) {
            return Ok(());
        }
        sleep(LOOK_AGAIN).await;
    }
    let name = name_of(record);
    Err(Failure::new(format!(
        "bottle `{name}` was told to stop and is still there after {} s",
        LIMIT.as_secs()
    ))
    .hint(format!(
        "`bottle logs {name} --events` shows where it hangs"
    )))
}

async fn sweep(cx: &Context, store: &SessionStore, record: &SessionRecord) -> Result<(), Failure> {
    let backend = sessions::backend_of(cx, sessions::meta(record)?)?;
    let mut options = CleanOptions::default();
    options.session = Some(record.session.clone());
    let report = clean(&*backend, store, &options).await?;
    let failed: Vec<String> = report
        .debris
        .into_iter()
        .flat_map(|debris| debris.failed)
        .collect();
    if failed.is_empty() {
        return Ok(());
    }
    Err(
        Failure::new(format!("bottle `{}` could not be removed", name_of(record)))
            .detail("what failed:", &failed)
            .hint("`bottle cleanup` tries again"),
    )
}
