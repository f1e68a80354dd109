//! The add-on's log lines as typed events.

use bottle_api::{Decision, EgressEvent};
use serde::Deserialize;

use crate::NAME;

/// A line of the add-on. Everything else that mitmdump prints is no JSON.
#[derive(Debug, Deserialize)]
struct Line {
    bottle: String,
    ts: String,
    decision: Decision,
    method: Option<String>,
    host: Option<String>,
    url: Option<String>,
    rule: Option<String>,
    reason: Option<String>,
    status: Option<u16>,
    req_bytes: Option<u64>,
    resp_bytes: Option<u64>,
    ms: Option<u64>,
    credential: Option<String>,
}

/// Reads one line; `None` when it is no decision about traffic.
pub(crate) fn parse(line: &str) -> Option<EgressEvent> {
    let line = line.trim();
    if !line.starts_with('{') {
        return None;
    }
    let line: Line = serde_json::from_str(line).ok()?;
    if line.bottle != "egress" {
        return None;
    }
    let mut event = EgressEvent::new(NAME, line.decision);
    event.path = line.url.as_deref().and_then(path);
    event.time = line.ts;
    event.method = line.method;
    event.host = line.host.filter(|host| !host.is_empty());
    event.rule = line.rule;
    event.reason = line.reason;
    event.status = line.status;
    event.request_bytes = line.req_bytes;
    event.response_bytes = line.resp_bytes;
    event.ms = line.ms;
    event.credential = line.credential;
    Some(event)
}

/// The path of a URL; the add-on writes neither query nor fragment, and if it did, they would
/// not get any further.
fn path(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let path = &rest[rest.find('/')?..];
    let path = path.split(['?', '#']).next().unwrap_or_default();
    (path != "/[hidden]").then(|| path.to_owned())
}
