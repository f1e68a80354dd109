//! From files, variables and flags to one [`Config`].

use std::{
    collections::BTreeMap,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use bottle_api::{AgentSpec, Registry};

use crate::{
    agents, check,
    config::{Config, Origin},
    defaults,
    diagnostic::{Diagnostic, Diagnostics, Sink},
    dirs::Dirs,
    files::{Files, ReadFile, nearest_project},
    flags::Flags,
    layers::Layers,
    node::absolute,
    section::Overlay,
    settings::{self, Paths, words},
    source::{Layer, Located, Source},
    trust::{FileSet, Ground, Trust, TrustStore, Widening, refusal, widenings},
};

/// What to do with a repository's file that asks for more than it may and is not trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TrustMode {
    /// Refuse it.
    #[default]
    Enforce,
    /// Load it all the same, to look at: `config check`, `config show`, `trust`.
    Report,
}

/// Everything loading depends on; nothing is read from the process behind its back.
#[derive(Clone)]
pub struct Loader {
    /// The current folder, absolute.
    pub cwd: PathBuf,
    /// The user's folders.
    pub dirs: Dirs,
    /// The environment.
    pub env: BTreeMap<String, String>,
    /// The flags.
    pub flags: Flags,
    /// What to do without trust.
    pub trust: TrustMode,
    /// Further `BOTTLE_*` variables that mean something to the caller.
    pub known_variables: Vec<String>,
    /// Read this repository's file instead of looking for the nearest.
    pub project: Option<PathBuf>,
    /// The user this runs as.
    pub uid: u32,
}

/// The environment is left out: it holds secrets.
impl std::fmt::Debug for Loader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loader")
            .field("cwd", &self.cwd)
            .field("dirs", &self.dirs)
            .field("trust", &self.trust)
            .finish_non_exhaustive()
    }
}

impl Loader {
    /// With an empty environment and no flags.
    pub fn new(cwd: impl Into<PathBuf>, dirs: Dirs) -> Self {
        Self {
            cwd: cwd.into(),
            dirs,
            env: BTreeMap::new(),
            flags: Flags::default(),
            trust: TrustMode::default(),
            known_variables: vec![],
            project: None,
            uid: rustix::process::geteuid().as_raw(),
        }
    }

    /// From the running process.
    pub fn from_process(flags: Flags) -> Result<Self, Diagnostics> {
        let env: BTreeMap<String, String> = std::env::vars_os()
            .map(|(name, value)| {
                let text = |part: std::ffi::OsString| part.to_string_lossy().into_owned();
                (text(name), text(value))
            })
            .collect();
        let cwd = std::env::current_dir().map_err(|error| {
            Diagnostic::error(format!("the current folder cannot be found: {error}"))
                .hint("change into a folder that exists")
        })?;
        let mut loader = Self::new(cwd, Dirs::from_env(&env)?);
        loader.env = env;
        loader.flags = flags;
        Ok(loader)
    }

    /// Reads all layers, merges and checks them. Reports everything it finds wrong.
    pub fn load(&self, registry: &Registry, presets: &[AgentSpec]) -> Result<Config, Diagnostics> {
        let sink = Sink::default();
        let mut files = Vec::new();
        let layers = self.read(&mut files, &sink);
        let merged = layers.merged();
        let agents = agents::resolve(presets, &merged.agent, &sink);

        let mut origin = Origin::new(self, &files, registry);
        if let Some(set) = project_set(&files) {
            let status = TrustStore::new(self.dirs.trust()).status(&set);
            // Judged only when all of it could be read: an error comes first anyway.
            if sink.is_empty() {
                origin.widenings = self.judge(&layers, &files, &set, registry, presets);
                if self.trust == TrustMode::Enforce && status != Trust::Trusted {
                    let found = refusal(&origin.widenings, &status, &set);
                    for one in found {
                        sink.push(one);
                    }
                }
            }
            origin.project = Some((set, status));
        }
        let config = Config {
            sections: merged,
            agents,
            files,
            origin,
        };
        check::names(&config, registry, &sink);
        check::tables(&config, registry, &sink);
        sink.finish(config)
    }

