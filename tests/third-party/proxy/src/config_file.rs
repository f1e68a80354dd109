//! tinyproxy's files, made of the policy.

use bottle_api::{AllowRule, EgressPolicy, HopContext, HostPattern};

use crate::{PORT, TurnstileConfig};

/// `tinyproxy.conf`.
pub(crate) fn main(config: &TurnstileConfig, cx: &HopContext<'_>) -> String {
    let mut text = format!(
        "Port {PORT}\n\
         Timeout {}\n\
         MaxClients 200\n\
         LogLevel Connect\n\
         StatHost \"tinyproxy.stats\"\n\
         Filter \"/turnstile/allow\"\n\
         FilterURLs Off\n\
         FilterType ere\n\
         FilterDefaultDeny Yes\n\
         DisableViaHeader Yes\n",
        config.timeout_secs
    );
    for port in ports(&cx.policy.allow) {
        text += &format!("ConnectPort {port}\n");
    }
    if let Some(next) = cx.next {
        text += &format!("Upstream http {}:{}\n", next.host, next.port);
    }
    text
}

fn ports(rules: &[AllowRule]) -> Vec<u16> {
    let mut all: Vec<u16> = rules.iter().flat_map(|rule| rule.ports.clone()).collect();
    all.push(443);
    all.sort_unstable();
    all.dedup();
    all
}

/// The filter: one anchored expression for each host. A refused host below an allowed pattern
/// cannot be said in POSIX expressions, so the pattern goes with it.
pub(crate) fn allowed(policy: &EgressPolicy) -> String {
    let refused = |host: &HostPattern| policy.deny.iter().any(|deny| host.covers(deny));
    let lines = policy
        .allow
        .iter()
        .map(|rule| &rule.host)
        .filter(|host| !refused(host) && !policy.deny.iter().any(|deny| deny.covers(host)))
        .map(|host| expression(host.as_str()));
    let mut text: Vec<String> = lines.collect();
    text.push(expression("tinyproxy.stats"));
    text.join("\n") + "\n"
}

fn expression(host: &str) -> String {
    match host.strip_prefix("*.") {
        None => format!("^{}$", host.replace('.', "\\.")),
        Some(parent) => format!("^[^/]+\\.{}$", parent.replace('.', "\\.")),
    }
}
