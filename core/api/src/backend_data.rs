//! What the verbs of a container engine take and give.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::IpAddr,
};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{
    ContainerPlan, EventSink, ExitStatus, ImageId, InstanceId, NetworkId, NetworkPlan, Ownership,
    Role, SessionId,
};

/// What a probe found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BackendInfo {
    /// The engine's own name and version, as shown to people: `Docker 20.10.24`.
    pub engine: String,
    /// Where it is reached: `unix:///var/run/docker.sock`.
    pub endpoint: String,
    /// OCI runtimes by the names the engine knows them.
    pub runtimes: BTreeSet<String>,
    /// The one used when none is named.
    pub default_runtime: String,
    /// The one `auto` takes where it is among them, and what to do where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred_runtime: Option<PreferredRuntime>,
    /// Fewest processes and threads a container may be limited to, by runtime: its own count.
    /// A runtime that is not named needs none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub min_pids: BTreeMap<String, u64>,
    /// CPUs of the machine that containers run on, where the engine says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpus: Option<u64>,
    /// The engine runs without root on the host.
    pub rootless: bool,
    /// Bind mounts name paths of this machine (false for an engine elsewhere).
    pub local: bool,
    /// Things worth knowing that are no error, for `doctor`.
    pub notes: Vec<String>,
    /// What the backend itself wants to remember for [`Backend::guarantees`]; keys are its own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, String>,
}

impl BackendInfo {
    /// An engine with one runtime.
    pub fn new(
        engine: impl Into<String>,
        endpoint: impl Into<String>,
        default_runtime: impl Into<String>,
    ) -> Self {
        let default_runtime = default_runtime.into();
        Self {
            engine: engine.into(),
            endpoint: endpoint.into(),
            runtimes: [default_runtime.clone()].into(),
            default_runtime,
            preferred_runtime: None,
            min_pids: BTreeMap::new(),
            cpus: None,
            rootless: false,
            local: true,
            notes: vec![],
            facts: BTreeMap::new(),
        }
    }

    /// The runtime that `auto` takes: the preferred one where it is there, else the default.
    pub fn auto_runtime(&self) -> &str {
        let preferred = self.preferred_runtime.as_ref().map(|one| &one.name);
        preferred
            .filter(|name| self.runtimes.contains(*name))
            .unwrap_or(&self.default_runtime)
    }
}

/// A runtime that isolates better than the default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreferredRuntime {
    /// Its name, as the engine would know it.
    pub name: String,
    /// How one gets it, as a hint: `install it (...) and restart the engine`.
    pub install: String,
}

/// What every acting call gets besides its own arguments. Grows without breaking the trait.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OpContext {
    /// Where progress goes.
    pub events: EventSink,
}
impl OpContext {
    /// A context that reports to `events`.
    pub fn new(events: EventSink) -> Self {
        Self { events }
    }
}

/// A [`NetworkPlan`] made concrete.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NetworkRequest<'a> {
    /// The plan.
    pub plan: &'a NetworkPlan,
    /// The subnet; the launcher picks another one on `AddressInUse`.
    pub subnet: IpNet,
}
impl<'a> NetworkRequest<'a> {
    /// A request for `plan` on `subnet`.
    pub fn new(plan: &'a NetworkPlan, subnet: IpNet) -> Self {
        Self { plan, subnet }
    }
}

/// An attachment made concrete.
#[derive(Clone, Debug)]
pub struct ResolvedAttachment {
    /// The network.
    pub network: NetworkId,
    /// Whether it is internal.
    pub internal: bool,
    /// The container's address on it.
    pub address: IpAddr,
}

/// A [`ContainerPlan`] made concrete: name chosen, image known, secrets resolved, addresses fixed.
#[non_exhaustive]
pub struct ContainerRequest<'a> {
    /// The plan; its `name`, `image`, `env`, `networks`, `hosts` and `files` are superseded by
    /// the fields here.
    pub plan: &'a ContainerPlan,
    /// The name to use.
    pub name: &'a str,
    /// The image.
    pub image: &'a ImageId,
    /// Environment, secrets included.
    pub env: &'a [(String, crate::SecretString)],
    /// Networks, in the plan's order.
    pub networks: &'a [ResolvedAttachment],
    /// Lines of `/etc/hosts`.
    pub hosts: &'a [(String, IpAddr)],
}
impl<'a> ContainerRequest<'a> {
    /// A request for `plan` under `name`, without environment, networks or hosts.
    pub fn new(plan: &'a ContainerPlan, name: &'a str, image: &'a ImageId) -> Self {
        Self {
            plan,
            name,
            image,
            env: &[],
            networks: &[],
            hosts: &[],
        }
    }
    /// Adds the resolved environment.
    #[must_use]
    pub fn env(mut self, env: &'a [(String, crate::SecretString)]) -> Self {
        self.env = env;
        self
    }
    /// Adds the resolved networks.
    #[must_use]
    pub fn networks(mut self, networks: &'a [ResolvedAttachment]) -> Self {
        self.networks = networks;
        self
    }
    /// Adds the lines of `/etc/hosts`.
    #[must_use]
    pub fn hosts(mut self, hosts: &'a [(String, IpAddr)]) -> Self {
        self.hosts = hosts;
        self
    }
}
impl fmt::Debug for ContainerRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContainerRequest")
            .field("name", &self.name)
            .field("image", &self.image)
            .finish_non_exhaustive()
    }
}

/// The state of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerState {
    /// Its name.
    pub name: String,
    /// Started and not ended.
    pub running: bool,
    /// How its main process ended; `None` before that.
    pub exit: Option<ExitStatus>,
    /// It was ended for lack of memory.
    pub oom_killed: bool,
}

/// Which log lines.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogRequest {
    /// Stay and deliver new lines; ends when the container ends.
    pub follow: bool,
    /// Only the last so many.
    pub tail: Option<usize>,
}

/// The kind of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceKind {
    /// A container.
    Container,
    /// A network.
    Network,
    /// A volume.
    Volume,
}

/// A resource that carries our labels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnedResource {
    /// Its kind.
    pub kind: ResourceKind,
    /// The engine's identifier.
    pub id: String,
    /// Its name, for people.
    pub name: String,
    /// Its owner.
    pub owner: Ownership,
    /// Whether it is a running container.
    pub running: bool,
}

/// Selects resources that carry our labels; there is no way to spell "somebody else's".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnedSelector {
    /// Of this instance only.
    pub instance: Option<InstanceId>,
    /// Of this session only.
    pub session: Option<SessionId>,
    /// Of this role only.
    pub role: Option<Role>,
}

/// The result of a removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    /// It was there and is gone.
    Now,
    /// It was gone already.
    AlreadyGone,
}
