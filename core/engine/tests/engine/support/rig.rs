//! A launcher over an engine in memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bottle_api::{
    AgentSpec, AgentUser, AllowRule, Backend as _, Delivery, DlpMode, Event, EventSink, ImagePlan,
    LaunchPlan, LaunchSpec, Limits, NamePlan, Provisioner, Proxy, RuntimeChoice, SecretRef,
    SecretSpec, SecretString, SessionId, Stdio, WorkspaceMode, WorkspaceSpec,
};
use bottle_backend_memory::Memory;
use bottle_engine::{
    Launcher, NoPrompt, Parts, PlanInput, PublicRoots, Secrets, Session, SessionStore, plan,
};
use tokio::sync::mpsc::UnboundedReceiver;

use super::{Back, Front, Helper, Lax, Trust};

/// What a user asks for.
pub(crate) fn spec() -> LaunchSpec {
    LaunchSpec {
        agent: AgentSpec {
            name: "claude".into(),
            summary: String::new(),
            image: ImagePlan::pull("agent:1", "agent.claude.image"),
            command: vec!["claude".into()],
            replace_command: false,
            env: BTreeMap::from([("UPDATES".into(), "off".into())]),
            files: vec![],
            allow: vec![],
            login: vec![],
            prompt: None,
            skills_dir: None,
        },
        args: vec!["-p".into(), "hello".into()],
        name: NamePlan {
            base: "work".into(),
            pinned: false,
        },
        runtime: RuntimeChoice::Auto,
        require: BTreeSet::new(),
        allow: vec![AllowRule::host("api.example.com".parse().unwrap())],
        deny: vec![],
        dlp: DlpMode::Block,
        hosts: BTreeMap::from([("origin.test".into(), "10.1.2.3".parse().unwrap())]),
        trusted_private: vec![],
        secrets: vec![SecretSpec {
            name: "API_KEY".into(),
            source: SecretRef::FromEnv("API_KEY".into()),
            delivery: Delivery::Inject {
                env: vec!["API_KEY".into()],
                hosts: vec!["api.example.com".parse().unwrap()],
                header: "x-api-key".into(),
                format: "{}".into(),
                always: false,
            },
        }],
        workspace: WorkspaceSpec {
            mode: WorkspaceMode::None,
            folder: "/home/me/work".into(),
            target: "/workspace".into(),
            include_git: false,
            exclude: vec![],
            keep: "/home/me/.local/share/bottle".into(),
            branch: None,
        },
        limits: Limits {
            milli_cpus: Some(2000),
            ..Limits::default()
        },
        env: BTreeMap::new(),
        mounts: vec![],
        stdio: Stdio::default(),
        user: AgentUser::default(),
    }
}

pub(crate) type Proxies = Vec<Box<dyn Proxy>>;
pub(crate) type Provisioners = Vec<Box<dyn Provisioner>>;

/// Proxies and provisioners by name.
pub(crate) fn boxed(names: &[&str]) -> (Proxies, Provisioners) {
    let (mut proxies, mut provisioners) = (Proxies::new(), Provisioners::new());
    for name in names {
        match *name {
            "front" => proxies.push(Box::new(Front { tunnels: false })),
            "front-tunnels" => proxies.push(Box::new(Front { tunnels: true })),
            "back" => proxies.push(Box::new(Back { first: false })),
            "back-first" => proxies.push(Box::new(Back { first: true })),
            "lax" => proxies.push(Box::new(Lax)),
            "trust" => provisioners.push(Box::new(Trust)),
            "helper" => provisioners.push(Box::new(Helper)),
            other => panic!("no plugin {other}"),
        }
    }
    (proxies, provisioners)
}

/// A launcher, its engine, its state directory, and what it reported.
pub(crate) struct Rig {
    pub(crate) memory: Memory,
    pub(crate) launcher: Launcher,
    pub(crate) store: SessionStore,
    pub(crate) spec: LaunchSpec,
    pub(crate) plugins: Vec<&'static str>,
    pub(crate) attach: bool,
    pub(crate) events: UnboundedReceiver<Event>,
    folder: Arc<tempfile::TempDir>,
}

impl Rig {
    pub(crate) fn new(memory: Memory, plugins: &[&'static str]) -> Self {
        Self::beside(memory, plugins, Arc::new(tempfile::tempdir().unwrap()))
    }
    /// Another process with the same state directory and engine.
    pub(crate) fn again(&self) -> Self {
        Self::beside(self.memory.clone(), &self.plugins, Arc::clone(&self.folder))
    }
    fn beside(memory: Memory, plugins: &[&'static str], folder: Arc<tempfile::TempDir>) -> Self {
        let store = SessionStore::open(folder.path().join("state")).unwrap();
        let (sink, events) = EventSink::channel();
        let env = BTreeMap::from([("API_KEY".to_owned(), SecretString::from("r3al-key"))]);
        let secrets = Secrets::new(Arc::new(NoPrompt)).with_env(env);
        let launcher = Launcher::new(Arc::new(memory.clone()), store.clone(), secrets, sink)
            .roots(PublicRoots::new(vec![]));
        Self {
            memory,
            launcher,
            store,
            spec: spec(),
            plugins: plugins.to_vec(),
            attach: false,
            events,
            folder,
        }
    }

    pub(crate) async fn plan(&self, session: &str) -> LaunchPlan {
        // Not a call of the launch, so not of the engine under test.
        let info = Memory::default().probe().await.unwrap();
        let (proxies, provisioners) = boxed(&self.plugins);
        plan(&PlanInput {
            session: &SessionId::new(session),
            instance: self.store.instance(),
            spec: &self.spec,
            backend: &self.memory,
            info: &info,
            proxies: &proxies,
            provisioners: &provisioners,
        })
        .unwrap()
    }
    pub(crate) fn parts(&self) -> Parts {
        let (proxies, provisioners) = boxed(&self.plugins);
        Parts::new(self.spec.clone(), proxies, provisioners).attach(self.attach)
    }
    pub(crate) async fn try_launch(
        &self,
        session: &str,
    ) -> Result<Session, bottle_engine::Outcome> {
        self.launcher
            .launch(self.plan(session).await, self.parts())
            .await
    }
    pub(crate) async fn launch(&self, session: &str) -> Session {
        self.try_launch(session)
            .await
            .map_err(|o| o.result)
            .unwrap()
    }
    /// Everything reported so far.
    pub(crate) fn reported(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.events.try_recv().ok()).collect()
    }
    /// Nothing in the engine, nothing on disk but history.
    pub(crate) fn assert_nothing_left(&self, case: &str) {
        let left = self.memory.owned();
        assert!(left.is_empty(), "{case}: left {left:#?}");
        let sessions = self.store.sessions().unwrap();
        assert!(sessions.is_empty(), "{case}: left {sessions:#?}");
    }
    /// Every file of the state directory.
    pub(crate) fn state_text(&self) -> String {
        let mut text = String::new();
        let mut folders = vec![self.folder.path().to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    text += &std::fs::read_to_string(path).unwrap();
                }
            }
        }
        text
    }
}

/// An error and its causes.
pub(crate) fn chain_text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
