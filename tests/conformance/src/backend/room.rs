//! A room for each case: a session of its own on an engine that others use too.

use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bottle_api::{
    Backend, BackendError, BackendErrorKind, BackendInfo, BoxStream, ContainerId, ContainerPlan,
    ContainerRequest, EventSink, ExecRequest, ImageId, ImagePlan, ImageSource, InstanceId,
    LogRequest, NetworkId, NetworkPlan, NetworkRequest, OpContext, OwnedResource, OwnedSelector,
    Ownership, ResolvedAttachment, ResourceKind, Role, SecretString, SessionId,
};

use super::{floor::Floor, suite::BackendSuite, watch};
use crate::{
    Checked, Dialect, Miss, Step,
    streams::{Output, collect},
    verdict::{chain, ensure},
};

/// One case's own session.
pub(crate) struct Room {
    floor: Arc<Floor>,
    session: SessionId,
    pub(crate) runtime: String,
    images: Mutex<Vec<String>>,
    made: Mutex<Vec<OwnedResource>>,
    secrets: Mutex<Vec<String>>,
}

/// A network on a subnet that was free.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    pub(crate) id: NetworkId,
    pub(crate) subnet: ipnet::Ipv4Net,
    pub(crate) internal: bool,
}
impl Network {
    pub(crate) fn address(&self, host: u8) -> IpAddr {
        let base = u32::from(self.subnet.network());
        IpAddr::V4((base + u32::from(host)).into())
    }
    pub(crate) fn at(&self, host: u8) -> ResolvedAttachment {
        ResolvedAttachment {
            network: self.id.clone(),
            internal: self.internal,
            address: self.address(host),
        }
    }
}

/// What a program said.
pub(crate) type Said = Output;

pub(crate) fn discard() -> OpContext {
    OpContext::new(EventSink::discard())
}

/// Lower-case letters and digits that nobody else has.
pub(crate) fn unique() -> String {
    format!("c{:015x}", rand::random::<u64>() >> 4)
}

impl Room {
    pub(crate) fn new(floor: Arc<Floor>, runtime: &str) -> Self {
        Self {
            floor,
            session: SessionId::new(unique()),
            runtime: runtime.to_owned(),
            images: Mutex::default(),
            made: Mutex::default(),
            secrets: Mutex::default(),
        }
    }
    pub(crate) fn backend(&self) -> &dyn Backend {
        &*self.floor.backend
    }
    pub(crate) fn info(&self) -> &BackendInfo {
        &self.floor.info
    }
    pub(crate) fn image(&self) -> &ImageId {
        &self.floor.image
    }
    pub(crate) fn suite(&self) -> &BackendSuite {
        &self.floor.suite
    }
    pub(crate) fn dialect(&self) -> &dyn Dialect {
        &*self.floor.suite.dialect
    }

    pub(crate) fn owner(&self, role: &str) -> Ownership {
        Ownership {
            session: self.session.clone(),
            role: Role::new(role),
            instance: InstanceId::new("bottle-conformance"),
        }
    }
    pub(crate) fn selector(&self) -> OwnedSelector {
        OwnedSelector {
            session: Some(self.session.clone()),
            ..OwnedSelector::default()
        }
    }
    pub(crate) async fn owned(&self) -> Checked<Vec<OwnedResource>> {
        Ok(self.backend().list_owned(&self.selector()).await?)
    }
    /// What is labelled for this role.
    pub(crate) async fn owned_as(&self, role: &str) -> Checked<Vec<OwnedResource>> {
        let mut all = self.owned().await?;
        all.retain(|resource| resource.owner.role.as_str() == role);
        Ok(all)
    }
    /// A resource as `list_owned` would tell of it, without asking.
    pub(crate) fn resource(&self, kind: ResourceKind, id: &str, role: &str) -> OwnedResource {
        OwnedResource {
            kind,
            id: id.to_owned(),
            name: self.name(role),
            owner: self.owner(role),
            running: kind == ResourceKind::Container,
        }
    }
    pub(crate) fn name(&self, role: &str) -> String {
        format!("bottle-{}-{role}", self.session)
    }

    /// A container that does this.
    pub(crate) fn plan(&self, role: &str, steps: &[Step]) -> ContainerPlan {
        let image = ImagePlan::pull("conformance", "conformance");
        let mut plan = ContainerPlan::new(self.owner(role), self.name(role), image);
        plan.entrypoint = Some(vec![]);
        plan.command = self.dialect().argv(steps);
        plan.runtime = Some(self.runtime.clone());
        plan.limits.memory = Some(512 << 20);
        plan.limits.pids = Some(1024);
        plan
    }
    /// A container that stays.
    pub(crate) fn idle(&self, role: &str) -> ContainerPlan {
        self.plan(role, &[Step::Forever])
    }

    pub(crate) async fn create(&self, plan: &ContainerPlan) -> Checked<ContainerId> {
        self.create_on(plan, &[], &[]).await
    }
    pub(crate) async fn create_on(
        &self,
        plan: &ContainerPlan,
        networks: &[ResolvedAttachment],
        hosts: &[(String, IpAddr)],
    ) -> Checked<ContainerId> {
        Ok(self.try_create(plan, networks, hosts, &[]).await?)
    }
    pub(crate) async fn try_create(
        &self,
        plan: &ContainerPlan,
        networks: &[ResolvedAttachment],
        hosts: &[(String, IpAddr)],
        env: &[(String, SecretString)],
    ) -> Result<ContainerId, BackendError> {
        let request = ContainerRequest::new(plan, &plan.name, self.image())
            .networks(networks)
            .hosts(hosts)
            .env(env);
        let id = self
            .backend()
            .create_container(&request, &discard())
            .await?;
        let role = plan.owner.role.as_str();
        let made = self.resource(ResourceKind::Container, id.as_str(), role);
        lock(&self.made).insert(0, made);
        Ok(id)
    }
    /// Creates and starts.
    pub(crate) async fn running(&self, plan: &ContainerPlan) -> Checked<ContainerId> {
        self.running_on(plan, &[]).await
    }
    pub(crate) async fn running_on(
        &self,
        plan: &ContainerPlan,
        networks: &[ResolvedAttachment],
    ) -> Checked<ContainerId> {
        let id = self.create_on(plan, networks, &[]).await?;
        self.backend().start(&id).await?;
        Ok(id)
    }
    /// A container whose main process ran to its end.
    pub(crate) async fn ended(&self, role: &str, steps: &[Step]) -> Checked<ContainerId> {
        let id = self.running(&self.plan(role, steps)).await?;
        self.backend().wait(&id).await?;
        Ok(id)
    }

