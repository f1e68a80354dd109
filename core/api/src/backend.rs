//! The contract of a container engine.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    BackendError, BackendErrorKind, BackendInfo, BoxStream, ContainerId, ContainerRequest,
    ContainerState, Derive, ExecRequest, ExitStatus, ImageId, ImageSource, LogRequest, NetworkId,
    NetworkRequest, OpContext, OwnedResource, OwnedSelector, Process, Removed, Statement, Stdio,
};

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
/// * *Idempotent* means: a second call with the same arguments succeeds and changes nothing
///   more. *Missing* means that the resource is not there (any more): [`BackendErrorKind::NotFound`]
///   unless a method says otherwise. *Rests on it* names the guarantees that are untrue when the
///   method does not do what it says.
///
/// [`BackendErrorKind::Timeout`]: crate::BackendErrorKind::Timeout
#[async_trait]
pub trait Backend: fmt::Debug + Send + Sync + 'static {
    /// The name it is registered under.
    fn name(&self) -> &'static str;

    /// Contacts the engine and reports what it is.
    ///
    /// # Behaviour
    /// * Idempotent, no side effect. Rests on it: every guarantee, which are judged by it.
    /// * Not reachable: `EngineDown`; reachable but refused: `Denied`; both with a hint.
    async fn probe(&self) -> Result<BackendInfo, BackendError>;

    /// What this engine promises for an agent under `runtime` with these limits, given what
    /// the probe found. Pure. Says `DnsClosed`, `HostClosed`, `EgressOnlyByChain`, `OwnKernel`,
    /// `Rootless`, `NoNewPrivs`, `Limits`: each given or withheld, never left out.
    fn guarantees(&self, info: &BackendInfo, runtime: &str) -> Vec<Statement>;

    /// Makes sure that an image is here, pulling or building it.
    ///
    /// # Behaviour
    /// * Idempotent. No guarantee rests on it.
    /// * An image that is here already costs no network traffic (except
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
    /// * Idempotent: tagged by the hash of `base` and the folder's content; an unchanged folder
    ///   is not built again. No guarantee rests on it.
    /// * `base` missing: `ImageMissing`. No space: `DiskFull`.
    async fn derive_image(
        &self,
        base: &ImageId,
        derive: &Derive,
        cx: &OpContext,
    ) -> Result<ImageId, BackendError>;

    /// Whether an image is here, so that a launch would neither pull nor build it. `None` when
    /// this backend cannot tell, which is the default.
    ///
    /// # Behaviour
    /// * Idempotent, no side effect. No guarantee rests on it. Missing: `Some(false)`.
    async fn has_image(&self, source: &ImageSource) -> Result<Option<bool>, BackendError> {
        let _ = source;
        Ok(None)
    }

    /// Removes the images that `bottle` built and keeps as a cache (label `bottle.image`) and
    /// that no container uses; only lists them with `dry_run`. Returns their names. A backend
    /// that keeps none, or cannot: `Unsupported`, which is the default.
    ///
    /// # Behaviour
    /// * Idempotent: a second call finds none. One that goes missing meanwhile is no error. No
    ///   guarantee rests on it.
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
    /// * Not idempotent: a second call makes a second network, or fails with `NameConflict`
    ///   where the engine cares. It never takes over a network that exists.
    /// * Internal networks have no route out and no resolver; where the engine can, the host has
    ///   no address on them. Rests on it: `EgressOnlyByChain`, `DnsClosed`, `HostClosed`.
    /// * Subnet taken: `AddressInUse`. Name taken (where the engine cares): `NameConflict`.
    async fn create_network(
        &self,
        request: &NetworkRequest<'_>,
        cx: &OpContext,
    ) -> Result<NetworkId, BackendError>;

    /// Creates a container, attached to all its networks, and does not start it.
    ///
    /// # Behaviour
    /// * Not idempotent: name taken, be it by an equal container: `NameConflict`, nothing created.
    /// * Unknown runtime: `RuntimeMissing`. Image not here: `ImageMissing`.
    /// * Everything is as the plan says, limits and runtime included, or it fails: nothing is
    ///   rounded, left out or replaced. Rests on it: `EgressOnlyByChain`, `DnsClosed`,
    ///   `OwnKernel`, `NoNewPrivs`, `NonRoot`, `Limits`.
    /// * All capabilities but the plan's are dropped; environment and labels travel in the
    ///   request body, never on a command line.
    async fn create_container(
        &self,
        request: &ContainerRequest<'_>,
        cx: &OpContext,
    ) -> Result<ContainerId, BackendError>;

    /// Starts a created container.
    ///
    /// # Behaviour
    /// * Idempotent: running already is `Ok`. Missing: `NotFound`.
    /// * Returns when the main process runs. A program that is not there fails here or ends at
    ///   once with 127 or 126. Rests on it: `OwnKernel` (the plan's runtime, or an error).
    async fn start(&self, id: &ContainerId) -> Result<(), BackendError>;

    /// The state of a container.
    ///
    /// # Behaviour
    /// * Idempotent, no side effect. Missing: `NotFound`. No guarantee rests on it.
    async fn inspect(&self, id: &ContainerId) -> Result<ContainerState, BackendError>;

    /// Asks the main process to end, and kills it after `grace`.
    ///
    /// # Behaviour
    /// * Idempotent: ended already is `Ok`, and so is missing. No guarantee rests on it.
    async fn stop(&self, id: &ContainerId, grace: Duration) -> Result<(), BackendError>;

    /// Waits for the main process to end, however long.
    ///
    /// # Behaviour
    /// * Idempotent, no side effect: ended already answers at once, as often as asked. Missing:
    ///   `NotFound`. No guarantee rests on it. Cancel-safe.
    async fn wait(&self, id: &ContainerId) -> Result<ExitStatus, BackendError>;

    /// Unpacks a tar archive at `/` of a created or running container.
    ///
    /// # Behaviour
    /// * Idempotent. Missing: `NotFound`. No guarantee rests on it.
    /// * Owner, group, mode and links of the archive's entries are kept; volumes are written
    ///   through; existing files are replaced.
    async fn put_archive(&self, id: &ContainerId, archive: Bytes) -> Result<(), BackendError>;

    /// Reads a file or folder of a created or running container as a tar archive (entry names
    /// start at the path's last part).
    ///
    /// # Behaviour
    /// * Idempotent, no side effect. Container or path missing: `NotFound`. No guarantee rests
    ///   on it.
    /// * Links are not followed.
    async fn get_archive(&self, id: &ContainerId, path: &str) -> Result<Bytes, BackendError>;

    /// Runs a program in a running container.
    ///
    /// # Behaviour
    /// * Not idempotent: each call runs it once more. Container missing: `NotFound`; not
    ///   running: an error. Rests on it: `NoNewPrivs` (no more powers than the main process has).
    /// * Output is complete: the stream ends only after all of it was delivered.
    /// * A program that does not exist ends with 127 or 126, or fails with `NotFound`.
    async fn exec(&self, id: &ContainerId, request: &ExecRequest) -> Result<Process, BackendError>;

    /// Attaches to the main process of a created or running container.
    ///
    /// # Behaviour
    /// * Not idempotent: each call is one more client; several may be attached. Missing:
    ///   `NotFound`. No guarantee rests on it.
    /// * What the process wrote before is not repeated.
    async fn attach(&self, id: &ContainerId, stdio: Stdio) -> Result<Process, BackendError>;

    /// The container's log, line by line, without line ends; standard output and error mixed
    /// in order.
    ///
    /// # Behaviour
    /// * Idempotent, no side effect. Missing: `NotFound`. No guarantee rests on it, but the
    ///   egress events do. Cancel-safe.
    async fn logs(
        &self,
        id: &ContainerId,
        request: LogRequest,
    ) -> Result<BoxStream<String>, BackendError>;

    /// Everything that carries our labels and matches. Containers first, then networks, then
    /// volumes, so that removing in order works.
    ///
    /// # Behaviour
    /// * Idempotent, no side effect. What goes missing meanwhile is left out. No guarantee rests
    ///   on it, but that nothing is left behind does.
    async fn list_owned(
        &self,
        selector: &OwnedSelector,
    ) -> Result<Vec<OwnedResource>, BackendError>;

    /// Removes a resource, killing a container first. Anonymous volumes go with their container.
    ///
    /// # Behaviour
    /// * Idempotent: missing is [`Removed::AlreadyGone`]. No guarantee rests on it, but that
    ///   nothing is left behind does.
    async fn remove(&self, resource: &OwnedResource) -> Result<Removed, BackendError>;
}
