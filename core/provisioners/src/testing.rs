//! What the tests of this crate share: a scene to plan in, and an image in memory.

use std::{
    collections::BTreeMap,
    future::Future,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use bottle_api::{
    AgentFiles, AgentSpec, AgentUser, BackendError, ChainView, EgressPolicy, ImagePlan,
    ProvisionContext, PutFile, SessionId, WorkspaceMode, WorkspaceSpec, async_trait,
};

/// A certificate like a session's, made for the tests (nobody has its key).
pub(crate) const CA: &str = include_str!("../tests/data/ca.crt");

/// Everything a context borrows.
pub(crate) struct Scene {
    pub(crate) session: SessionId,
    pub(crate) agent: AgentSpec,
    pub(crate) user: AgentUser,
    pub(crate) workspace: WorkspaceSpec,
    pub(crate) policy: EgressPolicy,
    pub(crate) chain: Option<ChainView>,
}

impl Default for Scene {
    fn default() -> Self {
        Self {
            session: SessionId::new("abc123"),
            agent: AgentSpec {
                name: "test".into(),
                summary: String::new(),
                image: ImagePlan::pull("test:1", "agent.test.image"),
                command: vec!["test".into()],
                replace_command: false,
                env: BTreeMap::new(),
                files: vec![],
                allow: vec![],
                login: vec![],
                prompt: None,
                skills_dir: None,
            },
            user: AgentUser::default(),
            workspace: WorkspaceSpec {
                mode: WorkspaceMode::Bind,
                folder: PathBuf::from("/host/project"),
                target: "/workspace".into(),
                include_git: true,
                exclude: vec![],
                keep: PathBuf::from("/host/state/workspaces"),
                branch: None,
            },
            policy: EgressPolicy::default(),
            chain: Some(ChainView {
                url: "http://mitmproxy:8080".into(),
                host: "mitmproxy".into(),
                port: 8080,
                ends_tls: true,
            }),
        }
    }
}

impl Scene {
    /// The context.
    pub(crate) fn context(&self) -> ProvisionContext<'_> {
        ProvisionContext::new(
            &self.session,
            "project",
            &self.agent,
            &self.user,
            &self.workspace,
            &self.policy,
        )
        .chain(self.chain.as_ref())
    }
}

/// An image in memory.
#[derive(Default)]
pub(crate) struct FakeFiles {
    files: Mutex<BTreeMap<String, Vec<u8>>>,
    written: Mutex<Vec<PutFile>>,
    no_ca: bool,
}

impl FakeFiles {
    /// With this file.
    pub(crate) fn with(self, path: &str, text: &str) -> Self {
        lock(&self.files).insert(path.into(), text.into());
        self
    }
    /// In a session without a certificate authority.
    pub(crate) fn without_ca(mut self) -> Self {
        self.no_ca = true;
        self
    }
    /// Everything that was put in, in order.
    pub(crate) fn written(&self) -> Vec<PutFile> {
        lock(&self.written).clone()
    }
    /// The paths that were put in, sorted.
    pub(crate) fn paths(&self) -> Vec<String> {
        let mut paths: Vec<String> = self.written().into_iter().map(|file| file.path).collect();
        paths.sort();
        paths
    }
    /// A file as it is now.
    pub(crate) fn text(&self, path: &str) -> String {
        let files = lock(&self.files);
        let bytes = files.get(path).unwrap_or_else(|| panic!("no `{path}`"));
        String::from_utf8(bytes.clone()).unwrap()
    }
}

#[async_trait]
impl AgentFiles for FakeFiles {
    async fn put(&self, files: Vec<PutFile>) -> Result<(), BackendError> {
        for file in files {
            lock(&self.files).insert(file.path.clone(), file.bytes.clone());
            lock(&self.written).push(file);
        }
        Ok(())
    }
    async fn read(&self, path: &str) -> Result<Option<Vec<u8>>, BackendError> {
        Ok(lock(&self.files).get(path).cloned())
    }
    fn ca_certificate(&self) -> Option<&str> {
        (!self.no_ca).then_some(CA)
    }
    fn public_roots(&self) -> &'static str {
        "-----BEGIN CERTIFICATE-----\nUk9PVA==\n-----END CERTIFICATE-----\n"
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a future to its end.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}
