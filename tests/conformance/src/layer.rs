//! A layer around a backend: changes a verb, leaves the others as they are.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use bottle_api::{
    Backend, BackendError, BackendInfo, BoxStream, ContainerId, ContainerRequest, ContainerState,
    Derive, ExecRequest, ExitStatus, ImageId, ImageSource, LogRequest, NetworkId, NetworkRequest,
    OpContext, OwnedResource, OwnedSelector, Process, Removed, Statement, Stdio,
};
use bytes::Bytes;

/// What lies around a backend. Every verb passes on to `next` unless it is written otherwise.
#[async_trait]
pub trait Layer: fmt::Debug + Send + Sync + 'static {
    /// Around [`Backend::name`].
    fn name(&self, next: &dyn Backend) -> &'static str {
        next.name()
    }
    /// Around [`Backend::probe`].
    async fn probe(&self, next: &dyn Backend) -> Result<BackendInfo, BackendError> {
        next.probe().await
    }
    /// Around [`Backend::guarantees`].
    fn guarantees(&self, next: &dyn Backend, info: &BackendInfo, runtime: &str) -> Vec<Statement> {
        next.guarantees(info, runtime)
    }
    /// Around [`Backend::ensure_image`].
    async fn ensure_image(
        &self,
        next: &dyn Backend,
        source: &ImageSource,
        cx: &OpContext,
    ) -> Result<ImageId, BackendError> {
        next.ensure_image(source, cx).await
    }
    /// Around [`Backend::derive_image`].
    async fn derive_image(
        &self,
        next: &dyn Backend,
        base: &ImageId,
        derive: &Derive,
        cx: &OpContext,
    ) -> Result<ImageId, BackendError> {
        next.derive_image(base, derive, cx).await
    }
    /// Around [`Backend::has_image`].
    async fn has_image(
        &self,
        next: &dyn Backend,
        source: &ImageSource,
    ) -> Result<Option<bool>, BackendError> {
        next.has_image(source).await
    }
    /// Around [`Backend::prune_images`].
    async fn prune_images(
        &self,
        next: &dyn Backend,
        dry_run: bool,
    ) -> Result<Vec<String>, BackendError> {
        next.prune_images(dry_run).await
    }
    /// Around [`Backend::create_network`].
    async fn create_network(
        &self,
        next: &dyn Backend,
        request: &NetworkRequest<'_>,
        cx: &OpContext,
    ) -> Result<NetworkId, BackendError> {
        next.create_network(request, cx).await
    }
    /// Around [`Backend::create_container`].
    async fn create_container(
        &self,
        next: &dyn Backend,
        request: &ContainerRequest<'_>,
        cx: &OpContext,
    ) -> Result<ContainerId, BackendError> {
        next.create_container(request, cx).await
    }
    /// Around [`Backend::start`].
    async fn start(&self, next: &dyn Backend, id: &ContainerId) -> Result<(), BackendError> {
        next.start(id).await
    }
    /// Around [`Backend::inspect`].
    async fn inspect(
        &self,
        next: &dyn Backend,
        id: &ContainerId,
    ) -> Result<ContainerState, BackendError> {
        next.inspect(id).await
    }
    /// Around [`Backend::stop`].
    async fn stop(
        &self,
        next: &dyn Backend,
        id: &ContainerId,
        grace: Duration,
    ) -> Result<(), BackendError> {
        next.stop(id, grace).await
    }
    /// Around [`Backend::wait`].
    async fn wait(&self, next: &dyn Backend, id: &ContainerId) -> Result<ExitStatus, BackendError> {
        next.wait(id).await
    }
    /// Around [`Backend::put_archive`].
    async fn put_archive(
        &self,
        next: &dyn Backend,
        id: &ContainerId,
        archive: Bytes,
    ) -> Result<(), BackendError> {
        next.put_archive(id, archive).await
    }
    /// Around [`Backend::get_archive`].
    async fn get_archive(
        &self,
        next: &dyn Backend,
        id: &ContainerId,
        path: &str,
    ) -> Result<Bytes, BackendError> {
        next.get_archive(id, path).await
    }
    /// Around [`Backend::exec`].
    async fn exec(
        &self,
        next: &dyn Backend,
        id: &ContainerId,
        request: &ExecRequest,
    ) -> Result<Process, BackendError> {
        next.exec(id, request).await
    }
    /// Around [`Backend::attach`].
    async fn attach(
        &self,
        next: &dyn Backend,
        id: &ContainerId,
        stdio: Stdio,
    ) -> Result<Process, BackendError> {
        next.attach(id, stdio).await
    }
    /// Around [`Backend::logs`].
    async fn logs(
        &self,
        next: &dyn Backend,
        id: &ContainerId,
        request: LogRequest,
    ) -> Result<BoxStream<String>, BackendError> {
        next.logs(id, request).await
    }
    /// Around [`Backend::list_owned`].
    async fn list_owned(
        &self,
        next: &dyn Backend,
        selector: &OwnedSelector,
    ) -> Result<Vec<OwnedResource>, BackendError> {
        next.list_owned(selector).await
    }
    /// Around [`Backend::remove`].
    async fn remove(
        &self,
        next: &dyn Backend,
        resource: &OwnedResource,
    ) -> Result<Removed, BackendError> {
        next.remove(resource).await
    }
}

