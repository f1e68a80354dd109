//! `[proxy.mitmproxy]`.

use std::path::PathBuf;

use bottle_api::{ConfigError, DlpMode, HostPattern};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The table `[proxy.mitmproxy]`. Every key has a default that suits coding agents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The image to run. By default a published one, or, where that cannot be had, one built
    /// from Debian and Python packages. It needs `mitmdump` and `python3` on its path.
    pub image: Option<String>,
    /// How requests reach the next hop.
    pub mode: Mode,
    /// Hosts whose traffic is tunnelled past the next hop's content scan: package registries,
    /// large downloads. They still need to be allowed.
    pub tunnel: Vec<HostPattern>,
    /// Hosts whose TLS is not opened at all: pinned certificates, mutual TLS. Methods and
    /// paths cannot be checked there, nor credentials injected. They still need to be allowed.
    pub passthrough: Vec<HostPattern>,
    /// Secret-shaped text in requests, by place.
    pub dlp: Dlp,
    /// What happens when the agent sends a credential of its own to a host that has an
    /// injected one, in the same header.
    pub foreign_credentials: ForeignCredentials,
    /// The largest request body, MiB. Bodies are held in memory while they are judged.
    pub body_limit_mb: u64,
    /// Further roots for connections to origins: a PEM file on the host.
    #[schemars(extend("x-bottle-path" = true))]
    pub upstream_ca: Option<PathBuf>,
    /// Memory of the sidecar, MiB.
    pub memory_mb: u64,
    /// How long it may take to get ready, seconds.
    pub ready_seconds: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            image: None,
            mode: Mode::default(),
            tunnel: vec![],
            passthrough: vec![],
            dlp: Dlp::default(),
            foreign_credentials: ForeignCredentials::default(),
            body_limit_mb: 64,
            upstream_ca: None,
            memory_mb: 1024,
            ready_seconds: 60,
        }
    }
}

/// How requests reach the next hop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// In absolute form, decrypted; the next hop makes the TLS connection. The default.
    #[default]
    Handoff,
    /// By `CONNECT`, encrypted again; the next hop sees content only when it ends TLS itself.
    Upstream,
}

/// A credential of the agent's own where an injected one is expected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ForeignCredentials {
    /// Refused: it would let data leave under somebody else's account. The default.
    #[default]
    Refuse,
    /// Let through, for services that hand out tokens of their own on the same host.
    Allow,
}

/// Secret-shaped text in requests: what to do with it, by place. Absent keys follow
/// `egress.dlp`. Real secrets of the session are always refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Dlp {
    /// In URLs.
    pub url: Option<DlpMode>,
    /// In headers.
    pub headers: Option<DlpMode>,
    /// In bodies of inspected traffic.
    pub inspect: Option<DlpMode>,
    /// In bodies to hosts with credentials; at most `warn` by default, because a conversation
    /// that once held a secret repeats it with every turn.
    pub credentialed: Option<DlpMode>,
    /// In bodies of tunnelled traffic. With `off` they stream.
    pub tunnel: Option<DlpMode>,
    /// Headers in which the agent may send credentials of its own, such as `authorization`.
    pub skip_headers: Vec<String>,
}

impl Config {
    /// What the types cannot say.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        for (key, value, most) in [
            ("body_limit_mb", self.body_limit_mb, 4096),
            ("memory_mb", self.memory_mb, 1 << 20),
            ("ready_seconds", self.ready_seconds, 3600),
        ] {
            if value == 0 || value > most {
                return Err(ConfigError::new(format!(
                    "`{key}` must be between 1 and {most}, not {value}; \
                     leave it out for the default"
                )));
            }
        }
        if let Some(path) = &self.upstream_ca
            && !path.is_absolute()
        {
            return Err(ConfigError::new(format!(
                "`upstream_ca` must be an absolute path, not `{}`",
                path.display()
            )));
        }
        let both = self.tunnel.iter().find(|h| self.passthrough.contains(h));
        if let Some(host) = both {
            return Err(ConfigError::new(format!(
                "`{host}` is under `tunnel` and under `passthrough`; keep one of them"
            )));
        }
        Ok(())
    }
}
