//! A home, a project and a state folder nobody else uses.

use std::{collections::BTreeMap, path::PathBuf};

use bottle_api::{LaunchSpec, Registry};
use bottle_config::{Config, Diagnostics, Dirs, Flags, Loader, SpecRequest, TrustMode};
use tempfile::TempDir;

use crate::samples;

pub(crate) struct World {
    folder: TempDir,
    pub(crate) registry: Registry,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) flags: Flags,
    pub(crate) mode: TrustMode,
}

impl World {
    pub(crate) fn new() -> Self {
        let world = Self {
            folder: tempfile::Builder::new()
                .prefix("bottle-config-")
                .tempdir()
                .unwrap(),
            registry: samples::registry(),
            env: BTreeMap::new(),
            flags: Flags::default(),
            mode: TrustMode::Enforce,
        };
        std::fs::create_dir_all(world.path("home/repo/src")).unwrap();
        world
    }
    /// The user's file.
    pub(crate) fn user(self, text: &str) -> Self {
        self.file("home/.config/bottle/config.toml", text)
    }
    /// A profile of the user's.
    pub(crate) fn profile(self, name: &str, text: &str) -> Self {
        self.file(&format!("home/.config/bottle/profiles/{name}.toml"), text)
    }
    /// The repository's file.
    pub(crate) fn project(self, text: &str) -> Self {
        self.file("home/repo/bottle.toml", text)
    }
    pub(crate) fn file(self, path: &str, text: &str) -> Self {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }
    pub(crate) fn with_binary(self, path: &str) -> Self {
        std::fs::write(self.path(path), [0xff, 0xfe, 0x00]).unwrap();
        self
    }
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }
    pub(crate) fn flags(mut self, flags: Flags) -> Self {
        self.flags = flags;
        self
    }
    /// Widenings are reported, not refused.
    pub(crate) fn reporting(mut self) -> Self {
        self.mode = TrustMode::Report;
        self
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        let root = self.folder.path().canonicalize().unwrap();
        root.join(relative)
    }
    pub(crate) fn dirs(&self) -> Dirs {
        Dirs {
            home: self.path("home"),
            config: self.path("home/.config/bottle"),
            state: self.path("home/.local/state/bottle"),
        }
    }
    pub(crate) fn loader(&self) -> Loader {
        let mut loader = Loader::new(self.path("home/repo"), self.dirs());
        loader.env = self.env.clone();
        loader.flags = self.flags.clone();
        loader.trust = self.mode;
        loader
    }
    pub(crate) fn load(&self) -> Result<Config, Diagnostics> {
        self.loader().load(&self.registry, &samples::presets())
    }
    pub(crate) fn config(&self) -> Config {
        self.load()
            .unwrap_or_else(|errors| panic!("{}", errors.render(false, 100)))
    }
    pub(crate) fn spec(&self) -> LaunchSpec {
        let spec = self.config().spec(&SpecRequest::default());
        spec.unwrap_or_else(|errors| panic!("{}", errors.render(false, 100)))
    }
    /// What a user would see instead of a launch.
    pub(crate) fn errors(&self) -> String {
        let errors = match self.load() {
            Err(errors) => errors,
            Ok(config) => match config.spec(&SpecRequest::default()) {
                Err(errors) => errors,
                Ok(_) => panic!("nothing is wrong"),
            },
        };
        self.clean(&errors.render(false, 400))
    }
    /// Without the name of the scratch folder.
    pub(crate) fn clean(&self, text: &str) -> String {
        text.replace(self.path("").to_str().unwrap().trim_end_matches('/'), "")
    }
}
