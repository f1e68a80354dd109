//! A session of its own for each test, emptied and checked at its end.

mod http;
mod parts;

pub(crate) use http::call;
pub(crate) use parts::{archive, entry, folder, link, unpack};

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    future::Future,
    panic::AssertUnwindSafe,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bottle_api::{
    Backend as _, BackendError, BackendErrorKind, BackendInfo, ContainerId, ContainerPlan,
    ContainerRequest, Event, EventSink, ExecOutput, ExecRequest, ExitStatus, ImageId, ImagePlan,
    ImageSource, InstanceId, NetworkId, NetworkPlan, NetworkRequest, OpContext, Output,
    OwnedResource, OwnedSelector, Ownership, Process, PullPolicy, ResolvedAttachment, Role,
    SecretString, SessionId,
};
use futures_util::{FutureExt, StreamExt};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::lane::{self, Backend};

pub(crate) const IMAGE: &str = "debian:bookworm-slim";
/// Nothing here takes that long; a hanging engine shall not hang the test.
const LIMIT: Duration = Duration::from_mins(5);

pub(crate) struct Engine {
    pub(crate) backend: Backend,
    pub(crate) info: BackendInfo,
    pub(crate) image: ImageId,
    pub(crate) session: SessionId,
    images: std::sync::Mutex<Vec<String>>,
}

fn required() -> bool {
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|found| found == value);
    is("BOTTLE_TEST_ENGINE", "required") || is("CI", "true")
}

/// Says why something is not tested, or fails where it must be.
pub(crate) fn skip(reason: &str) {
    assert!(!required(), "must not be skipped here: {reason}");
    eprintln!("skipped: {reason}");
}

/// Runs a test with a session of its own; whatever it leaves behind is removed, and is a failure.
pub(crate) fn test<F, T>(body: F)
where
    F: FnOnce(std::sync::Arc<Engine>) -> T,
    T: Future<Output = ()>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let engine = match Engine::new().await {
            Ok(engine) => std::sync::Arc::new(engine),
            Err(error) => return skip(&format!("no engine: {error}")),
        };
        let run = tokio::time::timeout(LIMIT, body(std::sync::Arc::clone(&engine)));
        let result = AssertUnwindSafe(run).catch_unwind().await;
        engine.clean_up().await;
        match result {
            Ok(Ok(())) => {}
            Ok(Err(_)) => panic!("still not done after {LIMIT:?}"),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    });
}

impl Engine {
    async fn new() -> Result<Self, BackendError> {
        let backend = lane::connect()?;
        let info = backend.probe().await?;
        let image = backend
            .ensure_image(
                &ImageSource::Pull {
                    reference: IMAGE.into(),
                    policy: PullPolicy::Missing,
                },
                &OpContext::new(EventSink::discard()),
            )
            .await?;
        Ok(Self {
            backend,
            info,
            image,
            session: SessionId::new(unique()),
            images: std::sync::Mutex::default(),
        })
    }

    async fn clean_up(&self) {
        for resource in self.owned().await {
            // Once more below: what stays is named there.
            let _ = self.backend.remove(&resource).await;
        }
        let images = std::mem::take(&mut *self.images.lock().unwrap());
        for image in images {
            call("DELETE", &format!("/images/{image}?force=1"), None).await;
        }
        let left = self.owned().await;
        assert!(left.is_empty(), "left behind: {left:#?}");
    }

    /// An image that the clean-up removes.
    pub(crate) fn remove_later(&self, image: &str) {
        self.images.lock().unwrap().push(image.to_owned());
    }

    /// The runtimes every sentence about programs must hold for.
    pub(crate) fn runtimes(&self) -> Vec<String> {
        lane::runtimes(&self.info)
    }

    pub(crate) fn owner(&self, role: &str) -> Ownership {
        Ownership {
            session: self.session.clone(),
            role: Role::new(role),
            instance: InstanceId::new("bottle-tests"),
        }
    }
    pub(crate) fn selector(&self) -> OwnedSelector {
        OwnedSelector {
            session: Some(self.session.clone()),
            ..Default::default()
        }
    }
    pub(crate) async fn owned(&self) -> Vec<OwnedResource> {
        self.backend.list_owned(&self.selector()).await.unwrap()
    }

