//! What the proxies refused during a session, told once at its end: an agent often hides it.

use std::collections::BTreeMap;

use bottle_api::{Decision, EgressEvent};

/// Refused requests by host and reason.
#[derive(Debug, Default)]
pub(super) struct Refusals(BTreeMap<(String, String), u64>);

/// More would push the agent's last words off the screen.
const SHOWN: usize = 5;

impl Refusals {
    /// Takes a decision into account.
    pub(super) fn note(&mut self, event: &EgressEvent) {
        if event.decision == Decision::Deny {
            let clean = |part: &Option<String>| {
                let text = part.as_deref().unwrap_or("?");
                text.replace(char::is_control, "\u{fffd}")
            };
            let why = if event.reason.is_some() {
                &event.reason
            } else {
                &event.rule
            };
            *self.0.entry((clean(&event.host), clean(why))).or_default() += 1;
        }
    }

    /// The lines to show; none when nothing was refused.
    pub(super) fn lines(&self, session: Option<&str>) -> Vec<String> {
        if self.0.is_empty() {
            return vec![];
        }
        let mut all: Vec<_> = self.0.iter().collect();
        all.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let mut lines = vec!["the proxies refused:".to_owned()];
        lines.extend(
            all.iter()
                .take(SHOWN)
                .map(|((host, why), count)| match count {
                    1 => format!("  {host}: {why}"),
                    _ => format!("  {host}: {why} ({count} times)"),
                }),
        );
        if all.len() > SHOWN {
            lines.push(format!("  and {} more", all.len() - SHOWN));
        }
        let name = session
            .map(|session| format!(" {session}"))
            .unwrap_or_default();
        lines.push(String::new());
        lines.push(format!(
            "hint: `bottle logs{name} --egress` shows each request; `--allow HOST` lets a host through"
        ));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(decision: Decision, host: &str) -> EgressEvent {
        let mut event = EgressEvent::new("mitmproxy", decision);
        event.host = Some(host.to_owned());
        event.reason = Some("not allowed".to_owned());
        event
    }

    #[test]
    fn what_passes_is_not_told() {
        let mut refusals = Refusals::default();
        refusals.note(&event(Decision::Allow, "a.b"));
        refusals.note(&event(Decision::Warn, "a.b"));
        assert!(refusals.lines(None).is_empty());
    }

    #[test]
    fn the_most_frequent_come_first() {
        let mut refusals = Refusals::default();
        for host in ["a.b", "c.d", "e\u{1b}.f", "c.d", "1.x", "2.x", "3.x"] {
            refusals.note(&event(Decision::Deny, host));
        }
        assert_eq!(
            refusals.lines(Some("s1")),
            [
                "the proxies refused:",
                "  c.d: not allowed (2 times)",
                "  1.x: not allowed",
                "  2.x: not allowed",
                "  3.x: not allowed",
                "  a.b: not allowed",
                "  and 1 more",
                "",
                "hint: `bottle logs s1 --egress` shows each request; `--allow HOST` lets a host through"
            ]
        );
    }
}
