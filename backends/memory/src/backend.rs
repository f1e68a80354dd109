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

use bottle_backend_common::BuildInput;

use crate::{
    Memory, MemoryConfig, builder,
    container::Container,
    faults::{selector_name, source_name},
    process,
    world::{Network, error},
};

impl Memory {
    /// The role of a container, for naming calls.
    fn role_of(&self, id: &ContainerId) -> String {
        let world = self.world();
        let found = world.containers.get(id.as_str());
        found.map_or_else(|| "gone".to_owned(), Container::role)
    }
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
        let unless = |not: bool, guarantee, how| {
            if not {
                Statement::withheld(guarantee, by, "it is configured otherwise")
            } else {
                Statement::given(guarantee, by, how)
            }
        };
        let MemoryConfig {
            gateway_on_internal,
            routed_networks,
            ..
        } = self.config;
        [
            unless(false, Guarantee::DnsClosed, "no resolver"),
            unless(gateway_on_internal, Guarantee::HostClosed, "no gateway"),
            unless(
                routed_networks,
                Guarantee::EgressOnlyByChain,
                "internal networks",
            ),
            unless(false, Guarantee::NoNewPrivs, "always set"),
            unless(false, Guarantee::Limits, "enforced"),
        ]
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
        cx: &OpContext,
    ) -> Result<ImageId, BackendError> {
        let name = source_name(source);
        let input = match source {
            ImageSource::Pull { .. } => None,
            ImageSource::Recipe(recipe) => Some(BuildInput::Recipe(recipe)),
            ImageSource::Context(context) => Some(BuildInput::Context(context)),
        };
        if let (Some(programs), Some(input)) = (self.programs(), input) {
            self.call("ensure_image", name, |_| Ok(())).await?;
            let built = builder::build(self, &programs, input, &cx.events).await;
            return built.map(ImageId::new);
        }
        let source = source.clone();
        self.call("ensure_image", name, move |world| {
            world.image(&source).map(ImageId::new)
        })
        .await
    }

    async fn derive_image(
        &self,
        base: &ImageId,
        derive: &Derive,
        cx: &OpContext,
    ) -> Result<ImageId, BackendError> {
        if let Some(programs) = self.programs() {
            self.call("derive_image", base.to_string(), |_| Ok(()))
                .await?;
            let input = BuildInput::Derive { base, derive };
            let built = builder::build(self, &programs, input, &cx.events).await;
            return built.map(ImageId::new);
        }
        let derived = format!("{base}+{}", derive.target);
        self.call("derive_image", base.to_string(), move |world| {
            world.images.insert(derived.clone());
            Ok(ImageId::new(derived))
        })
        .await
    }

    async fn has_image(&self, source: &ImageSource) -> Result<Option<bool>, BackendError> {
        let (reference, name) = match source {
            ImageSource::Pull { reference, .. } => (reference.clone(), reference.clone()),
            ImageSource::Recipe(_) | ImageSource::Context(_) => return Ok(None),
        };
        self.call("has_image", name, move |world| {
            Ok(Some(world.images.contains(&reference)))
        })
        .await
    }

    async fn create_network(
        &self,
        request: &NetworkRequest<'_>,
        _: &OpContext,
    ) -> Result<NetworkId, BackendError> {
        let plan = request.plan;
        let network = Network {
            name: plan.name.clone(),
            subnet: request.subnet,
            internal: plan.internal,
            owner: Some(plan.owner.clone()),
        };
        self.call(
            "create_network",
            plan.owner.role.to_string(),
            move |world| world.add_network(network).map(NetworkId::new),
        )
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
        container.argv = plan.entrypoint.clone().unwrap_or_default();
        container.argv.extend(plan.command.iter().cloned());
        container.user.clone_from(&plan.user);
        container.workdir.clone_from(&plan.workdir);
        container.hostname.clone_from(&plan.hostname);
        container.dns = plan.dns;
        container.hardening = plan.hardening.clone();
        container.limits = plan.limits.clone();
        container.stdio = plan.stdio;
        let runtime = plan.runtime.as_ref().or(self.config.runtimes.first());
        container.runtime = runtime.cloned().unwrap_or_default();
        let simulated = self.programs().is_some();
        self.call(
            "create_container",
            plan.owner.role.to_string(),
            move |world| {
                // Where programs are simulated the image must be here: they come from it.
                if simulated && !world.images.contains(&container.image) {
                    let message = format!("the image `{}` is not here", container.image);
                    return Err(error(
                        BackendErrorKind::ImageMissing,
                        "create container",
                        message,
                    ));
                }
                world.add_container(container).map(ContainerId::new)
            },
        )
        .await
    }

    async fn start(&self, id: &ContainerId) -> Result<(), BackendError> {
        let (target, key, engine) = (self.role_of(id), id.to_string(), self.clone());
        if let Some(programs) = self.programs() {
            let first = self.call("start", target, move |world| {
                let container = world.container(&key, "start")?;
                Ok(!std::mem::replace(&mut container.started, true))
            });
            if first.await? {
                process::start(self, &programs, id.as_str());
            }
            return Ok(());
        }
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

    async fn stop(&self, id: &ContainerId, grace: Duration) -> Result<(), BackendError> {
        let key = id.to_string();
        if self.programs().is_some() {
            self.call("stop", self.role_of(id), move |world| {
                let Some(container) = world.containers.get_mut(&key) else {
                    return Ok(());
                };
                // Without any grace there is no time to do anything about being asked.
                if grace.is_zero() {
                    container.end(ExitStatus(137));
                }
                container.life.asked_to_end.send_replace(true);
                Ok(())
            })
            .await?;
            process::stop(self, id.as_str(), grace).await;
            return Ok(());
        }
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
            let read_only = container.hardening.read_only_rootfs;
            let mounts = container.mounts.clone();
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
        if let Some(programs) = self.programs() {
            return process::run(self, &programs, id.as_str(), request);
        }
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
                Ok(world.container(&key, "attach")?.subscribe())
            })
            .await?;
        Ok(process::main(self, id.as_str(), output, stdio))
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
