//! What may leave a bottle: hosts, methods, paths, credentials. Data that every proxy reads.

use std::{collections::BTreeSet, fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::SecretRef;

/// A host name, or `*.` and a name, which matches every name below it *and not* the name itself.
/// Always lower case, without a trailing dot; never an IP address, a port or a path.
#[derive(
    Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct HostPattern(String);

/// Why a text is not a [`HostPattern`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a host pattern: {why}; write a name such as `api.example.com` or `*.example.com`"
)]
pub struct HostPatternError {
    text: String,
    why: &'static str,
}

impl HostPattern {
    /// The pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `host` (without port) falls under this pattern. ASCII case is ignored.
    pub fn matches(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        match self.0.strip_prefix("*.") {
            None => host == self.0,
            Some(parent) => host
                .strip_suffix(parent)
                .is_some_and(|head| head.len() > 1 && head.ends_with('.')),
        }
    }

    /// Whether every host that `other` matches is matched by `self` too.
    pub fn covers(&self, other: &Self) -> bool {
        match (self.0.strip_prefix("*."), other.0.strip_prefix("*.")) {
            (None, None) => self.0 == other.0,
            (None, Some(_)) => false,
            (Some(_), None) => self.matches(&other.0),
            (Some(mine), Some(theirs)) => {
                mine == theirs
                    || theirs
                        .strip_suffix(mine)
                        .is_some_and(|head| head.ends_with('.'))
            }
        }
    }

    /// The hosts that both lists match, as patterns: sorted, each once.
    pub fn common(one: &[Self], other: &[Self]) -> Vec<Self> {
        // Two patterns are apart, or one lies within the other.
        let pairs = one.iter().flat_map(|a| other.iter().map(move |b| (a, b)));
        let narrower = |(a, b): (&Self, &Self)| match (a.covers(b), b.covers(a)) {
            (true, _) => Some(b.clone()),
            (_, true) => Some(a.clone()),
            _ => None,
        };
        let found: BTreeSet<Self> = pairs.filter_map(narrower).collect();
        found.into_iter().collect()
    }
}

impl FromStr for HostPattern {
    type Err = HostPatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = |why| {
            Err(HostPatternError {
                text: text.to_owned(),
                why,
            })
        };
        let name = text.strip_prefix("*.").unwrap_or(text);
        let name = name.strip_suffix('.').unwrap_or(name);
        if name.is_empty() {
            return fail("it is empty");
        }
        if text.contains("://") || text.contains('/') {
            return fail("it has a scheme or a path");
        }
        if text.contains(':') {
            return fail("it has a port");
        }
        if name.contains('*') {
            return fail("`*` may only be the whole first label");
        }
        if name.parse::<std::net::IpAddr>().is_ok()
            || name
                .split('.')
                .all(|l| l.bytes().all(|b| b.is_ascii_digit()))
        {
            return fail("it is an IP address");
        }
        let good_label = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        if name.len() > 253 || !name.split('.').all(good_label) {
            return fail(
                "its labels must be letters, digits and hyphens (punycode for other scripts)",
            );
        }
        let star = if text.starts_with("*.") { "*." } else { "" };
        if !star.is_empty() && !name.contains('.') {
            return fail("a wildcard over a whole top-level domain is too wide");
        }
        Ok(Self(format!("{star}{}", name.to_ascii_lowercase())))
    }
}
impl TryFrom<String> for HostPattern {
    type Error = HostPatternError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}
impl From<HostPattern> for String {
    fn from(pattern: HostPattern) -> Self {
        pattern.0
    }
}
impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How the traffic of a rule is treated by a hop that ends TLS.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum TrafficClass {
    /// Decrypted and scanned as a whole. The default.
    #[default]
    Inspect,
    /// Decrypted; only host, method and path are checked; streams, WebSocket and gRPC pass.
    Tunnel,
    /// Not decrypted at all (pinned certificates, mutual TLS): host policy only.
    Passthrough,
}

/// One permission. Everything that no rule allows is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllowRule {
    /// The hosts it is about.
    pub host: HostPattern,
    /// Ports; empty means 443 (and 80 for plain HTTP).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<u16>,
    /// Upper-case methods; empty means all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// Path globs (`*` inside a segment, `**` over segments); empty means all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// How its traffic is treated.
    #[serde(default)]
    pub class: TrafficClass,
}

