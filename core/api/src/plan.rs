//! The launch plan: everything a launch will do, as data.

use std::{collections::BTreeMap, net::IpAddr, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{EgressPolicy, EnvValue, ImagePlan, Ownership, Role, SecretRef, SessionId, Statement};

/// Everything a launch will do. Making one has no side effect and is deterministic; printing
/// one cannot leak a secret, because it holds references only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LaunchPlan {
    /// The session.
    pub session: SessionId,
    /// The bottle's name.
    pub name: NamePlan,
    /// The backend that will run it.
    pub backend: String,
    /// Internal links first, the egress network (if any) last.
    pub networks: Vec<NetworkPlan>,
    /// From the outside in: the last hop first.
    pub sidecars: Vec<SidecarPlan>,
    /// The agent.
    pub agent: ContainerPlan,
    /// Steps on the host before anything is created (a clone, a worktree).
    pub host_steps: Vec<HostStep>,
    /// Provisioners in the order they run.
    pub provisioners: Vec<String>,
    /// What the proxies enforce.
    pub egress: EgressPolicy,
    /// What this bottle promises, and what it does not.
    pub guarantees: Vec<Statement>,
}

impl LaunchPlan {
    /// A plan with no network, no hop and no promise.
    pub fn new(session: SessionId, name: NamePlan, backend: String, agent: ContainerPlan) -> Self {
        Self {
            session,
            name,
            backend,
            networks: vec![],
            sidecars: vec![],
            agent,
            host_steps: vec![],
            provisioners: vec![],
            egress: EgressPolicy::default(),
            guarantees: vec![],
        }
    }
    /// Every container, sidecars first.
    pub fn containers(&self) -> impl Iterator<Item = &ContainerPlan> {
        self.sidecars
            .iter()
            .map(|sidecar| &sidecar.container)
            .chain(std::iter::once(&self.agent))
    }
}

/// The name a bottle gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamePlan {
    /// Wanted name, a slug. The agent container becomes `bottle-<base>`, or `-2` ... `-99`.
    pub base: String,
    /// Chosen by the user: taken means an error, not counting up.
    pub pinned: bool,
}

/// A network of the session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkPlan {
    /// Owner and role (`link-0`, `egress`).
    pub owner: Ownership,
    /// Its name, unique by the session's id.
    pub name: String,
    /// No route out of the host, and no address of the host on it where the engine can.
    pub internal: bool,
}

/// A hop of the chain: its container and what the launcher must know to watch it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SidecarPlan {
    /// The registered name of the proxy.
    pub proxy: String,
    /// Chain position; 0 is next to the agent.
    pub position: usize,
    /// The container.
    pub container: ContainerPlan,
    /// Where clients talk to it.
    pub port: u16,
    /// How readiness is proven.
    pub ready: ReadyCheck,
    /// It answers the hop in front for itself and those behind; else its own check is run too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub health: bool,
    /// The hop in front of it is started only after it.
    #[serde(default)]
    pub start_first: bool,
}

/// A container, complete but for what only exists at launch (addresses, secrets, image ids).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerPlan {
    /// Owner and role.
    pub owner: Ownership,
    /// Its name; the agent's is chosen by [`NamePlan`].
    pub name: String,
    /// The image.
    pub image: ImagePlan,
    /// Replaces the image's entry point; `Some(vec![])` clears it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Vec<String>>,
    /// Arguments; empty means the image's own.
    pub command: Vec<String>,
    /// Environment.
    pub env: BTreeMap<String, EnvValue>,
    /// `uid:gid`, or a name the image knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Working directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workdir: Option<String>,
    /// Host name inside.
    pub hostname: String,
    /// Networks with the host part of the address on each.
    pub networks: Vec<Attachment>,
    /// Lines of `/etc/hosts`.
    pub hosts: Vec<HostEntry>,
    /// Whether names can be resolved at all. Only the last hop may.
    pub dns: Dns,
    /// Mounts.
    pub mounts: Vec<Mount>,
    /// Files put in between create and start.
    pub files: Vec<FilePlan>,
    /// OCI runtime; `None` is the engine's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// Hardening.
    pub hardening: Hardening,
    /// Resource limits.
    pub limits: Limits,
    /// A terminal and an open standard input.
    pub stdio: Stdio,
    /// How long a stop may take before the kill.
    #[serde(with = "crate::duration_ms")]
    pub stop_grace: Duration,
}

impl ContainerPlan {
    /// A hardened container without networks.
    pub fn new(owner: Ownership, name: String, image: ImagePlan) -> Self {
        Self {
            hostname: owner.role.to_string(),
            owner,
            name,
            image,
            entrypoint: None,
            command: vec![],
            env: BTreeMap::new(),
            user: None,
            workdir: None,
            networks: vec![],
            hosts: vec![],
            dns: Dns::Closed,
            mounts: vec![],
            files: vec![],
            runtime: None,
            hardening: Hardening::default(),
            limits: Limits::default(),
            stdio: Stdio::default(),
            stop_grace: Duration::from_secs(10),
        }
    }
}

