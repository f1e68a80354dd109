//! The verbs.

use std::time::Duration;

use bottle_api::{
    Backend, BackendError, BackendInfo, BoxStream, ContainerId, ContainerRequest, ContainerState,
    Derive, ExecRequest, ExitStatus, ImageId, ImageSource, LogRequest, NetworkId, NetworkRequest,
    OpContext, OwnedResource, OwnedSelector, PluginBuild, Process, Removed, Statement, Stdio,
    async_trait,
};
use bytes::Bytes;

use crate::Ledgered;

#[async_trait]
impl Backend for Ledgered {
    // [docs: probe]
    fn name(&self) -> &'static str {
        Self::NAME
    }
    async fn probe(&self) -> Result<BackendInfo, BackendError> {
        let mut info = self.engine.probe().await?;
        info.engine = format!("{}, with a ledger", info.engine);
        Ok(info)
    }
    fn guarantees(&self, info: &BackendInfo, runtime: &str) -> Vec<Statement> {
        self.statements(info, runtime)
    }
    // [docs: end]

    async fn ensure_image(
        &self,
        source: &ImageSource,
        cx: &OpContext,
    ) -> Result<ImageId, BackendError> {
        self.engine.ensure_image(source, cx).await
    }
    async fn derive_image(
        &self,
        base: &ImageId,
        derive: &Derive,
        cx: &OpContext,
    ) -> Result<ImageId, BackendError> {
        self.ledger.note("derive image", base.as_str())?;
        self.engine.derive_image(base, derive, cx).await
    }
    async fn has_image(&self, source: &ImageSource) -> Result<Option<bool>, BackendError> {
        self.engine.has_image(source).await
    }

    // [docs: create]
    async fn create_network(
        &self,
        request: &NetworkRequest<'_>,
        cx: &OpContext,
    ) -> Result<NetworkId, BackendError> {
        self.ledger.note("create network", &request.plan.name)?;
        self.engine.create_network(request, cx).await
    }
    async fn create_container(
        &self,
        request: &ContainerRequest<'_>,
        cx: &OpContext,
    ) -> Result<ContainerId, BackendError> {
        self.ledger.note("create container", request.name)?;
        self.engine.create_container(request, cx).await
    }
    // [docs: end]

    // [docs: life]
    async fn start(&self, id: &ContainerId) -> Result<(), BackendError> {
        self.ledger.note("start", id.as_str())?;
        self.engine.start(id).await
    }
    async fn inspect(&self, id: &ContainerId) -> Result<ContainerState, BackendError> {
        self.engine.inspect(id).await
    }
    async fn stop(&self, id: &ContainerId, grace: Duration) -> Result<(), BackendError> {
        self.ledger.note("stop", id.as_str())?;
        self.engine.stop(id, grace).await
    }
    async fn wait(&self, id: &ContainerId) -> Result<ExitStatus, BackendError> {
        self.engine.wait(id).await
    }
    // [docs: end]

    // [docs: files]
    async fn put_archive(&self, id: &ContainerId, archive: Bytes) -> Result<(), BackendError> {
        self.ledger.note("put archive", id.as_str())?;
        self.engine.put_archive(id, archive).await
    }
    async fn get_archive(&self, id: &ContainerId, path: &str) -> Result<Bytes, BackendError> {
        self.engine.get_archive(id, path).await
    }
    // [docs: end]

    // [docs: streams]
    async fn exec(&self, id: &ContainerId, request: &ExecRequest) -> Result<Process, BackendError> {
        let program = request.argv.first().map_or("", String::as_str);
        self.ledger.note("exec", program)?;
        self.engine.exec(id, request).await
    }
    async fn attach(&self, id: &ContainerId, stdio: Stdio) -> Result<Process, BackendError> {
        self.engine.attach(id, stdio).await
    }
    async fn logs(
        &self,
        id: &ContainerId,
        request: LogRequest,
    ) -> Result<BoxStream<String>, BackendError> {
        self.engine.logs(id, request).await
    }
    // [docs: end]

    // [docs: owned]
    async fn list_owned(
        &self,
        selector: &OwnedSelector,
    ) -> Result<Vec<OwnedResource>, BackendError> {
        self.engine.list_owned(selector).await
    }
    async fn remove(&self, resource: &OwnedResource) -> Result<Removed, BackendError> {
        self.ledger.note("remove", &resource.name)?;
        self.engine.remove(resource).await
    }
    // [docs: end]
}