impl AllowRule {
    /// A rule that allows everything on `host`.
    pub fn host(host: HostPattern) -> Self {
        Self {
            host,
            ports: vec![],
            methods: vec![],
            paths: vec![],
            class: TrafficClass::default(),
        }
    }
    /// Whether it looks deeper than the host, which only a hop that reads HTTP can enforce.
    pub fn needs_http(&self) -> bool {
        !self.methods.is_empty() || !self.paths.is_empty()
    }
}

/// What happens when a secret-shaped text is found on its way out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DlpMode {
    /// Refuse the request. The default.
    #[default]
    Block,
    /// Let it pass and log it.
    Warn,
    /// Do not look.
    Off,
}

/// A credential that a proxy puts into requests; the agent only ever holds a placeholder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// Its name, e.g. `ANTHROPIC_API_KEY`.
    pub name: String,
    /// Where the real value comes from.
    pub secret: SecretRef,
    /// What the agent holds instead. Not secret, unique to the session.
    pub placeholder: String,
    /// The only hosts whose requests get the real value.
    pub hosts: Vec<HostPattern>,
    /// The header that carries it, lower case. The placeholder inside that header's value is
    /// replaced; when the header is absent and `always` is set, it is added.
    pub header: String,
    /// The value written when the header is added: `{}` stands for the secret.
    pub format: String,
    /// Add the header even when the agent did not send it.
    pub always: bool,
}

/// Everything the proxies of a bottle enforce, as data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EgressPolicy {
    /// Permissions; their order does not matter.
    pub allow: Vec<AllowRule>,
    /// Hosts that stay refused whatever `allow` says.
    pub deny: Vec<HostPattern>,
    /// Credentials injected on the way out.
    pub credentials: Vec<Credential>,
    /// Treatment of secret-shaped text.
    pub dlp: DlpMode,
    /// Fixed addresses for names, as the last hop sees them (a private origin without DNS).
    pub hosts: std::collections::BTreeMap<String, std::net::IpAddr>,
    /// Names that may resolve to private addresses.
    pub trusted_private: Vec<HostPattern>,
}

impl EgressPolicy {
    /// Whether some rule can be enforced only by a hop that reads HTTP.
    pub fn needs_http(&self) -> bool {
        self.allow.iter().any(AllowRule::needs_http)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> HostPattern {
        text.parse().unwrap()
    }

    #[test]
    fn wildcards_match_below_and_not_beside() {
        let wild = pattern("*.GitHub.com");
        assert!(wild.matches("api.github.com"));
        assert!(wild.matches("a.b.GITHUB.com."));
        for host in [
            "github.com",
            "evilgithub.com",
            ".github.com",
            "github.com.evil.org",
        ] {
            assert!(!wild.matches(host), "{host}");
        }
        assert!(pattern("github.com").matches("GitHub.com"));
        assert!(!pattern("github.com").matches("api.github.com"));
    }

    #[test]
    fn covers_is_the_subset_relation() {
        assert!(pattern("*.a.b").covers(&pattern("x.a.b")));
        assert!(pattern("*.a.b").covers(&pattern("*.x.a.b")));
        assert!(pattern("*.a.b").covers(&pattern("*.a.b")));
        assert!(!pattern("*.a.b").covers(&pattern("a.b")));
        assert!(!pattern("x.a.b").covers(&pattern("*.a.b")));
        assert!(!pattern("*.xa.b").covers(&pattern("*.a.b")));
    }

    #[test]
    fn common_is_the_intersection() {
        let list = |text: &str| text.split_whitespace().map(pattern).collect::<Vec<_>>();
        for (one, other, both) in [
            ("*.a.b c.d", "x.a.b *.a.b", "*.a.b x.a.b"),
            ("*.a.b", "a.b c.d", ""),
            ("x.a.b", "*.a.b *.x.a.b", "x.a.b"),
            ("", "a.b", ""),
        ] {
            let expected = list(both);
            assert_eq!(HostPattern::common(&list(one), &list(other)), expected);
            assert_eq!(HostPattern::common(&list(other), &list(one)), expected);
        }
    }

    #[test]
    fn refuses_what_is_not_a_host() {
        for text in [
            "",
            "*",
            "*.com",
            "https://a.b",
            "a.b/c",
            "a.b:443",
            "a.*.b",
            "1.2.3.4",
            "127.1",
            "::1",
            "-a.b",
            "a..b",
            "a b.c",
            "*.",
            "0x7f.1*",
        ] {
            assert!(text.parse::<HostPattern>().is_err(), "{text:?}");
        }
    }
}