    /// A container that sleeps under this runtime.
    pub(crate) fn plan(&self, role: &str, runtime: &str) -> ContainerPlan {
        let name = format!("bottle-test-{}-{role}", self.session);
        let mut plan = ContainerPlan::new(self.owner(role), name, ImagePlan::pull(IMAGE, "test"));
        plan.command = ["sleep", "300"].map(str::to_owned).to_vec();
        plan.runtime = Some(runtime.to_owned());
        plan.limits.memory = Some(512 << 20);
        plan
    }

    pub(crate) async fn create(&self, plan: &ContainerPlan) -> ContainerId {
        self.create_on(plan, &[], &[]).await
    }

    pub(crate) async fn create_on(
        &self,
        plan: &ContainerPlan,
        networks: &[ResolvedAttachment],
        hosts: &[(String, std::net::IpAddr)],
    ) -> ContainerId {
        let request = ContainerRequest::new(plan, &plan.name, &self.image)
            .networks(networks)
            .hosts(hosts);
        self.backend
            .create_container(&request, &discard())
            .await
            .unwrap()
    }

    pub(crate) async fn create_with_env(
        &self,
        plan: &ContainerPlan,
        env: &[(&str, &str)],
    ) -> Result<ContainerId, BackendError> {
        let env: Vec<_> = env
            .iter()
            .map(|(key, value)| ((*key).to_owned(), SecretString::from(*value)))
            .collect();
        let request = ContainerRequest::new(plan, &plan.name, &self.image).env(&env);
        self.backend.create_container(&request, &discard()).await
    }

    /// What is said against this container.
    pub(crate) async fn refusal(&self, plan: &ContainerPlan, image: &ImageId) -> BackendError {
        let request = ContainerRequest::new(plan, &plan.name, image);
        let created = self.backend.create_container(&request, &discard()).await;
        created.unwrap_err()
    }
    pub(crate) async fn image_of(&self, source: &ImageSource) -> ImageId {
        let ensured = self.backend.ensure_image(source, &discard()).await;
        ensured.unwrap()
    }
    /// What is said against this image.
    pub(crate) async fn no_image(&self, source: &ImageSource) -> BackendError {
        let ensured = self.backend.ensure_image(source, &discard()).await;
        ensured.unwrap_err()
    }
    /// The log of a container of this image, which runs to its end.
    pub(crate) async fn lines_of(&self, plan: &ContainerPlan, image: &ImageId) -> Vec<String> {
        let request = ContainerRequest::new(plan, &plan.name, image);
        let created = self.backend.create_container(&request, &discard()).await;
        let id = created.unwrap();
        self.backend.start(&id).await.unwrap();
        self.backend.wait(&id).await.unwrap();
        crate::logs::all(self, &id).await
    }

    /// Created and started.
    pub(crate) async fn running(&self, plan: &ContainerPlan) -> ContainerId {
        let id = self.create(plan).await;
        self.backend.start(&id).await.unwrap();
        id
    }

    /// A network on a free subnet, and the subnet's base.
    pub(crate) async fn network(&self, role: &str, internal: bool) -> Network {
        let plan = NetworkPlan {
            owner: self.owner(role),
            name: format!("bottle-test-{}-{role}", self.session),
            internal,
        };
        for attempt in 0..20 {
            let n = seed().wrapping_add(attempt * 977);
            let [.., c, d] = (n << 4).to_be_bytes();
            let base = [10, 214, c, d];
            let subnet = format!("{}.{}.{}.{}/28", base[0], base[1], base[2], base[3]);
            let request = NetworkRequest::new(&plan, subnet.parse().unwrap());
            match self.backend.create_network(&request, &discard()).await {
                Ok(id) => return Network { id, base, internal },
                Err(error) if error.kind() == BackendErrorKind::AddressInUse => {}
                Err(error) => panic!("{error}"),
            }
        }
        panic!("no free subnet")
    }

