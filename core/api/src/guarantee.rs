//! What a bottle promises, as data.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::HostPattern;

/// One promise a bottle can make. Backends and proxies state, for the very configuration at
/// hand, whether they give it; config may require it; the planner compares.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Guarantee {
    /// No name can be resolved from inside, so no data leaves through DNS.
    DnsClosed,
    /// No address of the host, its bridge included, answers from inside.
    HostClosed,
    /// The only route out is the first hop; no later hop can be reached directly.
    EgressOnlyByChain,
    /// Requests are decrypted before they leave, so rules can see method and path.
    TlsInspected,
    /// Secret-shaped text on its way out is refused, in URLs, headers and bodies. Two exceptions
    /// are said in the statement: bodies to hosts with an injected credential may only be logged
    /// (a conversation repeats itself), and two-way streams are searched as far as said.
    Dlp,
    /// Only allowed hosts are reached.
    HostPolicy,
    /// Real credentials are never inside the agent's container.
    CredentialsAtProxy,
    /// The agent runs on a kernel of its own (gVisor, a VM), not on the host's.
    OwnKernel,
    /// The engine itself runs without root on the host.
    Rootless,
    /// No program inside can gain privileges (`no_new_privs`, all capabilities dropped).
    NoNewPrivs,
    /// The agent is not uid 0.
    NonRoot,
    /// Memory, CPU and process count are bounded.
    Limits,
}

impl Guarantee {
    /// Every guarantee, in the order they are shown.
    pub const ALL: &'static [Self] = &[
        Self::EgressOnlyByChain,
        Self::HostPolicy,
        Self::DnsClosed,
        Self::HostClosed,
        Self::TlsInspected,
        Self::Dlp,
        Self::CredentialsAtProxy,
        Self::OwnKernel,
        Self::NoNewPrivs,
        Self::NonRoot,
        Self::Limits,
        Self::Rootless,
    ];

    /// Its name as config writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DnsClosed => "dns_closed",
            Self::HostClosed => "host_closed",
            Self::EgressOnlyByChain => "egress_only_by_chain",
            Self::TlsInspected => "tls_inspected",
            Self::Dlp => "dlp",
            Self::HostPolicy => "host_policy",
            Self::CredentialsAtProxy => "credentials_at_proxy",
            Self::OwnKernel => "own_kernel",
            Self::Rootless => "rootless",
            Self::NoNewPrivs => "no_new_privs",
            Self::NonRoot => "non_root",
            Self::Limits => "limits",
        }
    }
}
impl fmt::Display for Guarantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What one plugin says about one guarantee in this configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// Which promise.
    pub guarantee: Guarantee,
    /// Whether it holds.
    pub given: bool,
    /// Who says so: a plugin's name, or `bottle`.
    pub by: String,
    /// How it is held, or why it is withheld.
    pub how: String,
    /// What the user can do about a withheld one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// Withheld for the traffic of these hosts only; empty means all traffic. A hop that gives
    /// the same for these hosts makes up for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<HostPattern>,
}

impl Statement {
    /// The guarantee holds, in this way.
    pub fn given(guarantee: Guarantee, by: impl Into<String>, how: impl Into<String>) -> Self {
        Self {
            guarantee,
            given: true,
            by: by.into(),
            how: how.into(),
            remedy: None,
            hosts: vec![],
        }
    }
    /// The guarantee does not hold, for this reason.
    pub fn withheld(guarantee: Guarantee, by: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            guarantee,
            given: false,
            by: by.into(),
            how: why.into(),
            remedy: None,
            hosts: vec![],
        }
    }
    /// Adds what the user can do.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
    /// Limits a withheld one to these hosts; none means all.
    #[must_use]
    pub fn only_for(mut self, hosts: impl IntoIterator<Item = HostPattern>) -> Self {
        self.hosts = hosts.into_iter().collect();
        self
    }
}