/// A place on a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// The network's role in this session.
    pub network: Role,
    /// Host part: the address is the subnet's base plus this. 1 is the engine's gateway.
    pub host: u8,
}

/// A line of `/etc/hosts`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostEntry {
    /// The name.
    pub name: String,
    /// What it stands for.
    pub target: HostTarget,
}

/// What a [`HostEntry`] stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostTarget {
    /// A place on a network of this session; the launcher knows the address.
    Peer(Attachment),
    /// A fixed address.
    Address(IpAddr),
}

/// Name resolution of a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dns {
    /// `/etc/hosts` only; the resolver points nowhere. The default.
    #[default]
    Closed,
    /// The engine's own resolver.
    Engine,
}

/// A mount.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mount {
    /// A path of the host.
    Bind {
        /// On the host.
        source: PathBuf,
        /// Inside.
        target: String,
        /// Not writable from inside.
        read_only: bool,
    },
    /// An anonymous volume, labelled with the owner and removed with the container. Files can
    /// be put into it before the start even when the root file system is read-only.
    Volume {
        /// Inside.
        target: String,
    },
    /// Memory.
    Tmpfs {
        /// Inside.
        target: String,
        /// Bytes.
        size: u64,
        /// Permission bits.
        mode: u32,
    },
}

/// A file put into a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilePlan {
    /// Absolute path inside; missing parent directories are made (0755; of the same owner inside
    /// volumes and below the agent's home, root's elsewhere).
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// The bytes.
    pub content: Content,
}

/// The bytes of a file, or a reference to them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// Text; shown in the plan.
    Text(String),
    /// Text with secrets in it.
    Template(Vec<Piece>),
    /// A JSON object from names to resolved secrets.
    SecretMap(BTreeMap<String, SecretRef>),
    /// A file of the host, read at launch.
    HostFile(PathBuf),
    /// A folder of the host, read at launch, with modes and symlinks. Links that leave the
    /// folder are refused.
    HostFolder(PathBuf),
    /// Nothing but a directory. One that is there keeps what it holds and gets owner and mode.
    Directory,
    /// A part of the session's CA.
    Ca(CaPart),
}

/// A part of a [`Content::Template`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Piece {
    /// As it is.
    Text(String),
    /// The secret's value, as it is.
    Secret(SecretRef),
    /// The secret's value, quoted as a JSON string (valid YAML too).
    JsonSecret(SecretRef),
}

/// What a container may hold of the session's certificate authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaPart {
    /// The certificate, PEM.
    Certificate,
    /// Public roots and the certificate, PEM.
    Bundle,
    /// Public roots only, PEM, of the host.
    PublicRoots,
    /// Private key (PKCS#8) followed by the certificate, PEM. Only for the hop that ends TLS.
    KeyAndCertificate,
    /// Private key as SEC1 `EC PRIVATE KEY`, PEM. Only for the hop that ends TLS.
    Sec1Key,
    /// Public roots and the certificate as a PKCS#12 truststore with the password `changeit`.
    Pkcs12Truststore,
}

/// Hardening of a container. The default is the strictest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hardening {
    /// Capabilities kept; all others are dropped.
    pub cap_add: Vec<String>,
    /// The root file system is read-only.
    pub read_only_rootfs: bool,
    /// `no_new_privs`.
    pub no_new_privileges: bool,
    /// A small init as PID 1 that reaps and forwards signals, where the engine has one.
    pub init: bool,
}
impl Default for Hardening {
    fn default() -> Self {
        Self {
            cap_add: vec![],
            read_only_rootfs: false,
            no_new_privileges: true,
            init: true,
        }
    }
}

/// Resource limits of a container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes.
    pub memory: Option<u64>,
    /// Thousandths of a core. The planner turns `None` into all that the machine has, for the
    /// agent.
    pub milli_cpus: Option<u64>,
    /// Processes and threads; the runtime's own may count, see
    /// [`BackendInfo::min_pids`](crate::BackendInfo::min_pids).
    pub pids: Option<u64>,
    /// Open files.
    pub nofile: Option<u64>,
}
impl Eq for Limits {}
impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: Some(4 << 30),
            milli_cpus: None,
            pids: Some(4096),
            nofile: Some(16384),
        }
    }
}

/// Terminal and standard input of a container's main process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stdio {
    /// A pseudo-terminal.
    pub tty: bool,
    /// Standard input stays open.
    pub stdin: bool,
    /// Standard input closes with the first client (pipes).
    pub stdin_once: bool,
}

/// How a container proves that it is ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadyCheck {
    /// Running is enough.
    Running,
    /// A program inside, which waits by itself and exits 0 when ready; its last output line is
    /// the reason otherwise. It is run again while it exits non-zero, until `timeout`.
    Exec {
        /// The program.
        argv: Vec<String>,
        /// Upper limit of the whole wait.
        #[serde(with = "crate::duration_ms")]
        timeout: Duration,
    },
}

/// A program run on the host before the launch creates anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostStep {
    /// For progress and errors.
    pub label: String,
    /// The program; no shell.
    pub argv: Vec<String>,
    /// Undoes it when the launch fails, and at teardown; `None` keeps the result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undo: Option<Vec<String>>,
}
