//! What a suite is told about a backend, and the cases it makes of that.

use std::{process::ExitCode, sync::Arc, time::Duration};

use bottle_api::{Backend, Guarantee, ImageSource, PluginBuild, PullPolicy};

use super::{cases, floor::Floor};
use crate::{
    Dialect, Miss, Report, Shell, plugin, runner,
    runner::{Last, Manner, Task},
};

/// Makes a backend, or says why it cannot be made.
pub(crate) type Build = plugin::Make<dyn Backend>;

/// A suite over one backend. The cases come from the sentences of [`Backend`]'s documentation.
#[derive(Clone)]
pub struct BackendSuite {
    pub(crate) build: Build,
    pub(crate) registered: Option<&'static str>,
    /// Refuses a key it does not know; `None` when it is not known how it is configured.
    pub(crate) unknown_key: Option<Build>,
    pub(crate) image: ImageSource,
    pub(crate) dialect: Arc<dyn Dialect>,
    pub(crate) runtimes: Vec<String>,
    pub(crate) down: Option<Build>,
    pub(crate) silent: Option<Build>,
    pub(crate) open_name: Option<String>,
    pub(crate) remove_image: Vec<String>,
    pub(crate) limit: Duration,
    pub(crate) at_once: usize,
}

impl std::fmt::Debug for BackendSuite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BackendSuite")
            .field("image", &self.image)
            .field("dialect", &self.dialect)
            .field("runtimes", &self.runtimes)
            .finish_non_exhaustive()
    }
}

fn configured<P: PluginBuild<dyn Backend>>(config: &str) -> Build {
    plugin::configured::<dyn Backend, P>(config)
}

impl BackendSuite {
    /// A registered backend with this table of its own (TOML; empty is every default).
    pub fn of<P: PluginBuild<dyn Backend>>(config: &str) -> Self {
        Self {
            registered: Some(P::NAME),
            unknown_key: Some(plugin::with_unknown_key::<dyn Backend, P>(config)),
            ..Self::with(configured::<P>(config))
        }
    }
    /// A backend made by `build`.
    pub fn new(
        build: impl Fn() -> Result<Box<dyn Backend>, String> + Send + Sync + 'static,
    ) -> Self {
        Self::with(Arc::new(build))
    }
    fn with(build: Build) -> Self {
        Self {
            build,
            registered: None,
            unknown_key: None,
            image: ImageSource::Pull {
                reference: "debian:bookworm-slim".into(),
                policy: PullPolicy::Missing,
            },
            dialect: Arc::new(Shell),
            runtimes: vec![],
            down: None,
            silent: None,
            open_name: None,
            remove_image: vec![],
            limit: Duration::from_mins(2),
            at_once: 4,
        }
    }

    /// The image all containers are made of, pulled when it is not here. It must have the tools
    /// of the dialect (see [`Shell`]). The default is `debian:bookworm-slim`.
    #[must_use]
    pub fn image(self, reference: &str) -> Self {
        self.image_source(ImageSource::Pull {
            reference: reference.into(),
            policy: PullPolicy::Missing,
        })
    }
    /// The same, but pulled or built in any way.
    #[must_use]
    pub fn image_source(mut self, image: ImageSource) -> Self {
        self.image = image;
        self
    }
    /// How programs are written for that image. The default is [`Shell`].
    #[must_use]
    pub fn dialect(mut self, dialect: impl Dialect) -> Self {
        self.dialect = Arc::new(dialect);
        self
    }
    /// Tries every sentence about programs under this OCI runtime; named none, under the
    /// engine's default. One that the engine does not have is shown as such.
    #[must_use]
    pub fn runtime(mut self, name: &str) -> Self {
        self.runtimes.push(name.to_owned());
        self
    }
    /// The same backend, configured for an engine that is not there.
    #[must_use]
    pub fn down<P: PluginBuild<dyn Backend>>(mut self, config: &str) -> Self {
        self.down = Some(configured::<P>(config));
        self
    }
    /// The same backend, configured for an engine that takes connections and never answers, with
    /// a time limit of a second or so.
    #[must_use]
    pub fn silent<P: PluginBuild<dyn Backend>>(mut self, config: &str) -> Self {
        self.silent = Some(configured::<P>(config));
        self
    }
    /// A name that the engine's own resolver knows. Without one, the suite tries to be the
    /// resolver that the engine asks.
    #[must_use]
    pub fn open_name(mut self, name: &str) -> Self {
        self.open_name = Some(name.to_owned());
        self
    }
    /// A command that removes an image, whose name is appended: what the suite builds is removed
    /// at the end of each case. Without one, they stay in the engine's cache.
    #[must_use]
    pub fn remove_images_by<S: Into<String>>(mut self, argv: impl IntoIterator<Item = S>) -> Self {
        self.remove_image = argv.into_iter().map(Into::into).collect();
        self
    }
    /// Upper limit of one case. Two minutes by default.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }
    /// How many cases run side by side. Four by default.
    #[must_use]
    pub fn at_once(mut self, cases: usize) -> Self {
        self.at_once = cases.max(1);
        self
    }

    /// Every case as a task, what is looked at after them, and why there is no engine.
    fn tasks(&self) -> (Vec<Task>, Last, Option<String>) {
        let floor = Floor::open(self);
        let absent = floor.as_ref().err().cloned();
        let mut tasks = Vec::new();
        for case in cases::all() {
            let runtimes = match (&floor, case.each_runtime) {
                (Ok(floor), false) => vec![floor.default_runtime().to_owned()],
                (Err(_), false) => vec![String::new()],
                (Ok(floor), true) if self.runtimes.is_empty() => {
                    vec![floor.default_runtime().to_owned()]
                }
                (_, true) => self.runtimes.clone(),
            };
            for runtime in runtimes {
                let sentence = format!("{}::{}", case.area, case.sentence);
                let name = if case.each_runtime && !runtime.is_empty() {
                    format!("{runtime}::{sentence}")
                } else {
                    sentence
                };
                let floor = floor.clone();
                let case = case.clone();
                tasks.push(Task {
                    name,
                    run: Arc::new(move || match &floor {
                        Ok(floor) => floor.run(&case, &runtime),
                        Err(why) => Err(Miss::not_here(why.clone())),
                    }),
                });
            }
        }
        let last = floor.ok().map(|floor| Task {
            name: "removal::nothing of the whole suite is left".into(),
            run: Arc::new(move || floor.left()),
        });
        (tasks, last, absent)
    }

    /// Runs every case and tells how each ended.
    pub fn report(&self) -> Report {
        let (tasks, last, _) = self.tasks();
        runner::report(&tasks, last, self.at_once)
    }
    /// Runs as a test binary. [`backend_main!`](crate::backend_main) calls it.
    pub fn main(&self) -> ExitCode {
        let (tasks, last, absent) = self.tasks();
        let manner = Manner {
            at_once: self.at_once,
            absent,
            long: false,
        };
        runner::main(tasks, last, &manner)
    }
}

/// One sentence of the contract.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) area: &'static str,
    pub(crate) sentence: String,
    /// It depends on the OCI runtime.
    pub(crate) each_runtime: bool,
    /// Tried only where this is promised.
    pub(crate) promised: Option<Guarantee>,
    pub(crate) run: CaseFn,
}
pub(crate) type CaseFn = Arc<
    dyn for<'a> Fn(&'a super::room::Room) -> futures_util::future::BoxFuture<'a, crate::Checked>
        + Send
        + Sync,
>;
