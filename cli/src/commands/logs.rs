//! `bottle logs`: what the agent wrote, and what the proxies decided.

use std::{
    collections::VecDeque,
    fs::File,
    io::{BufRead, BufReader, ErrorKind},
    path::Path,
    time::Duration,
};

use bottle_api::{BoxStream, Decision, EgressEvent, LogRequest, OwnedSelector, ResourceKind, Role};
use bottle_engine::{SessionRecord, SessionState, SessionStore};
use futures_util::StreamExt;
use tokio::time::sleep;

use super::{End, sessions};
use crate::{
    args::LogsArgs,
    context::Context,
    output::{Failure, Style, Tone},
};

const LOOK_AGAIN: Duration = Duration::from_millis(200);

pub(super) async fn run(cx: &Context, args: &LogsArgs) -> Result<End, Failure> {
    let store = Context::store()?;
    let record = find(&store, args.name.as_deref())?;
    if args.egress || args.events {
        let path = if args.egress {
            record.egress()
        } else {
            record.events()
        };
        let shape = if args.egress { egress_line } else { event_line };
        file(cx, args, &store, &record, &path, shape).await?;
    } else {
        container(cx, args, &record).await?;
    }
    Ok(End::SUCCESS)
}

fn find(store: &SessionStore, name: Option<&str>) -> Result<SessionRecord, Failure> {
    if let Some(name) = name {
        return store
            .find(name)?
            .ok_or_else(|| sessions::unknown(store, name));
    }
    if let Some(record) = sessions::only(store)? {
        return Ok(record);
    }
    store.history()?.into_iter().next().ok_or_else(|| {
        Failure::new("no bottle is running and none ran lately").hint("`bottle run` starts one")
    })
}

/// The log of a container, from its engine.
async fn container(cx: &Context, args: &LogsArgs, record: &SessionRecord) -> Result<(), Failure> {
    if record.state == SessionState::Past {
        return Err(Failure::new(format!(
            "session `{}` is over, and its containers are gone",
            record.session
        ))
        .hint("`--egress` and `--events` are kept for a while"));
    }
    let meta = sessions::meta(record)?;
    let backend = sessions::backend_of(cx, meta)?;
    let role = match &args.proxy {
        None => Role::agent(),
        Some(name) => proxy_role(record, name)?,
    };
    let selector = OwnedSelector {
        session: Some(record.session.clone()),
        role: Some(role.clone()),
        ..OwnedSelector::default()
    };
    let owned = backend.list_owned(&selector).await?;
    let found = owned
        .iter()
        .find(|resource| resource.kind == ResourceKind::Container);
    let Some(found) = found else {
        return Err(Failure::new(format!("there is no container `{role}` yet"))
            .hint("`--events` shows how far the launch is"));
    };
    let request = LogRequest {
        follow: args.follow,
        tail: args.tail,
    };
    let id = bottle_api::ContainerId::new(found.id.clone());
    let mut lines: BoxStream<String> = backend.logs(&id, request).await?;
    while let Some(line) = lines.next().await {
        let line = line?;
        if cx.printer.json() {
            cx.printer
                .json_line(&serde_json::json!({ "role": role, "line": line }));
        } else {
            cx.printer.line(line);
        }
    }
    Ok(())
}

fn proxy_role(record: &SessionRecord, name: &str) -> Result<Role, Failure> {
    let plan = record.plan()?;
    let hops = plan.iter().flat_map(|plan| &plan.sidecars);
    let mut names = vec![];
    for hop in hops {
        if hop.proxy == name {
            return Ok(hop.container.owner.role.clone());
        }
        names.push(format!("`{}`", hop.proxy));
    }
    let there = if names.is_empty() {
        "this bottle has no proxies".to_owned()
    } else {
        format!("this bottle has {}", names.join(", "))
    };
    Err(Failure::new(format!("there is no proxy `{name}`")).hint(there))
}

