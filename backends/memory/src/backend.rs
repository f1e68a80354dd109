//! The verbs.

use std::time::Duration;

use async_trait::async_trait;
use bottle_api::{
    Backend, BackendError, BackendErrorKind, BackendInfo, BoxStream, ContainerId, ContainerRequest,
    ContainerState, Derive, ExecRequest, ExitStatus, Guarantee, ImageId, ImageSource, LogRequest,
    NetworkId, NetworkRequest, OpContext, OwnedResource, OwnedSelector, PluginBuild,
    PreferredRuntime, Process, Removed, Role, Statement, Stdio,
};
use bytes::Bytes;

use crate::{
    Memory, process,
    world::{Container, error},
};

impl Memory {
    /// The role of a container, for naming calls.
    fn role_of(&self, id: &ContainerId) -> String {
        let world = self.world();
        let found = world.containers.get(id.as_str());
        found.map_or_else(|| "gone".to_owned(), Container::role)
    }
}

fn source_name(source: &ImageSource) -> String {
    match source {
        ImageSource::Pull { reference, .. } => reference.clone(),
        ImageSource::Recipe(recipe) => format!("recipe {}", recipe.repository),
        ImageSource::Context(build) => format!("context {}", build.repository),
    }
}

fn selector_name(selector: &OwnedSelector) -> String {
    let role = selector.role.as_ref().map(Role::as_str);
    role.unwrap_or("all").to_owned()
}