/// A backend with a layer around it.
#[derive(Debug)]
pub struct Layered<B, L> {
    next: B,
    layer: L,
}
impl<B: Backend, L: Layer> Layered<B, L> {
    /// `layer` around `backend`.
    pub fn new(backend: B, layer: L) -> Self {
        Self {
            next: backend,
            layer,
        }
    }
    /// The layer.
    pub fn layer(&self) -> &L {
        &self.layer
    }
}

#[async_trait]
impl<B: Backend, L: Layer> Backend for Layered<B, L> {
    fn name(&self) -> &'static str {
        self.layer.name(&self.next)
    }
    async fn probe(&self) -> Result<BackendInfo, BackendError> {
        self.layer.probe(&self.next).await
    }
    fn guarantees(&self, info: &BackendInfo, runtime: &str) -> Vec<Statement> {
        self.layer.guarantees(&self.next, info, runtime)
    }
    async fn ensure_image(
        &self,
        source: &ImageSource,
        cx: &OpContext,
    ) -> Result<ImageId, BackendError> {
        self.layer.ensure_image(&self.next, source, cx).await
    }
    async fn derive_image(
        &self,
        base: &ImageId,
        derive: &Derive,
        cx: &OpContext,
    ) -> Result<ImageId, BackendError> {
        self.layer.derive_image(&self.next, base, derive, cx).await
    }
    async fn has_image(&self, source: &ImageSource) -> Result<Option<bool>, BackendError> {
        self.layer.has_image(&self.next, source).await
    }
    async fn prune_images(&self, dry_run: bool) -> Result<Vec<String>, BackendError> {
        self.layer.prune_images(&self.next, dry_run).await
    }
    async fn create_network(
        &self,
        request: &NetworkRequest<'_>,
        cx: &OpContext,
    ) -> Result<NetworkId, BackendError> {
        self.layer.create_network(&self.next, request, cx).await
    }
    async fn create_container(
        &self,
        request: &ContainerRequest<'_>,
        cx: &OpContext,
    ) -> Result<ContainerId, BackendError> {
        self.layer.create_container(&self.next, request, cx).await
    }
    async fn start(&self, id: &ContainerId) -> Result<(), BackendError> {
        self.layer.start(&self.next, id).await
    }
    async fn inspect(&self, id: &ContainerId) -> Result<ContainerState, BackendError> {
        self.layer.inspect(&self.next, id).await
    }
    async fn stop(&self, id: &ContainerId, grace: Duration) -> Result<(), BackendError> {
        self.layer.stop(&self.next, id, grace).await
    }
    async fn wait(&self, id: &ContainerId) -> Result<ExitStatus, BackendError> {
        self.layer.wait(&self.next, id).await
    }
    async fn put_archive(&self, id: &ContainerId, archive: Bytes) -> Result<(), BackendError> {
        self.layer.put_archive(&self.next, id, archive).await
    }
    async fn get_archive(&self, id: &ContainerId, path: &str) -> Result<Bytes, BackendError> {
        self.layer.get_archive(&self.next, id, path).await
    }
    async fn exec(&self, id: &ContainerId, request: &ExecRequest) -> Result<Process, BackendError> {
        self.layer.exec(&self.next, id, request).await
    }
    async fn attach(&self, id: &ContainerId, stdio: Stdio) -> Result<Process, BackendError> {
        self.layer.attach(&self.next, id, stdio).await
    }
    async fn logs(
        &self,
        id: &ContainerId,
        request: LogRequest,
    ) -> Result<BoxStream<String>, BackendError> {
        self.layer.logs(&self.next, id, request).await
    }
    async fn list_owned(
        &self,
        selector: &OwnedSelector,
    ) -> Result<Vec<OwnedResource>, BackendError> {
        self.layer.list_owned(&self.next, selector).await
    }
    async fn remove(&self, resource: &OwnedResource) -> Result<Removed, BackendError> {
        self.layer.remove(&self.next, resource).await
    }
}
