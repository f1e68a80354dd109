//! `bottle list`: what runs.

use std::time::{Duration, SystemTime};

use bottle_api::LaunchPlan;
use bottle_engine::{SessionRecord, SessionState};
use serde::Serialize;

use super::End;
use crate::{
    args::ListArgs,
    context::Context,
    output::{Failure, Table, age, guarantee_words},
};

/// A line of the list.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    session: String,
    agent: String,
    state: &'static str,
    backend: String,
    runtime: Option<String>,
    chain: Vec<String>,
    workspace: Option<std::path::PathBuf>,
    created: Option<String>,
    guarantees: Vec<&'static str>,
    withheld: Vec<&'static str>,
    #[serde(skip)]
    words: String,
}

pub(super) fn run(cx: &Context, args: &ListArgs) -> Result<End, Failure> {
    let store = Context::store()?;
    let rows: Vec<Row> = store.sessions()?.iter().map(row).collect();
    if cx.printer.json() {
        cx.printer.document(&rows);
    } else if args.quiet {
        let named = rows.iter().filter(|row| !row.name.is_empty());
        cx.printer.lines(named.map(|row| &row.name));
    } else if rows.is_empty() {
        cx.printer
            .note("no bottle is running; `bottle run` starts one");
    } else {
        cx.printer.lines(table(&rows).lines(cx.printer.style()));
    }
    Ok(End::SUCCESS)
}

fn row(record: &SessionRecord) -> Row {
    let meta = record.meta.as_ref();
    let plan = record.plan().ok().flatten();
    let state = match (record.state, meta.and_then(|meta| meta.container.as_ref())) {
        (SessionState::Live, Some(_)) => "running",
        (SessionState::Live, None) => "starting",
        (SessionState::Dead, _) => "orphaned",
        (SessionState::Past, _) => "ended",
    };
    let names = |given: bool| {
        let statements = plan.iter().flat_map(|plan| &plan.guarantees);
        let chosen = statements.filter(|statement| statement.given == given);
        chosen
            .map(|statement| statement.guarantee.as_str())
            .collect()
    };
    let text = |get: fn(&bottle_engine::SessionMeta) -> String| meta.map(get).unwrap_or_default();
    Row {
        name: text(|meta| meta.name.clone()),
        session: record.session.to_string(),
        agent: text(|meta| meta.agent.clone()),
        state,
        backend: text(|meta| meta.backend.clone()),
        runtime: plan.as_ref().and_then(|plan| plan.agent.runtime.clone()),
        chain: meta.map(|meta| meta.proxies.clone()).unwrap_or_default(),
        workspace: meta.map(|meta| meta.workspace.clone()),
        created: meta.map(|meta| meta.created.clone()),
        guarantees: names(true),
        withheld: names(false),
        words: plan.as_ref().map(words).unwrap_or_default(),
    }
}

fn words(plan: &LaunchPlan) -> String {
    guarantee_words(&plan.guarantees)
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new([
        "NAME",
        "AGENT",
        "STATE",
        "BACKEND",
        "RUNTIME",
        "CHAIN",
        "AGE",
        "GUARANTEES",
    ]);
    for row in rows {
        let or_dash = |text: &str| if text.is_empty() { "-" } else { text }.to_owned();
        let chain = if row.chain.is_empty() {
            "no network".to_owned()
        } else {
            row.chain.join(" > ")
        };
        table.row([
            or_dash(&row.name),
            or_dash(&row.agent),
            row.state.to_owned(),
            or_dash(&row.backend),
            row.runtime.clone().unwrap_or_else(|| "default".to_owned()),
            chain,
            row.created
                .as_deref()
                .and_then(since)
                .map_or("-".to_owned(), age),
            or_dash(&row.words),
        ]);
    }
    table
}

/// How long ago an RFC 3339 time was; a clock that was set back gives zero.
fn since(time: &str) -> Option<Duration> {
    let then = humantime::parse_rfc3339_weak(time).ok()?;
    Some(SystemTime::now().duration_since(then).unwrap_or_default())
}
