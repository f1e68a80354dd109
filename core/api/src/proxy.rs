//! The contract of a proxy: a pure function from its config and its place to one hop.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize};

use crate::{
    EgressEvent, EgressPolicy, EnvValue, FilePlan, HostPattern, ImagePlan, Mount, PluginError,
    ReadyCheck, SecretRef, SessionId, Statement,
};

/// A way in which a client may talk to a hop. A hop reads this off the next one instead of
/// asking which product it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Accepts {
    /// `CONNECT host:port`.
    Connect,
    /// `GET http://host/path`.
    AbsoluteHttp,
    /// `GET https://host/path` in plain text: the hop makes the TLS connection itself.
    AbsoluteHttps,
}

/// A service of a hop that judges content on request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanApi {
    /// Its port.
    pub port: u16,
    /// The path of the endpoint: `/api/v1/scan`.
    pub path: String,
    /// Its dialect, e.g. `pipelock-v1`.
    pub dialect: String,
    /// The bearer token.
    pub token: SecretRef,
}

/// Where a hop says that it is healthy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthEndpoint {
    /// Its port.
    pub port: u16,
    /// Its path.
    pub path: String,
    /// Members of its JSON answer that must have these values.
    pub expect: BTreeMap<String, serde_json::Value>,
}

/// What a hop enforces by itself, in this configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "a set of independent facts")]
pub struct Enforces {
    /// The allowed hosts.
    pub hosts: bool,
    /// Methods and paths of the rules.
    pub http_rules: bool,
    /// Secret-shaped text.
    pub dlp: bool,
    /// Injection of credentials.
    pub credentials: bool,
}

/// Whose traffic is plain text on the link into a hop: handed over decrypted by the hop in
/// front, as [`Accepts::AbsoluteHttps`]. Everything else comes through tunnels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Readable {
    /// Nobody's. What the agent itself sends is of this kind.
    #[default]
    Nothing,
    /// Everybody's but these hosts'.
    AllBut(Vec<HostPattern>),
}

/// The next hop towards the outside, as the one before it sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextHop {
    /// Its name in `/etc/hosts`.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How one may talk to it.
    pub accepts: BTreeSet<Accepts>,
    /// Its scan service, if it has one.
    pub scan: Option<ScanApi>,
    /// Its health endpoint, if it has one.
    pub health: Option<HealthEndpoint>,
    /// It ends TLS itself with the session's CA, which the client must then trust.
    pub ends_tls: bool,
    /// What it, or a hop behind it, enforces.
    pub enforces: Enforces,
}

/// What a proxy may know while planning: policy and its place; nothing of engines or names of
/// other products.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HopContext<'a> {
    /// The session, for names in logs.
    pub session: &'a SessionId,
    /// The name under which the hop before reaches this one.
    pub host: &'a str,
    /// What to enforce.
    pub policy: &'a EgressPolicy,
    /// `None` for the last hop.
    pub next: Option<&'a NextHop>,
    /// Whether the agent is directly in front of this hop.
    pub first: bool,
    /// What comes in plain text, if this hop accepts [`Accepts::AbsoluteHttps`]. It can speak
    /// for no other content than this and what it decrypts itself.
    pub readable: Readable,
}
impl<'a> HopContext<'a> {
    /// A first and last hop.
    pub fn new(session: &'a SessionId, host: &'a str, policy: &'a EgressPolicy) -> Self {
        Self {
            session,
            host,
            policy,
            next: None,
            first: true,
            readable: Readable::Nothing,
        }
    }
    /// With a hop behind it.
    #[must_use]
    pub fn next(mut self, next: Option<&'a NextHop>) -> Self {
        self.next = next;
        self
    }
    /// Whether the agent is directly in front.
    #[must_use]
    pub fn first(mut self, first: bool) -> Self {
        self.first = first;
        self
    }
    /// With what the hop in front hands over decrypted.
    #[must_use]
    pub fn readable(mut self, readable: Readable) -> Self {
        self.readable = readable;
        self
    }
}

