//! The engine, and what tests do to it.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bottle_api::{
    BackendError, BackendErrorKind, ExecRequest, ExitStatus, ExposeSecret as _, OwnedResource,
    OwnedSelector, Role,
};
use ipnet::IpNet;
use tokio::sync::watch;

use crate::{
    Call, Fault, FileView, MemoryConfig, Reply, Script,
    container::Container,
    faults::Faults,
    machine::{Machine, Programs, Running},
    script::ExecScript,
    world::{Network, World, error},
};

/// An engine in memory. Clones share it.
#[derive(Clone)]
pub struct Memory {
    pub(crate) config: MemoryConfig,
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    world: Mutex<World>,
    faults: Faults,
    exec: Mutex<Option<ExecScript>>,
    programs: Mutex<Option<Programs>>,
    changed: watch::Sender<u64>,
}

/// A container as a test sees it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ContainerView {
    /// Its name.
    pub name: String,
    /// Its image.
    pub image: String,
    /// Its environment, secrets included.
    pub env: BTreeMap<String, String>,
    /// Its `/etc/hosts`.
    pub hosts: Vec<(String, IpAddr)>,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// Whether it runs.
    pub running: bool,
    /// What was written to its standard input.
    pub input: Vec<u8>,
    /// Paths of its files.
    pub paths: Vec<String>,
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memory").finish_non_exhaustive()
    }
}
impl Default for Memory {
    fn default() -> Self {
        Self::with_config(MemoryConfig::default())
    }
}

impl Memory {
    /// An empty engine.
    pub fn with_config(config: MemoryConfig) -> Self {
        let world = World {
            missing_images: config.missing_images.clone(),
            ..World::default()
        };
        Self {
            config,
            shared: Arc::new(Shared {
                world: Mutex::new(world),
                faults: Faults::default(),
                exec: Mutex::default(),
                programs: Mutex::default(),
                changed: watch::Sender::new(0),
            }),
        }
    }

