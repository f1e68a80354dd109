//! What another process must know about a session.

use std::{collections::BTreeMap, time::SystemTime};

use bottle_api::{ContainerId, Role, SessionId};
use serde::{Deserialize, Serialize};

/// `meta.json`: what another process must know to find, join and end a session. No secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SessionMeta {
    /// The session.
    pub session: SessionId,
    /// The bottle's name, as `bottle attach` takes it. Empty until the container has one.
    pub name: String,
    /// The agent: `claude`.
    pub agent: String,
    /// The chain, from the agent outward.
    pub proxies: Vec<String>,
    /// The working folder on the host.
    pub workspace: std::path::PathBuf,
    /// The backend that runs it.
    pub backend: String,
    /// That backend's config table, as TOML; `None` for the defaults.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend_table: Option<String>,
    /// The agent's container, once it exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<ContainerId>,
    /// The owning process.
    pub pid: u32,
    /// When it began, RFC 3339.
    pub created: String,
    /// Log lines of each hop that an earlier owner has read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub log_lines: BTreeMap<Role, usize>,
}

impl SessionMeta {
    /// A session of this process that begins now.
    pub(crate) fn new(session: SessionId, backend: String) -> Self {
        Self {
            session,
            name: String::new(),
            agent: String::new(),
            proxies: vec![],
            workspace: std::path::PathBuf::new(),
            backend,
            backend_table: None,
            container: None,
            pid: std::process::id(),
            created: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            log_lines: BTreeMap::new(),
        }
    }
}
