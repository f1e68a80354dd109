//! Any backend, with calls that fail on demand.

use std::{
    collections::HashMap,
    fmt,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use bottle_api::{
    Backend, BackendError, BackendErrorKind, BackendInfo, BoxStream, ContainerId, ContainerPlan,
    ContainerRequest, ContainerState, Derive, ExecRequest, ExitStatus, ImageId, ImageSource,
    LogRequest, NetworkId, NetworkRequest, OpContext, OwnedResource, OwnedSelector, Process,
    Removed, ResolvedAttachment, SecretString, Statement, Stdio,
};
use bottle_backend_memory::{Call, Fault, Faults, selector_name, source_name};
use bytes::Bytes;

/// A backend around another, whose calls are counted and fail as told. Clones share it.
///
/// Calls are named by verb and target, `create_container agent`, so that they can be told apart
/// however those that run side by side interleave.
#[derive(Clone)]
pub struct Faulty {
    next: Arc<dyn Backend>,
    faults: Arc<Faults>,
    roles: Arc<Mutex<HashMap<String, String>>>,
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faulty")
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

/// A [`ContainerRequest`] that outlives its caller.
struct Request {
    plan: ContainerPlan,
    name: String,
    image: ImageId,
    env: Vec<(String, SecretString)>,
    networks: Vec<ResolvedAttachment>,
    hosts: Vec<(String, IpAddr)>,
}

impl Faulty {
    /// Around `backend`; nothing fails so far.
    pub fn over(backend: Arc<dyn Backend>) -> Self {
        Self {
            next: backend,
            faults: Arc::default(),
            roles: Arc::default(),
        }
    }
    /// Makes one call fail.
    #[must_use]
    pub fn fault(self, call: Call, fault: Fault) -> Self {
        self.faults.add(call, fault);
        self
    }
    /// Returns once some call has met its fault.
    pub async fn fault_met(&self) {
        self.faults.met().await;
    }
    /// Every call so far, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.faults.calls()
    }
    /// The backend itself.
    pub fn inner(&self) -> &Arc<dyn Backend> {
        &self.next
    }

    fn roles(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.roles.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// The role of a container, for naming calls.
    fn role_of(&self, id: &ContainerId) -> String {
        let known = self.roles().get(id.as_str()).cloned();
        known.unwrap_or_else(|| "gone".to_owned())
    }

    /// Notes a call, lets it fail as told, or passes it on.
    async fn call<T, F, R>(
        &self,
        verb: &'static str,
        target: &str,
        act: F,
    ) -> Result<T, BackendError>
    where
        T: Send + 'static,
        F: FnOnce(Arc<dyn Backend>) -> R + Send + 'static,
        R: Future<Output = Result<T, BackendError>> + Send + 'static,
    {
        let what = format!("{verb} {target}");
        let fault = self.faults.next(what.trim_end().to_owned());
        let injected = |kind| BackendError::new(kind, verb, format!("injected into `{what}`"));
        let next = Arc::clone(&self.next);
        match fault {
            None => act(next).await,
            Some(Fault::Error) => Err(injected(BackendErrorKind::Other)),
            Some(Fault::Panic) => panic!("injected into `{what}`"),
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::ErrorAfterEffect) => {
                act(next).await?;
                Err(injected(BackendErrorKind::Timeout))
            }
            // It acts even when its caller has gone away meanwhile.
            Some(Fault::Late(after)) => tokio::spawn(async move {
                tokio::time::sleep(after).await;
                act(next).await
            })
            .await
            .unwrap_or_else(|_| Err(injected(BackendErrorKind::EngineDown))),
        }
    }
    /// The same for a call that waits: what fails is that it begins.
    async fn begin(&self, verb: &'static str, target: &str) -> Result<(), BackendError> {
        self.call(verb, target, |_| async { Ok(()) }).await
    }
}

#[async_trait]
impl Backend for Faulty {
    fn name(&self) -> &'static str {
        self.next.name()
    }
    fn guarantees(&self, info: &BackendInfo, runtime: &str) -> Vec<Statement> {
        self.next.guarantees(info, runtime)
    }
    async fn probe(&self) -> Result<BackendInfo, BackendError> {
        self.call("probe", "", |next| async move { next.probe().await })
            .await
    }
    async fn ensure_image(
        &self,
        source: &ImageSource,
        cx: &OpContext,
    ) -> Result<ImageId, BackendError> {
        let (name, source, cx) = (source_name(source), source.clone(), cx.clone());
        let act = |next: Arc<dyn Backend>| async move { next.ensure_image(&source, &cx).await };
        self.call("ensure_image", &name, act).await
    }
    async fn derive_image(
        &self,
        base: &ImageId,
        derive: &Derive,
        cx: &OpContext,
    ) -> Result<ImageId, BackendError> {
        let (name, base) = (base.to_string(), base.clone());
        let (derive, cx) = (derive.clone(), cx.clone());
        let act =
            |next: Arc<dyn Backend>| async move { next.derive_image(&base, &derive, &cx).await };
        self.call("derive_image", &name, act).await
    }
    async fn has_image(&self, source: &ImageSource) -> Result<Option<bool>, BackendError> {
        let (name, source) = (source_name(source), source.clone());
        let act = |next: Arc<dyn Backend>| async move { next.has_image(&source).await };
        self.call("has_image", &name, act).await
    }
    async fn prune_images(&self, dry_run: bool) -> Result<Vec<String>, BackendError> {
        let act = move |next: Arc<dyn Backend>| async move { next.prune_images(dry_run).await };
        self.call("prune_images", "", act).await
    }
    async fn create_network(
        &self,
        request: &NetworkRequest<'_>,
        cx: &OpContext,
    ) -> Result<NetworkId, BackendError> {
        let (plan, subnet, cx) = (request.plan.clone(), request.subnet, cx.clone());
        let role = plan.owner.role.to_string();
        let act = move |next: Arc<dyn Backend>| async move {
            let request = NetworkRequest::new(&plan, subnet);
            next.create_network(&request, &cx).await
        };
        self.call("create_network", &role, act).await
    }
    async fn create_container(
        &self,
        request: &ContainerRequest<'_>,
        cx: &OpContext,
    ) -> Result<ContainerId, BackendError> {
        let role = request.plan.owner.role.to_string();
        let owned = Request {
            plan: request.plan.clone(),
            name: request.name.to_owned(),
            image: request.image.clone(),
            env: request.env.to_vec(),
            networks: request.networks.to_vec(),
            hosts: request.hosts.to_vec(),
        };
        let (cx, known, its_role) = (cx.clone(), self.clone(), role.clone());
        let act = move |next: Arc<dyn Backend>| async move {
            let request = ContainerRequest::new(&owned.plan, &owned.name, &owned.image)
                .env(&owned.env)
                .networks(&owned.networks)
                .hosts(&owned.hosts);
            let id = next.create_container(&request, &cx).await?;
            known.roles().insert(id.to_string(), its_role);
            Ok(id)
        };
        self.call("create_container", &role, act).await
    }
    async fn start(&self, id: &ContainerId) -> Result<(), BackendError> {
        let key = id.clone();
        let act = |next: Arc<dyn Backend>| async move { next.start(&key).await };
        self.call("start", &self.role_of(id), act).await
    }
    async fn inspect(&self, id: &ContainerId) -> Result<ContainerState, BackendError> {
        let key = id.clone();
        let act = |next: Arc<dyn Backend>| async move { next.inspect(&key).await };
        self.call("inspect", &self.role_of(id), act).await
    }
    async fn stop(&self, id: &ContainerId, grace: Duration) -> Result<(), BackendError> {
        let key = id.clone();
        let act = move |next: Arc<dyn Backend>| async move { next.stop(&key, grace).await };
        self.call("stop", &self.role_of(id), act).await
    }
    async fn wait(&self, id: &ContainerId) -> Result<ExitStatus, BackendError> {
        self.begin("wait", &self.role_of(id)).await?;
        self.next.wait(id).await
    }
    async fn put_archive(&self, id: &ContainerId, archive: Bytes) -> Result<(), BackendError> {
        let key = id.clone();
        let act = |next: Arc<dyn Backend>| async move { next.put_archive(&key, archive).await };
        self.call("put_archive", &self.role_of(id), act).await
    }
    async fn get_archive(&self, id: &ContainerId, path: &str) -> Result<Bytes, BackendError> {
        let (key, path) = (id.clone(), path.to_owned());
        let act = |next: Arc<dyn Backend>| async move { next.get_archive(&key, &path).await };
        self.call("get_archive", &self.role_of(id), act).await
    }
    async fn exec(&self, id: &ContainerId, request: &ExecRequest) -> Result<Process, BackendError> {
        let (key, request) = (id.clone(), request.clone());
        let act = |next: Arc<dyn Backend>| async move { next.exec(&key, &request).await };
        self.call("exec", &self.role_of(id), act).await
    }
    async fn attach(&self, id: &ContainerId, stdio: Stdio) -> Result<Process, BackendError> {
        let key = id.clone();
        let act = move |next: Arc<dyn Backend>| async move { next.attach(&key, stdio).await };
        self.call("attach", &self.role_of(id), act).await
    }
    async fn logs(
        &self,
        id: &ContainerId,
        request: LogRequest,
    ) -> Result<BoxStream<String>, BackendError> {
        let key = id.clone();
        let act = move |next: Arc<dyn Backend>| async move { next.logs(&key, request).await };
        self.call("logs", &self.role_of(id), act).await
    }
    async fn list_owned(
        &self,
        selector: &OwnedSelector,
    ) -> Result<Vec<OwnedResource>, BackendError> {
        let role = selector_name(selector);
        let selector = selector.clone();
        let act = |next: Arc<dyn Backend>| async move { next.list_owned(&selector).await };
        self.call("list_owned", &role, act).await
    }
    async fn remove(&self, resource: &OwnedResource) -> Result<Removed, BackendError> {
        let (role, resource) = (resource.owner.role.to_string(), resource.clone());
        let act = |next: Arc<dyn Backend>| async move { next.remove(&resource).await };
        self.call("remove", &role, act).await
    }
}
