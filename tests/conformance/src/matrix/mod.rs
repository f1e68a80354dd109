//! The fault matrix: every call of a launch and of a teardown, failing in every way, over any
//! backend. Nothing is left; the first failure is the one reported; those of the teardown are
//! listed and never hide it.

mod cases;
pub(crate) mod plugins;

use std::{process::ExitCode, sync::Arc, time::Duration};

use bottle_api::{Backend, PluginBuild};
use bottle_backend_memory::Fault;

pub use cases::{Cell, Trouble};
pub use plugins::Part;

use crate::{
    BackendSuite, Checked, Dialect, Faulty, Miss, Shell,
    backend::Build,
    runner::{self, Manner, Task},
    stage::{Ground, Stage},
    verdict::chain,
};

/// The matrix over one backend.
#[derive(Clone)]
pub struct EngineMatrix {
    build: Build,
    image: String,
    dialect: Arc<dyn Dialect>,
    runtime: Option<String>,
    setups: Vec<&'static [Part]>,
    faults: Vec<Fault>,
    slow: Duration,
    long: bool,
    at_once: usize,
}
impl std::fmt::Debug for EngineMatrix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineMatrix")
            .field("image", &self.image)
            .field("setups", &self.setups)
            .finish_non_exhaustive()
    }
}

/// Chains of two, one and no hops; with and without programs to apply.
pub const EVERY_SETUP: [&[Part]; 4] = [
    &[Part::Front, Part::Back, Part::Files, Part::Program],
    &[Part::Front, Part::Back],
    &[Part::Front, Part::Files],
    &[Part::Files],
];

impl EngineMatrix {
    /// Over a registered backend with this table of its own.
    pub fn of<P: PluginBuild<dyn Backend>>(config: &str) -> Self {
        Self::with(BackendSuite::of::<P>(config).build)
    }
    /// Over backends made by `build`, one for every cell.
    pub fn new(
        build: impl Fn() -> Result<Box<dyn Backend>, String> + Send + Sync + 'static,
    ) -> Self {
        Self::with(Arc::new(build))
    }
    fn with(build: Build) -> Self {
        Self {
            build,
            image: "debian:bookworm-slim".into(),
            dialect: Arc::new(Shell),
            runtime: None,
            setups: vec![EVERY_SETUP[0]],
            // A call that hangs is given up after minutes: for clocks that can be stopped.
            faults: vec![Fault::Error, Fault::Panic, Fault::ErrorAfterEffect],
            slow: Duration::from_secs(1),
            long: false,
            at_once: 4,
        }
    }
    /// The image of all containers; it needs `/bin/sh`. `debian:bookworm-slim` by default.
    #[must_use]
    pub fn image(mut self, reference: &str) -> Self {
        self.image = reference.into();
        self
    }
    /// How programs are written for that image.
    #[must_use]
    pub fn dialect(mut self, dialect: impl Dialect) -> Self {
        self.dialect = Arc::new(dialect);
        self
    }
    /// The OCI runtime; the engine's default otherwise.
    #[must_use]
    pub fn runtime(mut self, name: &str) -> Self {
        self.runtime = Some(name.to_owned());
        self
    }
    /// Plugins of the launches; all four by default, in one launch.
    #[must_use]
    pub fn setups(mut self, setups: impl IntoIterator<Item = &'static [Part]>) -> Self {
        self.setups = setups.into_iter().collect();
        self
    }
    /// Calls that never return, too: under a clock that is stopped (`tokio::time::pause`), for
    /// each is given up after minutes only.
    #[must_use]
    pub fn hanging(mut self) -> Self {
        self.faults.insert(2, Fault::Hang);
        self
    }
    /// How long a slow engine takes while the launch is cancelled. A second by default.
    #[must_use]
    pub fn slow(mut self, slow: Duration) -> Self {
        self.slow = slow;
        self
    }

    /// Only when long tests are asked for: with `--ignored` or `--include-ignored`.
    #[must_use]
    pub fn long(mut self) -> Self {
        self.long = true;
        self
    }

    async fn stage(
        &self,
        parts: &'static [Part],
        faulty: impl FnOnce(Faulty) -> Faulty,
    ) -> Checked<Stage> {
        let backend: Arc<dyn Backend> = Arc::from((self.build)().map_err(Miss::not_here)?);
        // Not a call of the launch.
        let info = backend.probe().await;
        let info = info.map_err(|error| Miss::not_here(chain(&error)))?;
        let ground = Arc::new(Ground {
            image: self.image.clone(),
            dialect: Arc::clone(&self.dialect),
            runtime: self
                .runtime
                .clone()
                .unwrap_or_else(|| info.default_runtime.clone()),
            info,
        });
        let plugins = plugins::plugins(&ground, parts);
        Stage::new(&ground, faulty(Faulty::over(backend)), plugins)
    }

    /// Every cell: all calls of launches and teardowns as they are made without a fault, in every
    /// way they may fail.
    pub async fn cells(&self) -> Checked<Vec<Cell>> {
        let mut all = Vec::new();
        for parts in &self.setups {
            let (launch, teardown) = self.calls(parts).await?;
            let after = self.calls_after_no_start(parts).await?;
            let slow = vec![Fault::Late(self.slow)];
            for (trouble, calls, faults) in [
                (Trouble::Launch, &launch, &self.faults),
                (Trouble::Cancel, &launch, &slow),
                (Trouble::Drop, &launch, &slow),
                (Trouble::Teardown, &teardown, &self.faults),
                (Trouble::Both, &after, &self.faults),
            ] {
                for call in calls {
                    all.extend(faults.iter().map(|fault| Cell {
                        trouble,
                        parts,
                        call: call.clone(),
                        fault: *fault,
                    }));
                }
            }
        }
        Ok(all)
    }

    /// Runs as a test binary. [`engine_matrix!`](crate::engine_matrix) calls it.
    pub fn main(&self) -> ExitCode {
        silence_injected_panics();
        let tokio = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build();
        let Ok(tokio) = tokio.map(Arc::new) else {
            return ExitCode::FAILURE;
        };
        let only = |why: Miss| Task {
            name: "a launch::every call of it fails".into(),
            run: Arc::new(move || Err(why.clone())),
        };
        let mut manner = Manner {
            at_once: self.at_once,
            absent: None,
            long: self.long,
        };
        if self.long && !runner::long_wanted() {
            let why = "long: only with `--ignored`";
            return runner::main(vec![only(Miss::not_here(why))], None, &manner);
        }
        let cells = match tokio.block_on(self.cells()) {
            Ok(cells) => cells,
            Err(why) => {
                manner.absent = Some(why.to_string());
                return runner::main(vec![only(why)], None, &manner);
            }
        };
        let tasks = cells.into_iter().map(|cell| {
            let (matrix, tokio) = (self.clone(), Arc::clone(&tokio));
            Task {
                name: cell.to_string(),
                run: Arc::new(move || tokio.block_on(matrix.try_cell(&cell))),
            }
        });
        runner::main(tasks.collect(), None, &manner)
    }
}

/// Injected panics are expected, and would drown everything else.
pub fn silence_injected_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let text = info.payload().downcast_ref::<String>();
        if !text.is_some_and(|text| text.starts_with("injected")) {
            usual(info);
        }
    }));
}
