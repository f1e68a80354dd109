//! The configuration in effect.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use bottle_api::{AgentSpec, Backend, Provisioner, Proxy, Registration, Registry, RuntimeChoice};
use ipnet::Ipv4Net;
use serde_json::Value;

use crate::{
    agents::Agent,
    defaults,
    diagnostic::{Diagnostics, Sink},
    dirs::Dirs,
    files::ReadFile,
    flags::{PluginFlag, PluginKind},
    loader::Loader,
    plugins::{self, Job},
    section::{PluginTables, Sections},
    settings,
    source::{Layer, Located, Source},
    trust::{FileSet, Trust, Widening},
};

/// The configuration in effect: all layers merged, every name and plugin table checked.
#[derive(Debug)]
pub struct Config {
    pub(crate) sections: Sections,
    pub(crate) agents: BTreeMap<String, Agent>,
    pub(crate) files: Vec<ReadFile>,
    pub(crate) origin: Origin,
}

/// Where it was loaded.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) cwd: PathBuf,
    pub(crate) dirs: Dirs,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Names of the variables that are set; no values.
    pub(crate) set: BTreeSet<String>,
    pub(crate) flags: Vec<PluginFlag>,
    /// What the backends' tables may hold.
    pub(crate) schemas: BTreeMap<String, Value>,
    /// The folder of the repository's file.
    pub(crate) folder: Option<PathBuf>,
    pub(crate) project: Option<(FileSet, Trust)>,
    pub(crate) widenings: Vec<Widening>,
}

impl Origin {
    pub(crate) fn new(loader: &Loader, files: &[ReadFile], registry: &Registry) -> Self {
        let project = files.iter().find(|file| file.layer == Layer::Project);
        Self {
            cwd: loader.cwd.clone(),
            dirs: loader.dirs.clone(),
            uid: loader.uid,
            gid: rustix::process::getegid().as_raw(),
            set: settings::set_names(&loader.env),
            flags: loader.flags.plugins.clone(),
            schemas: registry
                .backends()
                .map(|one| (one.name.to_owned(), one.schema().to_value()))
                .collect(),
            folder: project.and_then(|file| file.path.parent().map(Path::to_owned)),
            project: None,
            widenings: vec![],
        }
    }
}

impl Config {
    /// The agent that was chosen, if any.
    pub fn agent(&self) -> Option<&Located<String>> {
        self.sections.launch.agent.as_ref()
    }
    /// The backend that was chosen. `None`: the first that answers.
    pub fn backend(&self) -> Option<&Located<String>> {
        self.sections.launch.backend.as_ref()
    }
    /// The runtime.
    pub fn runtime(&self) -> &Located<RuntimeChoice> {
        self.sections.launch.runtime.as_ref().unwrap_or(&AUTO)
    }
    /// The chain, from the agent outward.
    pub fn proxies(&self) -> Located<Vec<String>> {
        plain(self.sections.launch.proxies.as_ref()).unwrap_or_default()
    }
    /// The provisioners that were chosen. `None`: all there are.
    pub fn provisioners(&self) -> Option<Located<Vec<String>>> {
        plain(self.sections.launch.provisioners.as_ref())
    }
    /// Where networks get their addresses from.
    pub fn network_pool(&self) -> &Located<Ipv4Net> {
        self.sections
            .network
            .pool
            .as_ref()
            .unwrap_or(&defaults::POOL)
    }
    /// Presets and agents of the configuration, by name.
    pub fn agents(&self) -> impl Iterator<Item = (&AgentSpec, &Source)> {
        self.agents
            .values()
            .map(|agent| (&agent.spec, &agent.source))
    }
    /// The files that were read, in order.
    pub fn files(&self) -> &[ReadFile] {
        &self.files
    }
    /// What the repository's file asks for beyond what it may by itself.
    pub fn widenings(&self) -> &[Widening] {
        &self.origin.widenings
    }
    /// The repository's file and all it extends, as they were read.
    pub fn project(&self) -> Option<&FileSet> {
        self.origin.project.as_ref().map(|(set, _)| set)
    }
    /// Whether the repository's file is trusted, if there is one.
    pub fn trust(&self) -> Option<&Trust> {
        self.origin.project.as_ref().map(|(_, status)| status)
    }
    /// Further flags that set keys of plugins; see [`PluginFlag`].
    pub fn plugin_flags(&self) -> &[PluginFlag] {
        &self.origin.flags
    }

