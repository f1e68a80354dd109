//! OCI runtimes. Podman's service passes over the runtime that a request names (until
//! containers/podman#28429 was mended in 2026) and takes its default; so a service of one's own is
//! started for each other runtime, on the same storage, and asked for the creation alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use bottle_api::{BackendError, BackendErrorKind};
use bottle_backend_common::has_own_kernel;
use tokio::sync::{Mutex, OnceCell};

use crate::{
    client::Client,
    config::PodmanConfig,
    connect::{Environment, Service, program_exists, runtime_paths, settings},
    error::{RUNTIME_HINT, trying},
};

/// Runtimes that need no configuration.
const USUAL: [&str; 2] = ["crun", "runc"];

/// A service for one runtime.
#[derive(Debug)]
pub(crate) struct Side {
    pub(crate) client: Client,
    service: Service,
}

/// What the service can be made to use.
#[derive(Debug, Default)]
pub(crate) struct Runtimes {
    config: PodmanConfig,
    /// Besides the default.
    others: BTreeSet<String>,
    sides: Mutex<BTreeMap<String, Arc<OnceCell<Arc<Side>>>>>,
}

impl Runtimes {
    /// What is here. A runtime with a kernel of its own must be named in containers.conf, as it
    /// must be registered with other engines: it is preferred as soon as it is known.
    pub(crate) fn of(
        config: &PodmanConfig,
        client: &Client,
        env: Environment<'_>,
    ) -> Result<Self, BackendError> {
        let mut others = BTreeSet::new();
        if client.is_own() && program_exists(&config.program, env) {
            let settings = settings(env)?;
            let configured = settings.runtimes.keys().map(String::as_str);
            for name in configured.chain(USUAL) {
                let there = runtime_paths(&settings, name)
                    .iter()
                    .any(|path| path.exists());
                if there && name != client.default_runtime() {
                    others.insert(name.to_owned());
                }
            }
        }
        Ok(Self {
            config: config.clone(),
            others,
            sides: Mutex::default(),
        })
    }

    /// Those besides the default.
    pub(crate) fn others(&self) -> &BTreeSet<String> {
        &self.others
    }

    /// Those of them with a kernel of their own.
    pub(crate) fn own_kernels(&self) -> impl Iterator<Item = &String> {
        self.others.iter().filter(|name| has_own_kernel(name, None))
    }

    /// A service whose default is this runtime; `None` where there can be none.
    pub(crate) async fn side(
        &self,
        main: &Client,
        name: &str,
    ) -> Result<Option<Arc<Side>>, BackendError> {
        if !self.others.contains(name) {
            return Ok(None);
        }
        let cell = {
            let mut sides = self.sides.lock().await;
            let cell = sides.entry(name.to_owned()).or_default();
            // It ended: the next one is started.
            if cell.get().is_some_and(|side| !side.service.runs()) {
                *cell = Arc::default();
            }
            Arc::clone(cell)
        };
        let side = cell.get_or_try_init(|| self.start(main, name)).await?;
        Ok(Some(Arc::clone(side)))
    }

    async fn start(&self, main: &Client, name: &str) -> Result<Arc<Side>, BackendError> {
        let service = Service::start(&self.config.program, Some(name), main.limit).await?;
        let client = Client::at(&self.config, service.endpoint().clone()).await?;
        let unfit = |why: &str| {
            trying("use runtime", name)
                .error(BackendErrorKind::RuntimeMissing, why)
                .with_hint(RUNTIME_HINT)
        };
        if client.default_runtime() != name {
            return Err(unfit("a service started for it uses another"));
        }
        if client.info.store != main.info.store {
            return Err(
                unfit("a service started for it does not share the engine's storage").with_hint(
                    "the engine was started with another configuration: set `CONTAINERS_CONF` and \
                 `CONTAINERS_STORAGE_CONF` as it has them",
                ),
            );
        }
        Ok(Arc::new(Side { client, service }))
    }
}

/// Whether an engine names this runtime when it uses `wanted`: by name, or by the program's path.
pub(crate) fn is_the_same(found: &str, wanted: &str) -> bool {
    found == wanted
        || Path::new(found)
            .file_name()
            .is_some_and(|name| name == wanted)
}
