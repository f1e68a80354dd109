//! The contract of a container engine.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::IpAddr,
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{
    BackendError, BackendErrorKind, BoxStream, ContainerId, ContainerPlan, Derive, EventSink,
    ExecRequest, ExitStatus, ImageId, ImageSource, InstanceId, NetworkId, NetworkPlan, Ownership,
    Process, Role, SessionId, Statement, Stdio,
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
            rootless: false,
            local: true,
            notes: vec![],
            facts: BTreeMap::new(),
        }
    }
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

/// A container engine, cut down to the verbs a launch is made of. No policy.
///
/// # Contract
/// * No method retries, chooses names or subnets, or decides order: the launcher does.
/// * Every creating method puts all labels of the plan's owner on the resource in the very
///   request that creates it, so that nothing ever exists without its owner.
/// * A creating method that fails may have taken effect; the launcher cleans up by label.
/// * Methods need not be cancel-safe: the launcher arms the clean-up before it calls them and
///   lets them finish within a limit.
/// * Every call has an upper time limit of its own and ends in [`BackendErrorKind::Timeout`],
///   except those documented to wait.
/// * No error text, event or log line holds a secret value.
///
/// [`BackendErrorKind::Timeout`]: crate::BackendErrorKind::Timeout
#[async_trait]
pub trait Backend: fmt::Debug + Send + Sync + 'static {
    /// The name it is registered under.
    fn name(&self) -> &'static str;

    /// Contacts the engine and reports what it is.
    ///
    /// # Behaviour
    /// * No side effect.
    /// * Not reachable: `EngineDown`; reachable but refused: `Denied`; both with a hint.
    async fn probe(&self) -> Result<BackendInfo, BackendError>;

    /// What this engine promises for an agent under `runtime` with these limits, given what
    /// the probe found. Pure. Says `DnsClosed`, `HostClosed`, `EgressOnlyByChain`, `OwnKernel`,
    /// `Rootless`, `NoNewPrivs`, `Limits`: each given or withheld, never left out.
    fn guarantees(&self, info: &BackendInfo, runtime: &str) -> Vec<Statement>;

    /// Makes sure that an image is here, pulling or building it.
    ///
    /// # Behaviour
    /// * Idempotent; an image that is here already costs no network traffic (except
    ///   `PullPolicy::Always`).
    /// * Builds are tagged by the hash of their content: the same content is built once.
    /// * Neither here nor to be had: `ImageMissing`. A failing step: `BuildFailed` with its
    ///   last output lines. No space: `DiskFull`.
    /// * May take minutes; reports progress events. Cancel-safe: dropping it leaves at most a
    ///   partly downloaded image.
    async fn ensure_image(
        &self,
        source: &ImageSource,
        cx: &OpContext,
    ) -> Result<ImageId, BackendError>;

    /// Makes sure that an image exists which is `base` with a host folder laid into it:
    /// contents, modes and symlinks kept, owner as told, `.dockerignore` honoured.
    ///
    /// # Behaviour
    /// * Tagged by the hash of `base` and the folder's content; an unchanged folder is not
    ///   built again.
    async fn derive_image(
        &self,
        base: &ImageId,
        derive: &Derive,
        cx: &OpContext,
    ) -> Result<ImageId, BackendError>;

    /// Whether an image is here, so that a launch would neither pull nor build it. No side
    /// effect. `None` when this backend cannot tell, which is the default.
    async fn has_image(&self, source: &ImageSource) -> Result<Option<bool>, BackendError> {
        let _ = source;
        Ok(None)
    }

    /// Removes the images that `bottle` built and keeps as a cache (label `bottle.image`) and
    /// that no container uses; only lists them with `dry_run`. Returns their names. A backend
    /// that keeps none, or cannot: `Unsupported`, which is the default.
    async fn prune_images(&self, dry_run: bool) -> Result<Vec<String>, BackendError> {
        let _ = dry_run;
        Err(BackendError::new(
            BackendErrorKind::Unsupported,
            "remove images",
            format!("backend `{}` keeps no images of its own", self.name()),
        ))
    }

    /// Creates a network.
    ///
    /// # Behaviour
    /// * Internal networks have no route out; where the engine can, the host has no address on
    ///   them (guarantee `HostClosed`).
    /// * Subnet taken: `AddressInUse`. Name taken (where the engine cares): `NameConflict`.
    async fn create_network(
        &self,
        request: &NetworkRequest<'_>,
        cx: &OpContext,
    ) -> Result<NetworkId, BackendError>;

    /// Creates a container, attached to all its networks, and does not start it.
    ///
    /// # Behaviour
    /// * Name taken: `NameConflict`, nothing created.
    /// * Unknown runtime: `RuntimeMissing`. Image not here: `ImageMissing`.
    /// * All capabilities but the plan's are dropped; environment and labels travel in the
    ///   request body, never on a command line.
    async fn create_container(
        &self,
        request: &ContainerRequest<'_>,
        cx: &OpContext,
    ) -> Result<ContainerId, BackendError>;

    /// Starts a created container. Running already: `Ok`. Gone: `NotFound`.
    async fn start(&self, id: &ContainerId) -> Result<(), BackendError>;

    /// The state of a container. Gone: `NotFound`.
    async fn inspect(&self, id: &ContainerId) -> Result<ContainerState, BackendError>;

    /// Asks the main process to end, and kills it after `grace`. Ended already: `Ok`.
    /// Gone: `Ok`.
    async fn stop(&self, id: &ContainerId, grace: Duration) -> Result<(), BackendError>;

    /// Waits for the main process to end, however long. Ended already: at once. Gone: `NotFound`.
    async fn wait(&self, id: &ContainerId) -> Result<ExitStatus, BackendError>;

    /// Unpacks a tar archive at `/` of a created or running container.
    ///
    /// # Behaviour
    /// * Owner, group, mode and links of the archive's entries are kept; volumes are written
    ///   through; existing files are replaced.
    async fn put_archive(&self, id: &ContainerId, archive: Bytes) -> Result<(), BackendError>;

    /// Reads a file or folder as a tar archive (entry names start at the path's last part).
    /// Links are not followed. Missing: `NotFound`. Works on created and running containers.
    async fn get_archive(&self, id: &ContainerId, path: &str) -> Result<Bytes, BackendError>;

    /// Runs a program in a running container.
    ///
    /// # Behaviour
    /// * Output is complete: the stream ends only after all of it was delivered.
    /// * A program that does not exist ends with 127 or 126, or fails with `NotFound`.
    async fn exec(&self, id: &ContainerId, request: &ExecRequest) -> Result<Process, BackendError>;

    /// Attaches to the main process of a created or running container. What it wrote before is
    /// not repeated. Several clients may be attached.
    async fn attach(&self, id: &ContainerId, stdio: Stdio) -> Result<Process, BackendError>;

    /// The container's log, line by line, without line ends; standard output and error mixed
    /// in order. Gone: `NotFound`.
    async fn logs(
        &self,
        id: &ContainerId,
        request: LogRequest,
    ) -> Result<BoxStream<String>, BackendError>;

    /// Everything that carries our labels and matches. Containers first, then networks, then
    /// volumes, so that removing in order works.
    async fn list_owned(
        &self,
        selector: &OwnedSelector,
    ) -> Result<Vec<OwnedResource>, BackendError>;

    /// Removes a resource, killing a container first. Idempotent: gone already is
    /// [`Removed::AlreadyGone`]. Anonymous volumes go with their container.
    async fn remove(&self, resource: &OwnedResource) -> Result<Removed, BackendError>;
}
