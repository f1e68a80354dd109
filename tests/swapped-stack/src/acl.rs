//! The policy in Squid's words: who may be asked for, and where it goes.

use std::fmt::Write as _;

use bottle_api::{AllowRule, EgressPolicy, HopContext, HostPattern, NextHop};

use crate::config::Config;

const BASE: &str = include_str!("../files/squid.conf");
const PRIVATE: &str = include_str!("../files/private.conf");

/// The name of the rule, in the log, that refuses what nothing allows.
pub(crate) const NOT_ALLOWED: &str = "not_allowed";
/// ... names that stand for private addresses.
pub(crate) const PRIVATE_ADDRESS: &str = "private_address";
/// ... what the policy denies; the pattern follows.
pub(crate) const DENIED: &str = "denied:";

/// The whole file.
pub(crate) fn squid_conf(config: &Config, cx: &HopContext<'_>) -> String {
    let mut file = File(BASE.to_owned(), 0);
    file.line(&format!("visible_hostname {}", cx.host));
    file.line(&format!("read_timeout {} seconds", config.idle_seconds));
    for (number, rule) in cx.policy.allow.iter().enumerate() {
        file.host(&format!("host{number}"), &rule.host);
    }
    for (number, pattern) in cx.policy.deny.iter().enumerate() {
        let name = format!("deny{number}");
        file.host(&name, pattern);
        file.verdict("deny", &name, &format!("{DENIED}{pattern}"));
    }
    match cx.next {
        Some(next) => file.parent(next),
        None => file.no_private_addresses(cx.policy),
    }
    file.allow(config, &cx.policy.allow);
    file.verdict("deny", "all", NOT_ALLOWED);
    file.0
}

/// The text, and how many notes it has.
struct File(String, usize);

impl File {
    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    /// An ACL for a pattern. Squid's `.example.com` also matches the name itself, ours does not.
    fn host(&mut self, name: &str, pattern: &HostPattern) {
        match pattern.as_str().strip_prefix("*.") {
            None => self.line(&format!("acl {name} dstdomain -n {pattern}")),
            Some(parent) => {
                self.line(&format!("acl {name}_below dstdomain -n .{parent}"));
                self.line(&format!("acl {name}_itself dstdomain -n {parent}"));
                self.line(&format!("acl {name} all-of {name}_below !{name}_itself"));
            }
        }
    }

    /// A verdict under conditions, with its reason noted for the log.
    fn verdict(&mut self, verdict: &str, conditions: &str, rule: &str) {
        self.1 += 1;
        let note = format!("note{}", self.1);
        self.line(&format!("acl {note} annotate_transaction rule={rule}"));
        self.line(&format!("http_access {verdict} {conditions} {note}"));
    }

    /// Everything goes to the next hop. Squid counts a refused `CONNECT` as a fault of its parent;
    /// the only one there is must never be given up for that. Found down, it is looked for again
    /// after the connect timeout.
    fn parent(&mut self, next: &NextHop) {
        let NextHop { host, port, .. } = next;
        self.line(&format!(
            "cache_peer {host} parent {port} 0 no-query no-digest no-netdb-exchange default \
             connect-timeout=2 connect-fail-limit=1000000"
        ));
        self.line("never_direct allow all");
        // For the probe: whether the parent is up.
        self.line("http_access allow itself manager");
    }

    /// Squid resolves and connects by itself here. Only hosts that some rule allows get this far:
    /// a name that nothing allows must not even reach DNS.
    fn no_private_addresses(&mut self, policy: &EgressPolicy) {
        if policy.allow.is_empty() {
            return;
        }
        let hosts: Vec<String> = (0..policy.allow.len())
            .map(|number| format!("host{number}"))
            .collect();
        self.0.push_str(PRIVATE);
        self.line(&format!("acl wanted any-of {}", hosts.join(" ")));
        let mut conditions = "wanted".to_owned();
        for (number, pattern) in policy.trusted_private.iter().enumerate() {
            let name = format!("trusted{number}");
            self.host(&name, pattern);
            let _ = write!(conditions, " !{name}");
        }
        conditions.push_str(" private");
        self.verdict("deny", &conditions, PRIVATE_ADDRESS);
    }

    fn allow(&mut self, config: &Config, rules: &[AllowRule]) {
        for (number, rule) in rules.iter().enumerate() {
            let host = rule.host.as_str();
            if config.connect {
                self.ports(&format!("tunnel{number}"), rule, 443);
                let conditions = format!("CONNECT host{number} tunnel{number}");
                self.verdict("allow", &conditions, host);
            }
            self.ports(&format!("plain{number}"), rule, 80);
            let conditions = format!("!CONNECT http host{number} plain{number}");
            self.verdict("allow", &conditions, host);
        }
    }

    fn ports(&mut self, name: &str, rule: &AllowRule, standard: u16) {
        let ports = match rule.ports.as_slice() {
            [] => &[standard],
            ports => ports,
        };
        let ports: Vec<String> = ports.iter().map(ToString::to_string).collect();
        self.line(&format!("acl {name} port {}", ports.join(" ")));
    }
}