/// One hop, as data. Networks, names, labels, order and limits are the planner's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HopPlan {
    /// Its image.
    pub image: ImagePlan,
    /// Replaces the image's entry point.
    pub entrypoint: Option<Vec<String>>,
    /// Its arguments.
    pub command: Vec<String>,
    /// Its environment.
    pub env: BTreeMap<String, EnvValue>,
    /// `uid:gid`; never root.
    pub user: String,
    /// Volumes and tmpfs it needs; the root file system is read-only.
    pub mounts: Vec<Mount>,
    /// Its files; only into its volumes.
    pub files: Vec<FilePlan>,
    /// Where clients talk to it.
    pub port: u16,
    /// How they may.
    pub accepts: BTreeSet<Accepts>,
    /// Its scan service.
    pub scan: Option<ScanApi>,
    /// Its health endpoint, for the hop in front: healthy means that the hops behind are, too.
    /// Without one the launcher runs this hop's own check as well.
    pub health: Option<HealthEndpoint>,
    /// It ends TLS with the session's CA: whoever is before it must trust that.
    pub ends_tls: bool,
    /// What it enforces by itself.
    pub enforces: Enforces,
    /// How it proves that it *and the hops behind it* are ready.
    pub ready: ReadyCheck,
    /// It must be started before the hop in front of it.
    pub start_first: bool,
    /// What it promises or withholds: `HostPolicy`, `TlsInspected`, `Dlp`, `CredentialsAtProxy`.
    /// Of a hop that does not end TLS, the planner believes the two about content only for what
    /// was handed to it in plain text.
    pub guarantees: Vec<Statement>,
    /// Bytes of memory it should be given.
    pub memory: u64,
}
impl HopPlan {
    /// A hop that accepts `Connect` and `AbsoluteHttp` as user 65534 and promises nothing.
    pub fn new(image: ImagePlan, port: u16) -> Self {
        Self {
            image,
            entrypoint: None,
            command: vec![],
            env: BTreeMap::new(),
            user: "65534:65534".into(),
            mounts: vec![],
            files: vec![],
            port,
            accepts: [Accepts::Connect, Accepts::AbsoluteHttp].into(),
            scan: None,
            health: None,
            ends_tls: false,
            enforces: Enforces::default(),
            ready: ReadyCheck::Running,
            start_first: false,
            guarantees: vec![],
            memory: 512 << 20,
        }
    }
}

/// A proxy: a pure function from its config and its place in the chain to one hop.
///
/// # Contract
/// * `plan` does no I/O, reads no clock and no randomness: the same input gives the same hop.
/// * A hop that cannot forward to another one ([`Proxy::chains`] is false) is refused anywhere
///   but last.
/// * Secret values appear nowhere: files and environment hold references.
/// * The hop refuses everything the policy does not allow, or says in `enforces` that it
///   does not.
pub trait Proxy: fmt::Debug + Send + Sync + 'static {
    /// The name it is registered under.
    fn name(&self) -> &'static str;
    /// Whether it can forward to a further hop.
    fn chains(&self) -> bool;
    /// What this hop would hand over in plain text to one behind it that accepts
    /// [`Accepts::AbsoluteHttps`], when `arriving` is what comes to it so. Pure, and asked from
    /// the first hop to the last before any hop is planned. By default nothing, so that no hop
    /// behind is believed to see content.
    ///
    /// A host counts only if all of its traffic is handed over, or if what is not (WebSocket,
    /// gRPC) is searched by this hop itself.
    fn hands_over(&self, policy: &EgressPolicy, arriving: &Readable) -> Readable {
        let _ = (policy, arriving);
        Readable::Nothing
    }
    /// Makes the hop.
    fn plan(&self, cx: &HopContext<'_>) -> Result<HopPlan, PluginError>;
    /// Reads one line of its log. `None` for lines that are no decision about traffic.
    fn parse_log(&self, line: &str) -> Option<EgressEvent>;
}