    /// Makes one call fail.
    #[must_use]
    pub fn fault(self, call: Call, fault: Fault) -> Self {
        self.shared.faults.add(call, fault);
        self
    }
    /// Makes the `index`-th call fail, counted over all calls.
    #[must_use]
    pub fn fault_at(self, index: usize, fault: Fault) -> Self {
        self.shared.faults.add_at(index, fault);
        self
    }
    /// Returns once some call has met its fault.
    pub async fn fault_met(&self) {
        self.shared.faults.met().await;
    }
    /// Every call so far, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.faults.calls()
    }

    /// Answers `exec` with this.
    #[must_use]
    pub fn on_exec(
        self,
        script: impl Fn(&Role, &ExecRequest) -> Reply + Send + Sync + 'static,
    ) -> Self {
        *lock(&self.shared.exec) = Some(Arc::new(script));
        self
    }
    /// Gives programs a container to act in: main processes, `exec` and the `RUN` of builds all
    /// become `run`. Whatever [`Memory::on_exec`] and [`Memory::script`] said no longer counts.
    #[must_use]
    pub fn with_programs(self, run: impl Fn(Machine) -> Running + Send + Sync + 'static) -> Self {
        *lock(&self.shared.programs) = Some(Arc::new(run));
        self
    }
    /// What the main process of a role does once it is started.
    #[must_use]
    pub fn script(self, role: Role, script: Script) -> Self {
        self.world().scripts.insert(role, script);
        self
    }
    /// A file of every image.
    #[must_use]
    pub fn image_file(self, path: &str, text: &str) -> Self {
        let file = (path.to_owned(), FileView::text(text));
        self.world().image_files.push(file);
        self
    }
    /// A symbolic link of every image.
    #[must_use]
    pub fn image_link(self, path: &str, target: &str) -> Self {
        let link = FileView {
            link: Some(target.to_owned()),
            ..FileView::text("")
        };
        self.world().image_files.push((path.to_owned(), link));
        self
    }

    /// Somebody else's container of that name.
    pub fn stranger(&self, name: &str) {
        let mut world = self.world();
        let id = world.fresh_id("stranger-");
        let container = Container::new(name.to_owned(), None);
        world.containers.insert(id, container);
    }
    /// Somebody else's network on that subnet.
    pub fn foreign_network(&self, name: &str, subnet: IpNet) -> Result<(), BackendError> {
        let network = Network {
            name: name.to_owned(),
            subnet,
            internal: false,
            owner: None,
        };
        self.world().add_network(network).map(drop)
    }
    /// Ends the main process of a role.
    pub fn exit(&self, role: &Role, status: i64) {
        self.each(role, |container| container.end(ExitStatus(status)));
    }
    /// Kills the main process of a role for lack of memory.
    pub fn out_of_memory(&self, role: &Role) {
        self.each(role, |container| {
            container.oom_killed = true;
            container.end(ExitStatus(137));
        });
    }
    /// Writes a line to the log of a role.
    pub fn write(&self, role: &Role, line: &str) {
        self.each(role, |container| container.write_line(line));
    }

    /// Everything that carries labels.
    pub fn owned(&self) -> Vec<OwnedResource> {
        self.world().owned(&OwnedSelector::default())
    }
    /// Names of all containers, strangers' included.
    pub fn container_names(&self) -> Vec<String> {
        let world = self.world();
        world.containers.values().map(|c| c.name.clone()).collect()
    }
    /// The container of a role.
    pub fn container(&self, role: &Role) -> Option<ContainerView> {
        let world = self.world();
        let found = find(&world, role)?;
        Some(ContainerView {
            name: found.name.clone(),
            image: found.image.clone(),
            env: found
                .env
                .iter()
                .map(|(name, value)| (name.clone(), value.expose_secret().to_owned()))
                .collect(),
            hosts: found.hosts.clone(),
            addresses: found.networks.iter().map(|(_, address)| *address).collect(),
            running: found.running(),
            input: found.input.clone(),
            paths: found.files.paths(),
        })
    }
    /// A file of the container of a role.
    pub fn file(&self, role: &Role, path: &str) -> Option<FileView> {
        find(&self.world(), role)?.files.get(path).cloned()
    }

    /// Notes a call, lets it fail as told, or lets it act.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        operation: &'static str,
        target: String,
        act: impl FnOnce(&mut World) -> Result<T, BackendError> + Send + 'static,
    ) -> Result<T, BackendError> {
        let what = format!("{operation} {target}");
        let fault = self.shared.faults.next(what.trim_end().to_owned());
        if self.config.down {
            let down = error(BackendErrorKind::EngineDown, operation, "`memory:` is down");
            return Err(down.with_hint("set `down = false`"));
        }
        let injected = |kind| error(kind, operation, format!("injected into `{what}`"));
        // Calls that run side by side take turns, as with a real engine.
        tokio::task::yield_now().await;
        match fault {
            None => self.act(act),
            Some(Fault::Error) => Err(injected(BackendErrorKind::Other)),
            Some(Fault::Panic) => panic!("injected into `{what}`"),
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::ErrorAfterEffect) => {
                self.act(act)?;
                Err(injected(BackendErrorKind::Timeout))
            }
            Some(Fault::Late(after)) => {
                let engine = self.clone();
                let late = tokio::spawn(async move {
                    tokio::time::sleep(after).await;
                    engine.act(act)
                });
                late.await
                    .unwrap_or_else(|_| Err(injected(BackendErrorKind::EngineDown)))
            }
        }
    }

    /// Waits until `look` finds something.
    pub(crate) async fn until<T>(
        &self,
        mut look: impl FnMut(&mut World) -> Option<T>,
    ) -> Option<T> {
        let mut changes = self.shared.changed.subscribe();
        loop {
            if let Some(found) = look(&mut self.world()) {
                return Some(found);
            }
            changes.changed().await.ok()?;
        }
    }

    pub(crate) fn act<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        let done = act(&mut self.world());
        self.shared.changed.send_modify(|n| *n += 1);
        done
    }
    pub(crate) fn programs(&self) -> Option<Programs> {
        lock(&self.shared.programs).clone()
    }
    pub(crate) fn reply(&self, role: &Role, request: &ExecRequest) -> Reply {
        let script = lock(&self.shared.exec).clone();
        script.map_or_else(Reply::default, |script| script(role, request))
    }
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.shared.world)
    }
    fn each(&self, role: &Role, mut act: impl FnMut(&mut Container)) {
        self.act(|world| {
            world
                .containers
                .values_mut()
                .filter(|c| c.owner.as_ref().is_some_and(|o| o.role == *role))
                .for_each(&mut act);
        });
    }
}

fn find<'a>(world: &'a World, role: &Role) -> Option<&'a Container> {
    let owned = |c: &&Container| c.owner.as_ref().is_some_and(|o| o.role == *role);
    world.containers.values().find(owned)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
