//! One launch over a backend whose calls fail on demand, with a state folder of its own.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bottle_api::{
    AgentUser, AllowRule, BackendInfo, DlpMode, EventSink, ImagePlan, LaunchPlan, LaunchSpec,
    Limits, NamePlan, OwnedSelector, Provisioner, Proxy, RuntimeChoice, SessionId, Stdio,
    WorkspaceMode, WorkspaceSpec,
};
use bottle_engine::{
    Launcher, NoPrompt, Outcome, Parts, PlanInput, PublicRoots, Secrets, Session, SessionStore,
    new_session_id, plan,
};

use crate::{Checked, Dialect, Faulty, Miss, Step, scene, verdict::ensure};

/// What launches are made of.
#[derive(Clone, Debug)]
pub(crate) struct Ground {
    pub(crate) image: String,
    pub(crate) dialect: Arc<dyn Dialect>,
    pub(crate) info: BackendInfo,
    pub(crate) runtime: String,
}

impl Ground {
    /// On an engine in memory where every program is well and says nothing.
    pub(crate) fn in_memory() -> Self {
        Self {
            image: "agent:1".into(),
            dialect: Arc::new(crate::Json),
            info: BackendInfo::new("Memory", "memory:", "runc"),
            runtime: "runc".into(),
        }
    }
}

pub(crate) type Proxies = Vec<Box<dyn Proxy>>;
pub(crate) type Provisioners = Vec<Box<dyn Provisioner>>;
/// The plugins of a launch: made twice, once for its plan and once for the launch itself.
pub(crate) type Plugins = Arc<dyn Fn() -> Checked<(Proxies, Provisioners)> + Send + Sync>;

/// A launcher and what it works on.
pub(crate) struct Stage {
    pub(crate) backend: Faulty,
    pub(crate) launcher: Launcher,
    store: SessionStore,
    ground: Arc<Ground>,
    plugins: Plugins,
    session: SessionId,
    // Last, so that it goes last.
    _folder: tempfile::TempDir,
}

impl Stage {
    pub(crate) fn new(ground: &Arc<Ground>, backend: Faulty, plugins: Plugins) -> Checked<Self> {
        let folder = tempfile::tempdir()?;
        let store = SessionStore::open(folder.path().join("state"));
        let store = store.map_err(|error| Miss::broken(error.to_string()))?;
        let secrets = Secrets::new(Arc::new(NoPrompt)).with_env(BTreeMap::new());
        let launcher = Launcher::new(
            Arc::new(backend.clone()),
            store.clone(),
            secrets,
            EventSink::discard(),
        );
        Ok(Self {
            backend,
            launcher: launcher.roots(PublicRoots::new(vec![])),
            store,
            ground: Arc::clone(ground),
            plugins,
            session: new_session_id(),
            _folder: folder,
        })
    }

    fn spec(&self) -> LaunchSpec {
        LaunchSpec {
            agent: bottle_api::AgentSpec {
                image: ImagePlan::pull(&self.ground.image, "image"),
                command: self.ground.dialect.argv(&[Step::Forever]),
                ..scene::agent()
            },
            args: vec![],
            name: NamePlan {
                base: format!("matrix-{}", self.session),
                pinned: false,
            },
            runtime: RuntimeChoice::Named(self.ground.runtime.clone()),
            require: BTreeSet::new(),
            allow: "api.example.com"
                .parse()
                .map(AllowRule::host)
                .into_iter()
                .collect(),
            deny: vec![],
            dlp: DlpMode::Block,
            hosts: BTreeMap::new(),
            trusted_private: vec![],
            secrets: vec![],
            workspace: WorkspaceSpec {
                mode: WorkspaceMode::None,
                folder: "/".into(),
                target: "/workspace".into(),
                include_git: false,
                exclude: vec![],
                keep: "/nonexistent".into(),
                branch: None,
            },
            limits: Limits {
                memory: Some(256 << 20),
                ..Limits::default()
            },
            env: BTreeMap::new(),
            mounts: vec![],
            stdio: Stdio::default(),
            user: AgentUser::default(),
        }
    }
    pub(crate) fn plan(&self) -> Checked<LaunchPlan> {
        let (proxies, provisioners) = (self.plugins)()?;
        plan(&PlanInput {
            session: &self.session,
            instance: self.store.instance(),
            spec: &self.spec(),
            backend: &self.backend,
            info: &self.ground.info,
            proxies: &proxies,
            provisioners: &provisioners,
        })
        .map_err(|error| Miss::broken(format!("no plan: {}", crate::verdict::chain(&error))))
    }
    pub(crate) fn launch_parts(&self) -> Checked<Parts> {
        let (proxies, provisioners) = (self.plugins)()?;
        Ok(Parts::new(self.spec(), proxies, provisioners).attach(true))
    }
    pub(crate) async fn try_launch(&self) -> Checked<Result<Session, Outcome>> {
        let (plan, parts) = (self.plan()?, self.launch_parts()?);
        // No limit of the engine is longer.
        let launching = tokio::time::timeout(FOREVER, self.launcher.launch(plan, parts));
        launching
            .await
            .map_err(|_| Miss::broken("the launch hangs for ever"))
    }
    pub(crate) async fn launch(&self) -> Checked<Session> {
        let launched = self.try_launch().await?;
        launched.map_err(|outcome| Miss::broken(format!("no launch at all: {outcome:?}")))
    }
    /// Nothing in the engine, nothing on disk but history.
    pub(crate) async fn nothing_left(&self) -> Checked {
        self.launcher.finish().await;
        let selector = OwnedSelector {
            session: Some(self.session.clone()),
            ..OwnedSelector::default()
        };
        let left = self.backend.inner().list_owned(&selector).await?;
        for resource in &left {
            // A matrix that finds something wrong leaves no debris either.
            let _ = self.backend.inner().remove(resource).await;
        }
        ensure!(left.is_empty(), "left in the engine: {left:?}");
        let sessions = self.store.sessions();
        let sessions = sessions.map_err(|error| Miss::broken(error.to_string()))?;
        ensure!(sessions.is_empty(), "left on disk: {sessions:?}");
        Ok(())
    }
}

const FOREVER: Duration = Duration::from_hours(24);
