//! `[proxy.pipelock]`.

use std::path::PathBuf;

use bottle_api::{ConfigError, DlpMode, HostPattern};
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The image used when none is configured.
pub(crate) const IMAGE: &str = "ghcr.io/luckypipewrench/pipelock:2.3.0";

/// The table `[proxy.pipelock]`. Every key has a default that suits coding agents.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The image to run; `ghcr.io/luckypipewrench/pipelock:2.3.0` by default.
    pub image: Option<String>,
    /// A statically linked pipelock on the host, by absolute path. It is put into an image of
    /// its own, and nothing is pulled.
    pub binary: Option<PathBuf>,
    /// Decrypt `CONNECT` tunnels with the session's CA. For chains in which no hop in front
    /// does.
    pub tls_interception: bool,
    /// Names that may resolve to private addresses, besides `egress.trusted_private`. A
    /// wildcard covers the name itself too.
    pub trusted_domains: Vec<HostPattern>,
    /// Private networks that may be connected to, e.g. `172.20.0.0/16`.
    pub ip_allowlist: Vec<String>,
    /// Further roots for connections to origins: a PEM file on the host, by absolute path.
    pub upstream_ca: Option<PathBuf>,
    /// Sizes and times.
    pub limits: Limits,
    /// Secret-shaped text in requests.
    pub dlp: Dlp,
    /// Orders to the agent in responses.
    pub responses: Responses,
}

/// Sizes and times. Zero is refused: pipelock takes it for its own, small default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Memory of the sidecar, MiB.
    pub memory_mb: u64,
    /// A whole request outside a tunnel, streams included, seconds.
    pub request_seconds: u64,
    /// The life of a tunnel, seconds.
    pub tunnel_seconds: u64,
    /// Silence in a tunnel before it is closed, seconds.
    pub idle_seconds: u64,
    /// A request's body, MiB; a larger one is refused.
    pub request_body_mb: u64,
    /// A response's body, MiB. Outside interception a larger one is cut short by pipelock
    /// without a word.
    pub response_body_mb: u64,
    /// One event of an event stream, bytes.
    pub event_bytes: u64,
    /// Characters of a URL.
    pub url_length: u64,
    /// Requests per minute and registrable domain.
    pub requests_per_minute: u64,
    /// Bits per character above which a part of a URL counts as random.
    pub url_entropy: f64,
    /// Bits per character above which a label of a host name counts as random.
    pub host_entropy: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_mb: 1024,
            request_seconds: 3600,
            tunnel_seconds: 86_400,
            idle_seconds: 1800,
            request_body_mb: 64,
            response_body_mb: 256,
            event_bytes: 4 << 20,
            url_length: 8192,
            requests_per_minute: 6000,
            url_entropy: 6.0,
            host_entropy: 5.0,
        }
    }
}

/// Secret-shaped text in requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Dlp {
    /// What to do with it; `egress.dlp` when absent. URLs are refused even with `warn`.
    pub action: Option<DlpMode>,
    /// Use pipelock's own patterns. Eight of them cannot be switched off.
    pub include_defaults: bool,
    /// Further patterns.
    pub patterns: Vec<Pattern>,
    /// Headers that are not scanned because real credentials belong there.
    pub credential_headers: Vec<String>,
}

impl Default for Dlp {
    fn default() -> Self {
        Self {
            action: None,
            include_defaults: true,
            patterns: vec![],
            credential_headers: ["Authorization", "X-Api-Key", "X-Goog-Api-Key"]
                .map(String::from)
                .into(),
        }
    }
}

/// A shape of secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pattern {
    /// Its name, as refusals show it.
    pub name: String,
    /// Go syntax; case is ignored.
    pub regex: String,
    /// `critical`, `high`, `medium` or `low`.
    #[serde(default = "Pattern::severe")]
    pub severity: String,
    /// Hosts whose URLs may hold it.
    #[serde(default)]
    pub exempt_domains: Vec<HostPattern>,
}

impl Pattern {
    fn severe() -> String {
        "critical".into()
    }
}

/// Orders to the agent in responses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Responses {
    /// Scan responses. Compressed ones are refused then, and large ones cost time.
    pub scan: bool,
    /// Refuse a response with a finding, and end a stream at it. The patterns are broad: they
    /// fire on ordinary documentation.
    pub block: bool,
    /// Hosts whose responses are never refused, such as a model's API.
    pub exempt_domains: Vec<HostPattern>,
}

impl Default for Responses {
    fn default() -> Self {
        Self {
            scan: true,
            block: false,
            exempt_domains: vec![],
        }
    }
}