    /// A network on a subnet that is free: choosing one is the launcher's part, which the suite
    /// plays.
    pub(crate) async fn network(&self, role: &str, internal: bool) -> Checked<Network> {
        let plan = NetworkPlan {
            owner: self.owner(role),
            name: self.name(role),
            internal,
        };
        for _ in 0..40 {
            let subnet = free_subnet();
            let request = NetworkRequest::new(&plan, subnet.into());
            match self.backend().create_network(&request, &discard()).await {
                Ok(id) => {
                    let made = self.resource(ResourceKind::Network, id.as_str(), role);
                    lock(&self.made).push(made);
                    return Ok(Network {
                        id,
                        subnet,
                        internal,
                    });
                }
                Err(error) if error.kind() == BackendErrorKind::AddressInUse => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Miss::broken("none of 40 subnets is free"))
    }

    /// Runs steps in a running container.
    pub(crate) async fn exec(&self, id: &ContainerId, steps: &[Step]) -> Checked<Said> {
        self.exec_as(id, ExecRequest::new(self.dialect().argv(steps)))
            .await
    }
    pub(crate) async fn exec_as(&self, id: &ContainerId, request: ExecRequest) -> Checked<Said> {
        collect(self.backend().exec(id, &request).await?).await
    }
    /// The same; they must succeed, and this is what they print.
    pub(crate) async fn says(&self, id: &ContainerId, steps: &[Step]) -> Checked<String> {
        let said = self.exec(id, steps).await?;
        ensure!(
            said.status.success(),
            "{steps:?} ended with {}: {}{}",
            said.status.0,
            said.text(),
            said.errors()
        );
        Ok(said.text().trim_end().to_owned())
    }

    /// A container's log, from its beginning.
    pub(crate) async fn log(&self, id: &ContainerId, follow: bool) -> Checked<BoxStream<String>> {
        let request = LogRequest { follow, tail: None };
        Ok(self.backend().logs(id, request).await?)
    }

    /// A secret nobody else has.
    pub(crate) fn secret(&self) -> String {
        let secret = format!("{}{}", watch::MARK, unique());
        lock(&self.secrets).push(secret.clone());
        secret
    }
    /// An image to be removed afterwards.
    pub(crate) fn built(&self, image: &ImageId) {
        lock(&self.images).push(image.to_string());
    }
    pub(crate) async fn ensure(&self, source: &ImageSource) -> Checked<ImageId> {
        let id = self.backend().ensure_image(source, &discard()).await?;
        self.built(&id);
        Ok(id)
    }

    /// Removes everything by its labels, and then what that did not find: an engine is left as
    /// it was, also by a backend that is wrong.
    pub(super) async fn clean_up(&self) -> Checked {
        let by_label = async || {
            for resource in self.backend().list_owned(&self.selector()).await? {
                // What stays is told at the end of the suite.
                let _ = self.backend().remove(&resource).await;
            }
            Ok::<_, BackendError>(())
        };
        // Twice: a removal that fails may succeed once what it waits for is gone.
        let _ = by_label().await;
        let _ = by_label().await;
        match self.backend().list_owned(&self.selector()).await {
            Ok(left) => {
                let names = left.iter().map(|r| format!("{:?} {}", r.kind, r.name));
                lock(&self.floor.left).extend(names);
            }
            Err(error) => lock(&self.floor.left).push(chain(&error)),
        }
        let made = std::mem::take(&mut *lock(&self.made));
        for made in made {
            if made.kind == ResourceKind::Container {
                let id = ContainerId::new(made.id.clone());
                let _ = self.backend().stop(&id, Duration::ZERO).await;
            }
            let _ = self.backend().remove(&made).await;
        }
        self.remove_images().await;
        for secret in std::mem::take(&mut *lock(&self.secrets)) {
            let told = watch::logged(&secret);
            ensure!(told.is_empty(), "a log line holds a secret: {}", told[0]);
        }
        Ok(())
    }

    async fn remove_images(&self) {
        let images = std::mem::take(&mut *lock(&self.images));
        let [program, arguments @ ..] = self.suite().remove_image.as_slice() else {
            return;
        };
        for image in images {
            let run = tokio::process::Command::new(program)
                .args(arguments)
                .arg(image)
                .output();
            // An image that is still used by another case goes with that one.
            let _ = run.await;
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Another one each time, among 4096 of them.
fn free_subnet() -> ipnet::Ipv4Net {
    static NEXT: OnceLock<AtomicU32> = OnceLock::new();
    let next = NEXT.get_or_init(|| AtomicU32::new(rand::random::<u32>() % 4096));
    let n = next.fetch_add(1, Ordering::Relaxed) % 4096;
    let base = u32::from(std::net::Ipv4Addr::new(10, 215, 0, 0)) + n * 16;
    // 28 is a prefix length.
    ipnet::Ipv4Net::new_assert(base.into(), 28)
}
