//! Our host rules in pipelock's terms.
//!
//! Both write `*.example.com`, but ours does not match `example.com` and pipelock's does. Where
//! that would let more through, the name itself goes on the blocklist; where it would let less
//! through than was asked for, there is an error.

use std::collections::BTreeSet;

use bottle_api::{EgressPolicy, HostPattern, TrafficClass};

/// Never resolves; stands for "nothing is allowed", which pipelock would refuse to start with.
const NOTHING: &str = "nothing-is-allowed.invalid";

/// pipelock's lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostLists {
    /// `api_allowlist`.
    pub allow: Vec<String>,
    /// `fetch_proxy.monitoring.blocklist`, which wins.
    pub block: Vec<String>,
    /// `tls_interception.passthrough_domains`; here wildcards mean the same to both.
    pub passthrough: Vec<String>,
}

/// A rule that pipelock has no words for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostListsError {
    /// The name that is allowed.
    pub allowed: String,
    /// The wildcard that is denied.
    pub denied: String,
}

impl std::fmt::Display for HostListsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "pipelock cannot allow `{}` and deny `{}`: to it, the wildcard covers the name too",
            self.allowed, self.denied
        )
    }
}
impl std::error::Error for HostListsError {}

impl HostLists {
    /// Translates a policy.
    pub fn new(policy: &EgressPolicy) -> Result<Self, HostListsError> {
        let allowed = |host: &str| policy.allow.iter().any(|rule| rule.host.matches(host));
        let denied = |host: &str| policy.deny.iter().any(|pattern| pattern.matches(host));
        let allow: BTreeSet<&HostPattern> = policy.allow.iter().map(|rule| &rule.host).collect();
        let mut block: BTreeSet<String> = policy.deny.iter().map(ToString::to_string).collect();
        for parent in policy.deny.iter().filter_map(parent) {
            if allowed(parent) && !denied(parent) {
                return Err(HostListsError {
                    allowed: parent.to_owned(),
                    denied: format!("*.{parent}"),
                });
            }
        }
        for parent in allow.iter().copied().filter_map(parent) {
            if !allowed(parent) {
                block.insert(parent.to_owned());
            }
        }
        let passthrough: BTreeSet<String> = policy
            .allow
            .iter()
            // A class that is decrypted but not scanned does not exist here, and without one
            // its streams and WebSockets would not pass.
            .filter(|rule| rule.class != TrafficClass::Inspect)
            .map(|rule| rule.host.to_string())
            .collect();
        let mut allow: Vec<String> = allow.into_iter().map(ToString::to_string).collect();
        if allow.is_empty() {
            allow.push(NOTHING.into());
        }
        Ok(Self {
            allow,
            block: block.into_iter().collect(),
            passthrough: passthrough.into_iter().collect(),
        })
    }
}

/// `example.com` of `*.example.com`.
fn parent(pattern: &HostPattern) -> Option<&str> {
    pattern.as_str().strip_prefix("*.")
}

#[cfg(test)]
mod tests {
    use bottle_api::AllowRule;

    use super::*;

    fn policy(allow: &[&str], deny: &[&str]) -> EgressPolicy {
        EgressPolicy {
            allow: allow
                .iter()
                .map(|host| AllowRule::host(host.parse().unwrap()))
                .collect(),
            deny: deny.iter().map(|host| host.parse().unwrap()).collect(),
            ..EgressPolicy::default()
        }
    }

    fn lists(allow: &[&str], deny: &[&str]) -> (Vec<String>, Vec<String>) {
        let lists = HostLists::new(&policy(allow, deny)).unwrap();
        (lists.allow, lists.block)
    }

    #[test]
    fn a_wildcard_does_not_let_its_parent_through() {
        let (allow, block) = lists(&["*.a.test", "b.test"], &[]);
        assert_eq!(allow, ["*.a.test", "b.test"]);
        assert_eq!(block, ["a.test"]);
    }

    #[test]
    fn a_parent_with_a_rule_of_its_own_stays_allowed() {
        assert!(lists(&["*.a.test", "a.test"], &[]).1.is_empty());
        assert!(lists(&["*.a.test", "*.x.a.test"], &[]).1 == ["a.test"]);
    }

    #[test]
    fn what_is_denied_is_blocked() {
        assert_eq!(
            lists(&["*.a.test", "a.test"], &["x.a.test"]).1,
            ["x.a.test"]
        );
        assert_eq!(lists(&["b.test"], &["*.a.test"]).1, ["*.a.test"]);
        assert_eq!(
            lists(&["a.test"], &["*.a.test", "a.test"]).1,
            ["*.a.test", "a.test"]
        );
    }

    #[test]
    fn a_denied_wildcard_under_an_allowed_name_is_an_error() {
        let error = HostLists::new(&policy(&["a.test"], &["*.a.test"])).unwrap_err();
        assert_eq!(
            (error.allowed.as_str(), error.denied.as_str()),
            ("a.test", "*.a.test")
        );
    }

    #[test]
    fn nothing_allowed_is_a_name_that_never_is() {
        assert_eq!(lists(&[], &[]).0, [NOTHING]);
    }

    #[test]
    fn classes_that_are_not_scanned_pass_through() {
        let mut policy = policy(&["a.test", "b.test", "*.c.test"], &[]);
        policy.allow[1].class = TrafficClass::Tunnel;
        policy.allow[2].class = TrafficClass::Passthrough;
        let lists = HostLists::new(&policy).unwrap();
        assert_eq!(lists.passthrough, ["*.c.test", "b.test"]);
    }
}
