//! The suite over a provisioner.

mod act;
mod bench;
mod live;
mod patch;

use std::{path::Path, process::ExitCode, sync::Arc};

use bottle_api::{
    AgentSpec, AgentUser, ChainView, EgressPolicy, PluginBuild, ProvisionContext, Provisioner,
    SecretRef, SessionId, WorkspaceMode, WorkspaceSpec,
};

use crate::{
    BackendSuite, Checked, Miss, Report, Step,
    plugin::{self, Make, task},
    runner::{self, Manner, Task},
    scene,
};

/// A suite over one provisioner. The cases come from the sentences of [`Provisioner`]'s
/// documentation.
#[derive(Clone)]
pub struct ProvisionerSuite {
    name: &'static str,
    make: Make<dyn Provisioner>,
    defaults: Make<dyn Provisioner>,
    unknown: Make<dyn Provisioner>,
    files: Vec<(String, String)>,
    any_key: bool,
    live: Option<BackendSuite>,
    shows: Vec<(Step, String)>,
}
impl std::fmt::Debug for ProvisionerSuite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProvisionerSuite")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl ProvisionerSuite {
    /// A registered provisioner with this table of its own (TOML; empty is every default).
    pub fn of<P: PluginBuild<dyn Provisioner>>(config: &str) -> Self {
        let make = plugin::configured::<dyn Provisioner, P>(config);
        Self {
            defaults: plugin::configured::<dyn Provisioner, P>(""),
            unknown: plugin::with_unknown_key::<dyn Provisioner, P>(config),
            any_key: false,
            ..Self::new(P::NAME, move || make())
        }
    }
    /// A provisioner made by `make`, of which it is not known how it is configured.
    pub fn new(
        name: &'static str,
        make: impl Fn() -> Result<Box<dyn Provisioner>, String> + Send + Sync + 'static,
    ) -> Self {
        let make: Make<dyn Provisioner> = Arc::new(make);
        Self {
            name,
            defaults: Arc::clone(&make),
            unknown: Arc::clone(&make),
            make,
            files: vec![
                ("/etc/passwd".into(), "root:x:0:0::/root:/bin/sh\n".into()),
                ("/etc/group".into(), "root:x:0:\n".into()),
            ],
            any_key: true,
            live: None,
            shows: vec![],
        }
    }
    /// A file of the image that it is to find, besides `/etc/passwd` and `/etc/group`.
    #[must_use]
    pub fn image_file(mut self, path: &str, text: &str) -> Self {
        self.files.push((path.to_owned(), text.to_owned()));
        self
    }
    /// Its table is a map, in which any key may stand.
    #[must_use]
    pub fn any_key(mut self) -> Self {
        self.any_key = true;
        self
    }
    /// Launches bottles with it on this backend too, and not in memory only.
    #[must_use]
    pub fn live(mut self, backend: BackendSuite) -> Self {
        self.live = Some(backend);
        self
    }
    /// What a step prints in such a bottle once it is up.
    #[must_use]
    pub fn shows(mut self, step: Step, text: &str) -> Self {
        self.shows.push((step, text.to_owned()));
        self
    }

    fn provisioner(&self) -> Checked<Box<dyn Provisioner>> {
        (self.make)().map_err(Miss::broken)
    }

    fn tasks(&self) -> Vec<Task> {
        let mut all = vec![
            task(
                self,
                "provisioner::it has the name it is registered under",
                |suite| plugin::name_is(suite.provisioner()?.name(), suite.name),
            ),
            task(
                self,
                "provisioner::its table refuses a key it does not know",
                |suite| {
                    if suite.any_key {
                        return Err(Miss::not_here("any key may stand in its table"));
                    }
                    plugin::refuses_unknown_key((suite.unknown)())
                },
            ),
            task(
                self,
                "provisioner::every field of its table has a default",
                |suite| plugin::of_defaults((suite.defaults)()),
            ),
        ];
        all.extend(patch::tasks(self));
        all.extend(act::tasks(self));
        all.extend(live::tasks(self));
        all
    }

    /// Runs every case and tells how each ended.
    pub fn report(&self) -> Report {
        runner::report(&self.tasks(), None, 2)
    }
    /// Runs several as one test binary. [`provisioner_main!`](crate::provisioner_main) calls it.
    pub fn main(suites: &[Self]) -> ExitCode {
        let mut all = Vec::new();
        for suite in suites {
            for mut task in suite.tasks() {
                if suites.len() > 1 {
                    task.name = format!("{}::{}", suite.name, task.name);
                }
                all.push(task);
            }
        }
        let manner = Manner {
            at_once: 2,
            ..Manner::default()
        };
        runner::main(all, None, &manner)
    }
}

/// Everything a context borrows.
#[derive(Clone, Debug)]
struct Scene {
    what: &'static str,
    session: SessionId,
    agent: AgentSpec,
    user: AgentUser,
    workspace: WorkspaceSpec,
    policy: EgressPolicy,
    chain: Option<ChainView>,
}
impl Scene {
    fn context(&self) -> ProvisionContext<'_> {
        ProvisionContext::new(
            &self.session,
            "work",
            &self.agent,
            &self.user,
            &self.workspace,
            &self.policy,
        )
        .chain(self.chain.as_ref())
    }
}

/// Bottles of every kind, whose working folder is this.
fn scenes(folder: &Path) -> Vec<Scene> {
    let plain = |what| Scene {
        what,
        session: SessionId::new("conformance1"),
        agent: scene::agent(),
        user: AgentUser::default(),
        workspace: WorkspaceSpec {
            mode: WorkspaceMode::Bind,
            folder: folder.to_owned(),
            target: "/workspace".into(),
            include_git: true,
            exclude: vec![],
            keep: folder.join("kept"),
            branch: None,
        },
        policy: EgressPolicy::default(),
        chain: None,
    };
    let chain = |ends_tls| {
        Some(ChainView {
            url: "http://the-proxy:8080".into(),
            host: "the-proxy".into(),
            port: 8080,
            ends_tls,
        })
    };
    let mut all = vec![plain("without a chain")];
    all.push(Scene {
        chain: chain(false),
        ..plain("with a chain that leaves TLS alone")
    });
    all.push(Scene {
        chain: chain(true),
        policy: scene::credential_policy("api.one.test", SecretRef::FromEnv("API_KEY".into())),
        ..plain("with a chain that ends TLS")
    });
    all.push(Scene {
        user: AgentUser {
            name: "someone".into(),
            uid: 4321,
            gid: 8765,
            home: "/home/someone".into(),
        },
        ..plain("for another user")
    });
    for mode in [WorkspaceMode::Copy, WorkspaceMode::None] {
        let mut scene = plain("with another workspace");
        scene.workspace.mode = mode;
        all.push(scene);
    }
    all
}

/// Tries something in every kind of bottle, in a folder that it then finds as it was.
fn each_scene(
    suite: &ProvisionerSuite,
    look: impl Fn(&dyn Provisioner, &Scene) -> Checked,
) -> Checked {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("file"), "of the user's")?;
    let provisioner = suite.provisioner()?;
    for scene in scenes(folder.path()) {
        look(&*provisioner, &scene).map_err(|miss| match miss {
            Miss::Broken(why) => Miss::Broken(format!("{}: {why}", scene.what)),
            other @ Miss::NotHere(_) => other,
        })?;
    }
    Ok(())
}