#[async_trait]
impl Backend for Memory {
    fn name(&self) -> &'static str {
        <Self as PluginBuild<dyn Backend>>::NAME
    }

    async fn probe(&self) -> Result<BackendInfo, BackendError> {
        let config = self.config.clone();
        self.call("probe", String::new(), move |_| {
            let default = config.runtimes.first().cloned().unwrap_or_default();
            let mut info = BackendInfo::new("Memory 1.0", "memory:", default);
            info.runtimes = config.runtimes.iter().cloned().collect();
            info.preferred_runtime = Some(PreferredRuntime {
                name: config.preferred_runtime.clone(),
                install: format!("add `{}` to `runtimes`", config.preferred_runtime),
            });
            info.min_pids.clone_from(&config.min_pids);
            info.cpus = config.cpus;
            Ok(info)
        })
        .await
    }

    fn guarantees(&self, _: &BackendInfo, runtime: &str) -> Vec<Statement> {
        let by = self.name();
        let own_kernel = if runtime == "runsc" {
            Statement::given(Guarantee::OwnKernel, by, "the runtime has its own")
        } else {
            Statement::withheld(
                Guarantee::OwnKernel,
                by,
                format!("`{runtime}` shares the host's"),
            )
            .remedy("use `runtime = \"runsc\"`")
        };
        [
            (Guarantee::DnsClosed, "no resolver"),
            (Guarantee::HostClosed, "no gateway"),
            (Guarantee::EgressOnlyByChain, "internal networks"),
            (Guarantee::NoNewPrivs, "always set"),
            (Guarantee::Limits, "enforced"),
        ]
        .map(|(guarantee, how)| Statement::given(guarantee, by, how))
        .into_iter()
        .chain([
            own_kernel,
            Statement::withheld(Guarantee::Rootless, by, "it runs in this process"),
        ])
        .collect()
    }

    async fn ensure_image(
        &self,
        source: &ImageSource,
        _: &OpContext,
    ) -> Result<ImageId, BackendError> {
        let (name, source) = (source_name(source), source.clone());
        self.call("ensure_image", name, move |world| {
            world.image(&source).map(ImageId::new)
        })
        .await
    }

    async fn derive_image(
        &self,
        base: &ImageId,
        derive: &Derive,
        _: &OpContext,
    ) -> Result<ImageId, BackendError> {
        let derived = format!("{base}+{}", derive.target);
        self.call("derive_image", base.to_string(), move |_| {
            Ok(ImageId::new(derived))
        })
        .await
    }

    async fn create_network(
        &self,
        request: &NetworkRequest<'_>,
        _: &OpContext,
    ) -> Result<NetworkId, BackendError> {
        let (name, owner) = (request.plan.name.clone(), request.plan.owner.clone());
        let subnet = request.subnet;
        self.call("create_network", owner.role.to_string(), move |world| {
            let id = world.add_network(name, subnet, Some(owner))?;
            Ok(NetworkId::new(id))
        })
        .await
    }

    async fn create_container(
        &self,
        request: &ContainerRequest<'_>,
        _: &OpContext,
    ) -> Result<ContainerId, BackendError> {
        let plan = request.plan;
        if let Some(runtime) = &plan.runtime
            && !self.config.runtimes.contains(runtime)
        {
            return Err(error(
                BackendErrorKind::RuntimeMissing,
                "create container",
                format!("no runtime `{runtime}`"),
            ));
        }
        let mut container = Container::new(request.name.to_owned(), Some(plan.owner.clone()));
        container.image = request.image.to_string();
        container.env = request.env.to_vec();
        container.hosts = request.hosts.to_vec();
        container.networks = request
            .networks
            .iter()
            .map(|n| (n.network.to_string(), n.address))
            .collect();
        container.mounts.clone_from(&plan.mounts);
        container.read_only = plan.hardening.read_only_rootfs;
        self.call(
            "create_container",
            plan.owner.role.to_string(),
            move |world| world.add_container(container).map(ContainerId::new),
        )
        .await
    }

    async fn start(&self, id: &ContainerId) -> Result<(), BackendError> {
        let (target, key, engine) = (self.role_of(id), id.to_string(), self.clone());
        self.call("start", target, move |world| {
            if let Some((after, status)) = world.start(&key)? {
                if after.is_zero() {
                    world.container(&key, "start")?.end(status);
                } else {
                    tokio::spawn(async move {
                        tokio::time::sleep(after).await;
                        engine.act(|world| {
                            if let Some(container) = world.containers.get_mut(&key) {
                                container.end(status);
                            }
                        });
                    });
                }
            }
            Ok(())
        })
        .await
    }

    async fn inspect(&self, id: &ContainerId) -> Result<ContainerState, BackendError> {
        let key = id.to_string();
        self.call("inspect", self.role_of(id), move |world| {
            world.container(&key, "inspect").map(|c| c.state())
        })
        .await
    }

    async fn stop(&self, id: &ContainerId, _: Duration) -> Result<(), BackendError> {
        let key = id.to_string();
        self.call("stop", self.role_of(id), move |world| {
            if let Some(container) = world.containers.get_mut(&key) {
                container.end(ExitStatus(143));
            }
            Ok(())
        })
        .await
    }

    async fn wait(&self, id: &ContainerId) -> Result<ExitStatus, BackendError> {
        self.call("wait", self.role_of(id), |_| Ok(())).await?;
        process::wait(self, id.as_str()).await
    }

    async fn put_archive(&self, id: &ContainerId, archive: Bytes) -> Result<(), BackendError> {
        let key = id.to_string();
        self.call("put_archive", self.role_of(id), move |world| {
            let container = world.container(&key, "put archive")?;
            let (read_only, mounts) = (container.read_only, container.mounts.clone());
            container
                .files
                .unpack(&archive, |path| {
                    Container::may_write(read_only, &mounts, path)
                })
                .map_err(|e| error(BackendErrorKind::Other, "put archive", e.to_string()))
        })
        .await
    }

    async fn get_archive(&self, id: &ContainerId, path: &str) -> Result<Bytes, BackendError> {
        let (key, path) = (id.to_string(), path.to_owned());
        self.call("get_archive", self.role_of(id), move |world| {
            let fail = |kind, message| error(kind, "get archive", message);
            world
                .container(&key, "get archive")?
                .files
                .pack(&path)
                .map_err(|e| fail(BackendErrorKind::Other, e.to_string()))?
                .ok_or_else(|| fail(BackendErrorKind::NotFound, format!("no `{path}`")))
        })
        .await
    }

    async fn exec(&self, id: &ContainerId, request: &ExecRequest) -> Result<Process, BackendError> {
        let (key, target) = (id.to_string(), self.role_of(id));
        let role = Role::new(target.clone());
        self.call("exec", target, move |world| {
            if world.container(&key, "exec")?.running() {
                return Ok(());
            }
            let message = format!("`{key}` does not run");
            Err(error(BackendErrorKind::Other, "exec", message))
        })
        .await?;
        Ok(process::exec(
            self,
            id.as_str(),
            &role,
            self.reply(&role, request),
        ))
    }

    async fn attach(&self, id: &ContainerId, stdio: Stdio) -> Result<Process, BackendError> {
        let key = id.to_string();
        let output = self
            .call("attach", self.role_of(id), move |world| {
                Ok(world.container(&key, "attach")?.output.subscribe())
            })
            .await?;
        Ok(process::main(self, id.as_str(), output, stdio.stdin))
    }

    async fn logs(
        &self,
        id: &ContainerId,
        request: LogRequest,
    ) -> Result<BoxStream<String>, BackendError> {
        let key = id.to_string();
        let skip = self
            .call("logs", self.role_of(id), move |world| {
                let lines = world.container(&key, "logs")?.log.len();
                Ok(request.tail.map_or(0, |tail| lines.saturating_sub(tail)))
            })
            .await?;
        Ok(process::log(self, id.as_str(), skip, request.follow))
    }

    async fn list_owned(
        &self,
        selector: &OwnedSelector,
    ) -> Result<Vec<OwnedResource>, BackendError> {
        let (name, selector) = (selector_name(selector), selector.clone());
        self.call("list_owned", name, move |world| Ok(world.owned(&selector)))
            .await
    }

    async fn remove(&self, resource: &OwnedResource) -> Result<Removed, BackendError> {
        let (target, resource) = (resource.owner.role.to_string(), resource.clone());
        self.call("remove", target, move |world| {
            Ok(if world.remove(&resource)? {
                Removed::Now
            } else {
                Removed::AlreadyGone
            })
        })
        .await
    }
}
