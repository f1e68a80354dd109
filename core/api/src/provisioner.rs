//! The contract of a provisioner: what finishes an agent's container.

use std::{collections::BTreeMap, fmt};

use async_trait::async_trait;

use crate::{
    AgentSpec, AgentUser, BackendError, Derive, EgressPolicy, EnvValue, ExecOutput, ExecRequest,
    FilePlan, HostStep, Mount, PluginError, SessionId, WorkspaceSpec,
};

/// The way out, as the agent sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainView {
    /// `http://mitmproxy:8080`.
    pub url: String,
    /// The first hop's name in `/etc/hosts`.
    pub host: String,
    /// The first hop's port.
    pub port: u16,
    /// Some hop ends TLS, so the session's CA must be trusted.
    pub ends_tls: bool,
}

/// What a provisioner may know while planning.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProvisionContext<'a> {
    /// The session.
    pub session: &'a SessionId,
    /// The bottle's wanted name.
    pub bottle: &'a str,
    /// The agent.
    pub agent: &'a AgentSpec,
    /// The user inside.
    pub user: &'a AgentUser,
    /// The working folder.
    pub workspace: &'a WorkspaceSpec,
    /// The way out; `None` for a bottle without network.
    pub chain: Option<&'a ChainView>,
    /// What the proxies enforce.
    pub policy: &'a EgressPolicy,
}
impl<'a> ProvisionContext<'a> {
    /// A context of a bottle without network.
    pub fn new(
        session: &'a SessionId,
        bottle: &'a str,
        agent: &'a AgentSpec,
        user: &'a AgentUser,
        workspace: &'a WorkspaceSpec,
        policy: &'a EgressPolicy,
    ) -> Self {
        Self {
            session,
            bottle,
            agent,
            user,
            workspace,
            chain: None,
            policy,
        }
    }
    /// With a way out.
    #[must_use]
    pub fn chain(mut self, chain: Option<&'a ChainView>) -> Self {
        self.chain = chain;
        self
    }
    /// Replaces a leading `~/` by the agent's home.
    pub fn expand_home(&self, path: &str) -> String {
        match path.strip_prefix("~/") {
            Some(rest) => format!("{}/{rest}", self.user.home),
            None => path.to_owned(),
        }
    }
}

/// What a provisioner adds to the agent's container before it is created.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AgentPatch {
    /// Environment. A variable the user set in config wins.
    pub env: BTreeMap<String, EnvValue>,
    /// Files put in before the start.
    pub files: Vec<FilePlan>,
    /// Mounts.
    pub mounts: Vec<Mount>,
    /// A folder baked into a derived image.
    pub derive: Option<Derive>,
    /// The working directory.
    pub workdir: Option<String>,
    /// Steps on the host before anything is created.
    pub host_steps: Vec<HostStep>,
    /// Arguments put in front of the user's.
    pub args: Vec<String>,
}

/// The files of the agent's container, created and not yet started; never the backend.
#[async_trait]
pub trait AgentFiles: Send + Sync {
    /// Puts files in, replacing existing ones.
    async fn put(&self, files: Vec<PutFile>) -> Result<(), BackendError>;
    /// Reads a regular file of the image (links are followed inside it); `None` when missing.
    async fn read(&self, path: &str) -> Result<Option<Vec<u8>>, BackendError>;
    /// The certificate (PEM) of the session's CA, when some hop ends TLS.
    fn ca_certificate(&self) -> Option<&str>;
    /// The public roots (PEM) of the host, for images that have none.
    fn public_roots(&self) -> &str;
}

/// The agent's running container, as a provisioner may touch it; never the backend. Its own
/// command waits until all provisioners are done.
#[async_trait]
pub trait AgentHandle: Send + Sync {
    /// Runs a program to its end (within a limit) with `stdin` as its whole input. A non-zero
    /// exit is no error here.
    async fn exec(&self, request: &ExecRequest, stdin: &[u8]) -> Result<ExecOutput, BackendError>;
}

/// A file for [`AgentFiles::put`].
#[derive(Clone)]
pub struct PutFile {
    /// Absolute path inside.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// The bytes.
    pub bytes: Vec<u8>,
}
impl fmt::Debug for PutFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PutFile")
            .field("path", &self.path)
            .field("mode", &format_args!("{:o}", self.mode))
            .finish_non_exhaustive()
    }
}

/// Finishes an agent's container: as data, then as files, then as programs.
///
/// # Contract
/// * `patch` is pure; it runs while planning and its result is part of the plan. Most
///   provisioners need nothing else.
/// * `prepare` runs between create and start: it sees and changes the image's files. Prefer it
///   to `apply`: it is the same under every runtime (gVisor does not see files changed from
///   outside after the start) and costs no process. On an image that holds its work already (one
///   made from a bottle) it changes nothing more.
/// * `apply` runs after the start, before the agent's own command, only when `applies`.
/// * All run in the declared order, are dropped when the launch is cancelled, and leave
///   nothing on the host. An error of any of them ends the launch.
#[async_trait]
pub trait Provisioner: fmt::Debug + Send + Sync + 'static {
    /// The name it is registered under.
    fn name(&self) -> &'static str;
    /// Provisioners that must come before it; names that are not in use are ignored.
    fn after(&self) -> &'static [&'static str] {
        &[]
    }
    /// The pure part.
    fn patch(&self, cx: &ProvisionContext<'_>) -> Result<AgentPatch, PluginError>;
    /// The part that needs the image's files.
    async fn prepare(
        &self,
        cx: &ProvisionContext<'_>,
        agent: &dyn AgentFiles,
    ) -> Result<(), PluginError> {
        let _ = (cx, agent);
        Ok(())
    }
    /// Whether there is anything to [`apply`](Provisioner::apply) in this bottle. When no
    /// provisioner says so, the agent's command is the container's main process from the start.
    fn applies(&self, cx: &ProvisionContext<'_>) -> bool {
        let _ = cx;
        false
    }
    /// The part that needs programs to run inside.
    async fn apply(
        &self,
        cx: &ProvisionContext<'_>,
        agent: &dyn AgentHandle,
    ) -> Result<(), PluginError> {
        let _ = (cx, agent);
        Ok(())
    }
}