impl Config {
    /// What the types cannot say.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if self.image.is_some() && self.binary.is_some() {
            return Err(ConfigError::new(
                "`image` and `binary` exclude each other; remove one of them",
            ));
        }
        for (key, path) in [("binary", &self.binary), ("upstream_ca", &self.upstream_ca)] {
            if let Some(path) = path
                && !path.is_absolute()
            {
                return Err(ConfigError::new(format!(
                    "`{key}` must be an absolute path, not `{}`",
                    path.display()
                )));
            }
        }
        self.check_networks()?;
        self.check_patterns()?;
        self.limits.check()
    }

    fn check_networks(&self) -> Result<(), ConfigError> {
        for text in &self.ip_allowlist {
            let net: IpNet = text.parse().map_err(|_| {
                ConfigError::new(format!(
                    "`ip_allowlist`: `{text}` is no network; write it like `172.20.0.0/16`"
                ))
            })?;
            if net.prefix_len() == 0 {
                return Err(ConfigError::new(format!(
                    "`ip_allowlist`: `{text}` is every address; name the private network"
                )));
            }
            if net.trunc().to_string() != *text {
                return Err(ConfigError::new(format!(
                    "`ip_allowlist`: `{text}` has host bits; write `{}`",
                    net.trunc()
                )));
            }
        }
        Ok(())
    }

    fn check_patterns(&self) -> Result<(), ConfigError> {
        let severities = ["critical", "high", "medium", "low"];
        for pattern in &self.dlp.patterns {
            if !severities.contains(&pattern.severity.as_str()) {
                return Err(ConfigError::new(format!(
                    "`dlp.patterns`: severity `{}` of `{}` must be one of {}",
                    pattern.severity,
                    pattern.name,
                    severities.join(", ")
                )));
            }
            if pattern.name.is_empty() || pattern.regex.is_empty() {
                return Err(ConfigError::new(
                    "`dlp.patterns`: every pattern needs a `name` and a `regex`",
                ));
            }
        }
        Ok(())
    }
}

impl Limits {
    fn check(&self) -> Result<(), ConfigError> {
        let whole = [
            ("memory_mb", self.memory_mb),
            ("request_seconds", self.request_seconds),
            ("tunnel_seconds", self.tunnel_seconds),
            ("idle_seconds", self.idle_seconds),
            ("request_body_mb", self.request_body_mb),
            ("response_body_mb", self.response_body_mb),
            ("event_bytes", self.event_bytes),
            ("url_length", self.url_length),
            ("requests_per_minute", self.requests_per_minute),
        ];
        // Everything must fit pipelock's signed numbers, bytes included.
        let most = i64::MAX.unsigned_abs() >> 20;
        if let Some((key, value)) = whole.iter().find(|(_, v)| *v == 0 || *v > most) {
            return Err(ConfigError::new(format!(
                "`limits.{key}` must be between 1 and {most}, not {value}; \
                 leave it out for the default"
            )));
        }
        let bits = [
            ("url_entropy", self.url_entropy),
            ("host_entropy", self.host_entropy),
        ];
        match bits.iter().find(|(_, v)| !(v.is_finite() && *v > 0.0)) {
            None => Ok(()),
            Some((key, value)) => Err(ConfigError::new(format!(
                "`limits.{key}` must be above 0, not {value}"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Change = Box<dyn FnOnce(&mut Config)>;

    fn check(change: impl FnOnce(&mut Config)) -> Result<(), String> {
        let mut config = Config::default();
        change(&mut config);
        config.check().map_err(|error| error.message)
    }

    #[test]
    fn the_default_is_valid() {
        assert_eq!(check(|_| {}), Ok(()));
    }

    #[test]
    fn errors_name_the_key() {
        let cases: [(&str, Change); 7] = [
            (
                "`binary` must be",
                Box::new(|c| c.binary = Some("x/y".into())),
            ),
            (
                "`upstream_ca` must",
                Box::new(|c| c.upstream_ca = Some("ca".into())),
            ),
            (
                "exclude each other",
                Box::new(|c| {
                    c.image = Some("i".into());
                    c.binary = Some("/b".into());
                }),
            ),
            (
                "write `10.1.0.0/16`",
                Box::new(|c| c.ip_allowlist = vec!["10.1.2.3/16".into()]),
            ),
            (
                "every address",
                Box::new(|c| c.ip_allowlist = vec!["0.0.0.0/0".into()]),
            ),
            (
                "`limits.idle_seconds`",
                Box::new(|c| c.limits.idle_seconds = 0),
            ),
            (
                "`limits.url_entropy`",
                Box::new(|c| c.limits.url_entropy = f64::NAN),
            ),
        ];
        for (part, change) in cases {
            let error = check(change).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