    pub(crate) async fn exec(&self, id: &ContainerId, request: &ExecRequest) -> ExecOutput {
        collect(self.backend.exec(id, request).await.unwrap()).await
    }

    /// Runs a shell script inside; its output and error together.
    pub(crate) async fn sh(&self, id: &ContainerId, script: &str) -> (ExitStatus, String) {
        let output = self
            .exec(id, &ExecRequest::new(["bash", "-c", script]))
            .await;
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        let _ = write!(text, "{}", String::from_utf8_lossy(&output.stderr));
        (output.status, text.trim().to_owned())
    }

    /// The same, but it must succeed.
    pub(crate) async fn ok(&self, id: &ContainerId, script: &str) -> String {
        let (status, text) = self.sh(id, script).await;
        assert!(status.success(), "`{script}` ended with {status:?}: {text}");
        text
    }
}

pub(crate) struct Network {
    pub(crate) id: NetworkId,
    base: [u8; 4],
    internal: bool,
}

impl Network {
    pub(crate) fn address(&self, host: u8) -> std::net::IpAddr {
        let [a, b, c, d] = self.base;
        [a, b, c, d + host].into()
    }
    pub(crate) fn at(&self, host: u8) -> ResolvedAttachment {
        ResolvedAttachment {
            network: self.id.clone(),
            internal: self.internal,
            address: self.address(host),
        }
    }
}

pub(crate) async fn collect(process: Process) -> ExecOutput {
    let Process {
        stdin,
        mut output,
        control,
    } = process;
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    while let Some(piece) = output.next().await {
        match piece.unwrap() {
            Output::Stdout(bytes) => stdout.extend_from_slice(&bytes),
            Output::Stderr(bytes) => stderr.extend_from_slice(&bytes),
        }
    }
    drop(stdin);
    let status = control.wait().await.unwrap();
    ExecOutput {
        status,
        stdout,
        stderr,
    }
}

/// Reads a program's output until it contains `wanted`.
pub(crate) async fn read_until(process: &mut Process, wanted: &str) -> String {
    let mut text = String::new();
    while let Some(piece) = process.output.next().await {
        let (Output::Stdout(bytes) | Output::Stderr(bytes)) = piece.unwrap();
        text.push_str(&String::from_utf8_lossy(&bytes));
        if text.contains(wanted) {
            return text;
        }
    }
    panic!("`{wanted}` never came: {text:?}")
}

pub(crate) fn discard() -> OpContext {
    OpContext::new(EventSink::discard())
}

pub(crate) fn listening() -> (OpContext, UnboundedReceiver<Event>) {
    let (sink, events) = EventSink::channel();
    (OpContext::new(sink), events)
}

pub(crate) fn drain(events: &mut UnboundedReceiver<Event>) -> Vec<Event> {
    std::iter::from_fn(|| events.try_recv().ok()).collect()
}

fn seed() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let next = NEXT.fetch_add(7919, Ordering::Relaxed);
    now.subsec_nanos() ^ std::process::id().wrapping_mul(31) ^ next
}

/// Lower-case letters and digits that no other test has.
pub(crate) fn unique() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    format!(
        "t{:x}{:x}",
        now.as_micros() & 0xff_ffff_ffff,
        seed() & 0xffff
    )
}

/// The IPv4 addresses of this machine, but the loopback's.
pub(crate) fn own_addresses() -> BTreeSet<std::net::Ipv4Addr> {
    let trie = std::fs::read_to_string("/proc/net/fib_trie").unwrap();
    let mut last = "";
    let mut found = BTreeSet::new();
    for line in trie.lines() {
        if line.contains("/32 host LOCAL") {
            found.extend(
                last.trim_start_matches([' ', '|', '-'])
                    .parse::<std::net::Ipv4Addr>(),
            );
        }
        last = line;
    }
    found.retain(|address| !address.is_loopback());
    found
}