    /// Builds a backend from its table.
    pub fn build_backend(
        &self,
        name: &str,
        registry: &Registry,
    ) -> Result<Box<dyn Backend>, Diagnostics> {
        let source = self.backend().map(|name| name.source.clone());
        let one = Located::new(name.to_owned(), source.unwrap_or_default());
        self.build(PluginKind::Backend, &one, registry, |name| {
            registry.backend(name).ok()
        })
    }
    /// Builds the chain, from the agent outward.
    pub fn build_proxies(&self, registry: &Registry) -> Result<Vec<Box<dyn Proxy>>, Diagnostics> {
        let names = self.sections.launch.proxies.as_ref();
        let names = names
            .map(|names| names.value.as_slice())
            .unwrap_or_default();
        let find = |name: &str| registry.proxy(name).ok();
        self.build_all(PluginKind::Proxy, names, registry, find)
    }
    /// Builds the provisioners: the chosen ones in their order, or all there are by name.
    pub fn build_provisioners(
        &self,
        registry: &Registry,
    ) -> Result<Vec<Box<dyn Provisioner>>, Diagnostics> {
        let all = || {
            let names = registry.provisioners().map(|one| one.name.to_owned());
            names.map(Located::default_value).collect()
        };
        let chosen = self.sections.launch.provisioners.as_ref();
        let names = chosen.map_or_else(all, |names| names.value.clone());
        let find = |name: &str| registry.provisioner(name).ok();
        self.build_all(PluginKind::Provisioner, &names, registry, find)
    }
    /// A backend's table as TOML text, paths made absolute, for
    /// [`backend_from_toml`](crate::backend_from_toml). Empty without one.
    pub fn backend_toml(&self, name: &str) -> String {
        let schema = self.origin.schemas.get(name);
        self.job(PluginKind::Backend, name)
            .toml(schema.unwrap_or(&Value::Null))
    }

    fn build_all<T: ?Sized + 'static>(
        &self,
        kind: PluginKind,
        names: &[Located<String>],
        registry: &Registry,
        find: impl Fn(&str) -> Option<&'static Registration<T>>,
    ) -> Result<Vec<Box<T>>, Diagnostics> {
        let sink = Sink::default();
        let mut built = Vec::new();
        for name in names {
            match self.build(kind, name, registry, &find) {
                Ok(plugin) => built.push(plugin),
                Err(errors) => errors.into_iter().for_each(|error| sink.push(error)),
            }
        }
        sink.finish(built)
    }
    fn build<T: ?Sized + 'static>(
        &self,
        kind: PluginKind,
        name: &Located<String>,
        registry: &Registry,
        find: impl Fn(&str) -> Option<&'static Registration<T>>,
    ) -> Result<Box<T>, Diagnostics> {
        let Some(registration) = find(name) else {
            return Err(plugins::unknown(kind, name, &name.source, registry).into());
        };
        let mut job = self.job(kind, name);
        job.chosen = &name.source;
        job.build(registration)
    }

    pub(crate) fn tables(&self, kind: PluginKind) -> &PluginTables {
        match kind {
            PluginKind::Backend => &self.sections.backend,
            PluginKind::Proxy => &self.sections.proxy,
            PluginKind::Provisioner => &self.sections.provisioner,
        }
    }
    pub(crate) fn job<'a>(&'a self, kind: PluginKind, name: &'a str) -> Job<'a> {
        Job {
            kind,
            name,
            table: self.tables(kind).get(name),
            chosen: &NOWHERE,
            flags: &self.origin.flags,
            cwd: &self.origin.cwd,
            home: &self.origin.dirs.home,
        }
    }
    pub(crate) fn has_table_of_agent(&self, name: &str) -> bool {
        self.sections.agent.contains_key(name)
    }
}

static NOWHERE: Source = Source::NOWHERE;
static AUTO: Located<RuntimeChoice> = Located {
    value: RuntimeChoice::Auto,
    source: Source::NOWHERE,
};

fn plain(names: Option<&Located<Vec<Located<String>>>>) -> Option<Located<Vec<String>>> {
    let names = names?;
    let texts = names.iter().map(|name| name.value.clone()).collect();
    Some(Located::new(texts, names.source.clone()))
}
