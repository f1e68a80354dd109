//! The backend: every verb, handed to the module that knows it.

use std::{sync::Arc, time::Duration};

use bottle_api::{
    Backend, BackendError, BackendInfo, BoxStream, ConfigError, ContainerId, ContainerRequest,
    ContainerState, Derive, ExecRequest, ExitStatus, ImageId, ImageSource, LogRequest, NetworkId,
    NetworkRequest, OpContext, OwnedResource, OwnedSelector, PluginBuild, Process, Removed,
    Statement, Stdio, async_trait,
};
use bottle_backend_common::{self as common, Machine};
use bytes::Bytes;
use tokio::sync::Mutex;

use crate::{
    NAME, archive, client::Client, config::PodmanConfig, container, firewall, guarantees, image,
    logs, network, owned, probe, process,
};

/// A Podman engine. Connects at the first call; starts a service of its own where none answers.
#[derive(Debug)]
pub struct Podman {
    config: PodmanConfig,
    client: Mutex<Option<Arc<Client>>>,
}

impl Podman {
    /// The engine that this configuration means.
    pub fn new(config: PodmanConfig) -> Result<Self, ConfigError> {
        Ok(Self {
            config: config.check()?,
            client: Mutex::default(),
        })
    }

    /// A failed connection is tried again by the next call; so is a service of one's own that
    /// has ended.
    async fn client(&self) -> Result<Arc<Client>, BackendError> {
        let mut client = self.client.lock().await;
        match client.as_ref() {
            Some(connected) if connected.is_usable() => Ok(Arc::clone(connected)),
            _ => {
                let connected = Arc::new(Client::connect(&self.config).await?);
                *client = Some(Arc::clone(&connected));
                Ok(connected)
            }
        }
    }
}

impl PluginBuild<dyn Backend> for Podman {
    const NAME: &'static str = NAME;
    const SUMMARY: &'static str =
        "Podman containers, with root or without, under crun, runc or gVisor";
    type Config = PodmanConfig;

    fn build(config: Self::Config) -> Result<Box<dyn Backend>, ConfigError> {
        Ok(Box::new(Self::new(config)?))
    }
}

bottle_api::register_backend!(Podman);

#[async_trait]
impl Backend for Podman {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn probe(&self) -> Result<BackendInfo, BackendError> {
        let client = self.client().await?;
        let mut info = probe::describe(&client, &Machine::here());
        info.notes.extend(firewall::trouble(&client).await);
        Ok(info)
    }

    fn guarantees(&self, info: &BackendInfo, runtime: &str) -> Vec<Statement> {
        guarantees::statements(info, runtime)
    }

    async fn ensure_image(
        &self,
        source: &ImageSource,
        cx: &OpContext,
    ) -> Result<ImageId, BackendError> {
        common::ensure_image(&*self.client().await?, source, cx).await
    }

    async fn derive_image(
        &self,
        base: &ImageId,
        derive: &Derive,
        cx: &OpContext,
    ) -> Result<ImageId, BackendError> {
        common::derive_image(&*self.client().await?, base, derive, cx).await
    }

    async fn has_image(&self, source: &ImageSource) -> Result<Option<bool>, BackendError> {
        let client = self.client().await?;
        common::has_image(&*client, source).await.map(Some)
    }

    async fn prune_images(&self, dry_run: bool) -> Result<Vec<String>, BackendError> {
        image::prune(&*self.client().await?, dry_run).await
    }

    async fn create_network(
        &self,
        request: &NetworkRequest<'_>,
        cx: &OpContext,
    ) -> Result<NetworkId, BackendError> {
        network::create(&*self.client().await?, request, cx).await
    }

    async fn create_container(
        &self,
        request: &ContainerRequest<'_>,
        cx: &OpContext,
    ) -> Result<ContainerId, BackendError> {
        container::create(&self.client().await?, request, cx).await
    }

    async fn start(&self, id: &ContainerId) -> Result<(), BackendError> {
        container::start(&*self.client().await?, id).await
    }

    async fn inspect(&self, id: &ContainerId) -> Result<ContainerState, BackendError> {
        container::inspect(&*self.client().await?, id).await
    }

    async fn stop(&self, id: &ContainerId, grace: Duration) -> Result<(), BackendError> {
        container::stop(&*self.client().await?, id, grace).await
    }

    async fn wait(&self, id: &ContainerId) -> Result<ExitStatus, BackendError> {
        container::wait(&*self.client().await?, id).await
    }

    async fn put_archive(&self, id: &ContainerId, archive: Bytes) -> Result<(), BackendError> {
        archive::put(&self.client().await?, id, archive).await
    }

    async fn get_archive(&self, id: &ContainerId, path: &str) -> Result<Bytes, BackendError> {
        archive::get(&self.client().await?, id, path).await
    }

    async fn exec(&self, id: &ContainerId, request: &ExecRequest) -> Result<Process, BackendError> {
        process::exec(&self.client().await?, id, request).await
    }

    async fn attach(&self, id: &ContainerId, stdio: Stdio) -> Result<Process, BackendError> {
        process::attach(&self.client().await?, id, stdio).await
    }

    async fn logs(
        &self,
        id: &ContainerId,
        request: LogRequest,
    ) -> Result<BoxStream<String>, BackendError> {
        logs::logs(&*self.client().await?, id, request).await
    }

    async fn list_owned(
        &self,
        selector: &OwnedSelector,
    ) -> Result<Vec<OwnedResource>, BackendError> {
        owned::list(&*self.client().await?, selector).await
    }

    async fn remove(&self, resource: &OwnedResource) -> Result<Removed, BackendError> {
        owned::remove(&*self.client().await?, resource).await
    }
}
