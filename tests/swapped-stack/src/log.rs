//! Squid's log lines, in the format of `files/squid.conf`, as egress events.

use bottle_api::{Decision, EgressEvent};
use serde::Deserialize;

use crate::{
    NAME,
    acl::{DENIED, NOT_ALLOWED, PRIVATE_ADDRESS},
};

#[derive(Debug, Deserialize)]
struct Line {
    bottle: String,
    time: String,
    method: String,
    host: String,
    url: String,
    status: u16,
    result: String,
    error: String,
    rule: String,
    r#in: u64,
    in_head: u64,
    out: u64,
    out_head: u64,
    ms: u64,
}

/// Reads one line; `None` when it is no decision about traffic.
pub(crate) fn parse(line: &str) -> Option<EgressEvent> {
    let line = line.trim();
    if !line.starts_with('{') {
        return None;
    }
    let line: Line = serde_json::from_str(line).ok()?;
    if line.bottle != NAME {
        return None;
    }
    let decision = line.decision();
    let mut event = EgressEvent::new(NAME, decision);
    event.rule = known(&line.rule);
    event.reason = line.reason(decision);
    event.path = line.path();
    event.time = line.time;
    event.method = known(&line.method);
    event.host = known(&line.host);
    event.status = (line.status != 0).then_some(line.status);
    event.request_bytes = Some(line.r#in.saturating_sub(line.in_head));
    event.response_bytes = Some(line.out.saturating_sub(line.out_head));
    event.ms = Some(line.ms);
    Some(event)
}

/// Squid writes `-` for nothing.
fn known(text: &str) -> Option<String> {
    (!text.is_empty() && text != "-").then(|| text.to_owned())
}

impl Line {
    fn decision(&self) -> Decision {
        if self.result.starts_with("TCP_DENIED") {
            Decision::Deny
        } else if self.result.starts_with("NONE") && self.status >= 400 {
            // It answered by itself: no name, no connection, no sense.
            Decision::Error
        } else {
            Decision::Allow
        }
    }

    fn reason(&self, decision: Decision) -> Option<String> {
        match decision {
            Decision::Deny => Some(match self.rule.as_str() {
                NOT_ALLOWED => "no rule allows it".to_owned(),
                PRIVATE_ADDRESS => "its name stands for a private address".to_owned(),
                rule => match rule.strip_prefix(DENIED) {
                    Some(pattern) => format!("`{pattern}` is denied"),
                    None => "refused".to_owned(),
                },
            }),
            Decision::Error => Some(known(&self.error).unwrap_or_else(|| "bad request".to_owned())),
            _ => None,
        }
    }

    /// The path of a plain request, whose query Squid has cut off already.
    fn path(&self) -> Option<String> {
        let (_, rest) = self.url.split_once("://")?;
        let path = &rest[rest.find('/')?..];
        let path = path.split(['?', '#']).next().unwrap_or_default();
        Some(path.to_owned())
    }
}
