//! pipelock's log lines as egress events.
//!
//! pipelock writes some refused URLs in full, the secret that it found included; so queries,
//! fragments and user names are dropped from every URL, and paths too when a content scanner
//! refused.

use bottle_api::{Decision, EgressEvent};
use serde::Deserialize;

use crate::NAME;

/// The members used; everything else is passed over.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Line {
    component: String,
    event: String,
    time: String,
    method: Option<String>,
    url: Option<String>,
    target: Option<String>,
    connect_host: Option<String>,
    sni_host: Option<String>,
    endpoint: Option<String>,
    scanner: Option<String>,
    reason: Option<String>,
    error: Option<String>,
    deny_message: Option<String>,
    action: Option<String>,
    header: Option<String>,
    category: Option<String>,
    patterns: Vec<String>,
    status_code: Option<u16>,
    size_bytes: Option<u64>,
    duration_ms: Option<f64>,
}

/// Reads one line; `None` when it is no decision about traffic.
pub(crate) fn parse(line: &str) -> Option<EgressEvent> {
    let line = line.trim();
    if !line.starts_with('{') {
        return None;
    }
    let line: Line = serde_json::from_str(line).ok()?;
    if line.component != NAME {
        return None;
    }
    let decision = line.decision()?;
    let mut event = EgressEvent::new(NAME, decision);
    (event.host, event.path) = line.place();
    event.time.clone_from(&line.time);
    event.method = line.method();
    event.rule = line.rule(decision);
    event.reason = line.words();
    event.status = line.status(decision);
    event.response_bytes = line.size_bytes;
    event.ms = line.duration_ms.map(whole);
    Some(event)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float becomes the nearest whole number that fits"
)]
fn whole(ms: f64) -> u64 {
    ms.round() as u64
}

impl Line {
    fn decision(&self) -> Option<Decision> {
        let blocks = self.action.as_deref() == Some("block");
        Some(match self.event.as_str() {
            "blocked" | "ws_blocked" | "sni_mismatch" | "kill_switch_deny" | "airlock_deny" => {
                Decision::Deny
            }
            "body_dlp" | "header_dlp" if blocks => Decision::Deny,
            // Requests inside an intercepted tunnel are not logged; the tunnel is.
            "anomaly" if self.scanner.as_deref() == Some("tls_intercept") => Decision::Allow,
            "body_dlp" | "header_dlp" | "response_scan" | "anomaly" => Decision::Warn,
            "forward_http" | "allowed" | "tunnel_open" | "ws_open" => Decision::Allow,
            // `close` and `CONFIG_RELOAD` are methods of no request.
            "error" if self.url.is_some() || self.target.is_some() => Decision::Error,
            _ => return None,
        })
    }

    fn method(&self) -> Option<String> {
        match self.event.as_str() {
            "tunnel_open" | "sni_mismatch" => Some("CONNECT".into()),
            _ => self.method.clone(),
        }
    }

    /// Host and path.
    fn place(&self) -> (Option<String>, Option<String>) {
        let url = self.url.as_deref().or(self.endpoint.as_deref());
        if let Some((_, rest)) = url.and_then(|url| url.split_once("://")) {
            let rest = rest.split(['?', '#']).next().unwrap_or_default();
            let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
            let secret = path == "/[redacted]" || self.found_content();
            return (host(authority), (!secret).then(|| path.to_owned()));
        }
        let authority = self.target.as_deref().or(self.connect_host.as_deref());
        (authority.and_then(host), None)
    }

    /// Whether what was refused may itself be the secret.
    fn found_content(&self) -> bool {
        let scanner = self.scanner.as_deref().unwrap_or_default();
        self.event.ends_with("_dlp")
            || scanner.contains("dlp")
            || scanner.contains("entropy")
            || ["length", "databudget", "redaction", "crlf_injection"].contains(&scanner)
    }

    fn rule(&self, decision: Decision) -> Option<String> {
        match self.event.as_str() {
            "body_dlp" | "header_dlp" | "sni_mismatch" | "response_scan" => {
                Some(self.event.clone())
            }
            "kill_switch_deny" => Some("kill_switch".into()),
            "airlock_deny" => Some("airlock".into()),
            _ if decision == Decision::Allow => None,
            _ => self.scanner.clone(),
        }
    }

    fn words(&self) -> Option<String> {
        let found = self.patterns.join(", ");
        match self.event.as_str() {
            "header_dlp" => {
                let header = self.header.as_deref().unwrap_or("(unnamed)");
                Some(format!("header `{header}` contains a secret: {found}"))
            }
            "body_dlp" => Some(format!("the body contains a secret: {found}")),
            "response_scan" => Some(format!("the response contains orders: {found}")),
            "sni_mismatch" => Some(format!(
                "the tunnel is for `{}` but its TLS asks for `{}` ({})",
                self.connect_host.as_deref().unwrap_or_default(),
                self.sni_host.as_deref().unwrap_or_default(),
                self.category.as_deref().unwrap_or("mismatch"),
            )),
            "anomaly" if self.scanner.as_deref() == Some("tls_intercept") => None,
            _ => {
                let words = self.reason.as_deref().or(self.error.as_deref());
                words.or(self.deny_message.as_deref()).map(scrub)
            }
        }
    }

    /// What the client saw; pipelock logs it for answers only.
    fn status(&self, decision: Decision) -> Option<u16> {
        let scanner = self.scanner.as_deref().unwrap_or_default();
        match (decision, self.event.as_str(), scanner) {
            (Decision::Deny, "sni_mismatch" | "ws_blocked", _) | (_, _, "sse_stream") => None,
            (Decision::Deny, "kill_switch_deny", _) => Some(503),
            (Decision::Deny, _, "ratelimit" | "budget") => Some(429),
            (Decision::Deny, _, _) => Some(403),
            (Decision::Error, _, _) => Some(502),
            _ => self.status_code,
        }
    }
}

/// The host of `user@host:port`, lower case.
fn host(authority: &str) -> Option<String> {
    let authority = authority.rsplit('@').next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    (!host.is_empty()).then(|| host.to_ascii_lowercase())
}

/// Cuts URLs in a text down to scheme and host.
fn scrub(text: &str) -> String {
    let mut clean = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (head, tail) = rest.split_at(at + 3);
        clean.push_str(head);
        let url = tail
            .find(|c: char| c.is_whitespace() || "\"'`<>".contains(c))
            .map_or(tail, |end| &tail[..end]);
        let authority = url.split(['/', '?', '#']).next().unwrap_or_default();
        clean.push_str(authority.rsplit('@').next().unwrap_or_default());
        if url.len() > authority.len() {
            clean.push_str("/...");
        }
        rest = &tail[url.len()..];
    }
    clean.push_str(rest);
    clean
}