/// A journal of the session: lines of JSON that its owner appends to.
async fn file(
    cx: &Context,
    args: &LogsArgs,
    store: &SessionStore,
    record: &SessionRecord,
    path: &Path,
    shape: fn(&str, Style) -> String,
) -> Result<(), Failure> {
    let show = |line: &str| {
        if cx.printer.json() {
            cx.printer.line(line);
        } else {
            cx.printer.line(shape(line, cx.printer.style()));
        }
    };
    let failed = |error| Failure::because(format!("cannot read `{}`", path.display()), &error);
    // Kept open: when the session ends, the file moves, and what is open stays open.
    let mut reader = loop {
        match File::open(path) {
            Ok(file) => break BufReader::new(file),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if !args.follow || !is_live(store, record) {
                    return Ok(());
                }
            }
            Err(error) => return Err(failed(error)),
        }
        sleep(LOOK_AGAIN).await;
    };
    let mut partial = String::new();
    let mut last = VecDeque::new();
    while let Some(line) = next_line(&mut reader, &mut partial).map_err(failed)? {
        last.push_back(line);
        if args.tail.is_some_and(|tail| last.len() > tail) {
            last.pop_front();
        }
    }
    for line in &last {
        show(line);
    }
    let mut live = args.follow;
    while live {
        sleep(LOOK_AGAIN).await;
        // Asked first: what is written before the end is still read.
        live = is_live(store, record);
        while let Some(line) = next_line(&mut reader, &mut partial).map_err(failed)? {
            show(&line);
        }
    }
    Ok(())
}

fn is_live(store: &SessionStore, record: &SessionRecord) -> bool {
    let found = store.find(record.session.as_str()).ok().flatten();
    found.is_some_and(|record| record.state == SessionState::Live)
}

/// The next whole line; half a line stays in `partial` until the rest was written.
fn next_line(
    reader: &mut BufReader<File>,
    partial: &mut String,
) -> std::io::Result<Option<String>> {
    reader.read_line(partial)?;
    if !partial.ends_with('\n') {
        return Ok(None);
    }
    let line = std::mem::take(partial);
    Ok(Some(line.trim_end().to_owned()))
}

/// `2026-01-01T12:30:01Z  deny   mitmproxy  GET  api.example.com/path  403  (hosts: not allowed)`
fn egress_line(line: &str, style: Style) -> String {
    let Ok(event) = serde_json::from_str::<EgressEvent>(line) else {
        return plain(line);
    };
    let (word, tone) = match event.decision {
        Decision::Allow => ("allow", Tone::Good),
        Decision::Deny => ("deny", Tone::Bad),
        Decision::Warn => ("warn", Tone::Warn),
        Decision::Error => ("error", Tone::Warn),
    };
    let text = |part: &Option<String>| part.as_deref().map(plain).unwrap_or_default();
    let target = format!("{}{}", text(&event.host), text(&event.path));
    let why: Vec<String> = [text(&event.rule), text(&event.reason)]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect();
    let mut parts = vec![
        plain(&event.time),
        style.paint(tone, &format!("{word:<5}")),
        format!("{:<9}", plain(&event.proxy)),
        text(&event.method),
        target,
        event
            .status
            .map(|status| status.to_string())
            .unwrap_or_default(),
    ];
    if !why.is_empty() {
        parts.push(style.paint(Tone::Dim, &format!("({})", why.join(": "))));
    }
    parts.extend(event.credential.map(|name| format!("[{}]", plain(&name))));
    parts.retain(|part| !part.trim().is_empty());
    parts.join("  ")
}

fn event_line(line: &str, _style: Style) -> String {
    plain(line)
}

/// What an agent asked for is its own text: it must not move our cursor.
fn plain(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_in_one_line() {
        let mut event = EgressEvent::new("mitmproxy", Decision::Deny);
        event.time = "2026-01-02T03:04:05Z".into();
        event.method = Some("GET".into());
        event.host = Some("evil\u{1b}[2J.example".into());
        event.path = Some("/x".into());
        event.status = Some(403);
        event.rule = Some("hosts".into());
        event.reason = Some("not allowed".into());
        let line = serde_json::to_string(&event).unwrap();
        assert_eq!(
            egress_line(&line, Style::PLAIN),
            "2026-01-02T03:04:05Z  deny   mitmproxy  GET  evil\u{fffd}[2J.example/x  403  \
             (hosts: not allowed)"
        );
        assert_eq!(
            egress_line("not json\u{7}", Style::PLAIN),
            "not json\u{fffd}"
        );
    }
}