    fn read(&self, files: &mut Vec<ReadFile>, sink: &Sink) -> Layers {
        let paths = Paths {
            cwd: &self.cwd,
            home: &self.dirs.home,
        };
        let mut layers = Layers {
            env: settings::from_env(&self.env, &self.known_variables, paths, sink),
            flags: settings::from_flags(&self.flags, paths, sink),
            ..Layers::new(defaults::sections())
        };
        let user = self.dirs.user_config();
        if there(&user) {
            layers.user = self
                .files(Layer::User, files, sink)
                .load(&user, &Source::default());
        }
        if let Some(named) = self.explicit() {
            let path = absolute(&named, &self.cwd, &self.dirs.home);
            let mut reader = self.files(Layer::Explicit, files, sink);
            layers.explicit = reader.load(&path, &named.source);
        } else if let Some(path) = self.project_file() {
            let mut reader = self.files(Layer::Project, files, sink);
            layers.project = reader.load(&path, &Source::default());
        }
        for name in self.profiles() {
            let mut reader = self.files(Layer::Profile, files, sink);
            layers.profiles = reader.load_named(&name).over(layers.profiles);
        }
        layers
    }

    fn files<'a>(&'a self, layer: Layer, read: &'a mut Vec<ReadFile>, sink: &'a Sink) -> Files<'a> {
        Files {
            dirs: &self.dirs,
            cwd: &self.cwd,
            layer,
            sink,
            read,
        }
    }

    fn project_file(&self) -> Option<PathBuf> {
        let named = self.project.as_ref().map(|path| self.cwd.join(path));
        named.or_else(|| nearest_project(&self.cwd, &self.dirs.home))
    }

    /// `--config`, else `BOTTLE_CONFIG`.
    fn explicit(&self) -> Option<Located<String>> {
        let flag = self.flags.config.as_ref().map(|path| {
            let path = path.to_string_lossy();
            words(Layer::CommandLine, "--config", " ", &path, false, &self.cwd)
        });
        let variable = || {
            let value = self
                .env
                .get("BOTTLE_CONFIG")
                .filter(|value| !value.is_empty())?;
            let (layer, name) = (Layer::Environment, "BOTTLE_CONFIG");
            Some(words(layer, name, "=", value, false, &self.cwd))
        };
        flag.or_else(variable)?.into_iter().next()
    }

    /// `BOTTLE_PROFILE`, then `--profile`: the later one wins.
    fn profiles(&self) -> Vec<Located<String>> {
        let mut names = Vec::new();
        if let Some(value) = self.env.get("BOTTLE_PROFILE") {
            let (layer, name) = (Layer::Environment, "BOTTLE_PROFILE");
            names.extend(words(layer, name, "=", value, true, &self.cwd));
        }
        for value in &self.flags.profiles {
            let layer = Layer::CommandLine;
            names.extend(words(layer, "--profile", " ", value, true, &self.cwd));
        }
        names
    }

    /// What the repository's file would widen.
    fn judge(
        &self,
        layers: &Layers,
        files: &[ReadFile],
        set: &FileSet,
        registry: &Registry,
        presets: &[AgentSpec],
    ) -> Vec<Widening> {
        let (below, above) = (layers.below(), layers.above());
        let trusted = above.clone().over(below.clone());
        // What is wrong with them was reported when all agents were resolved.
        let agents = agents::resolve(presets, &trusted.agent, &Sink::default());
        let merged = layers.merged();
        let folder = set.path.parent().unwrap_or(Path::new("/"));
        let ground = Ground {
            below: &below,
            above: &above,
            agent: merged.launch.agent.as_ref().map(|name| name.value.as_str()),
            agents: &agents,
            registry,
            folder,
        };
        let mut found = widenings(&layers.project, &ground);
        found.extend(self.stranger(files, folder));
        found
    }

    /// A file that neither the user, root, nor the owner of the current folder wrote: whoever
    /// may write above a folder must not decide what runs in it.
    fn stranger(&self, files: &[ReadFile], folder: &Path) -> Option<Widening> {
        let file = files.iter().find(|file| file.layer == Layer::Project)?;
        let owner = |path: &Path| std::fs::metadata(path).ok().map(|about| about.uid());
        let uid = owner(&file.path)?;
        let known = uid == 0 || uid == self.uid || Some(uid) == owner(&self.cwd);
        (!known).then(|| Widening {
            key: "the whole file".to_owned(),
            why: format!(
                "it belongs to user {uid} and decides about `{}`",
                folder.display()
            ),
            source: Source::text(&file.document, 0..0),
        })
    }
}

/// Whether something is there, readable or not.
fn there(path: &Path) -> bool {
    match std::fs::symlink_metadata(path) {
        Ok(_) => true,
        Err(error) => !matches!(
            error.kind(),
            std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
        ),
    }
}

/// The repository's file and what it extends, as they were read.
fn project_set(files: &[ReadFile]) -> Option<FileSet> {
    let project = files.iter().filter(|file| file.layer == Layer::Project);
    FileSet::of(project.map(|file| (file.path.as_path(), file.document.text())))
}
