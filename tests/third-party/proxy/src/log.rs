//! tinyproxy's log lines as events.

use bottle_api::{Decision, EgressEvent};

use crate::NAME;

// [docs: log]
/// Lines such as
///
/// ```text
/// NOTICE    Nov 27 14:00:00.000 [7]: Proxying refused on filtered domain "h.test"
/// CONNECT   Nov 27 14:00:00.000 [7]: Established connection to host "h.test" using file descriptor 5.
/// ```
pub(crate) fn parse(line: &str) -> Option<EgressEvent> {
    let (_, message) = line.split_once("]: ")?;
    let refused = message.strip_prefix("Proxying refused on filtered domain ");
    let (decision, rest) = match refused {
        Some(rest) => (Decision::Deny, rest),
        None => (
            Decision::Allow,
            message.strip_prefix("Established connection to host ")?,
        ),
    };
    let host = rest.strip_prefix('"')?.split('"').next()?;
    let host = host.split(':').next().unwrap_or(host);
    let mut event = EgressEvent::new(NAME, decision);
    event.host = Some(host.to_ascii_lowercase());
    if decision == Decision::Deny {
        event.rule = Some("allowlist".into());
        event.status = Some(403);
    }
    Some(event)
}
// [docs: end]
