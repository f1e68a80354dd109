//! The folders of one user, after the XDG base directory rules.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use crate::diagnostic::{Diagnostic, Diagnostics};

/// The folders of one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dirs {
    /// The home folder.
    pub home: PathBuf,
    /// `$XDG_CONFIG_HOME/bottle`.
    pub config: PathBuf,
    /// `$XDG_STATE_HOME/bottle`.
    pub state: PathBuf,
}

impl Dirs {
    /// From `HOME`, `XDG_CONFIG_HOME` and `XDG_STATE_HOME`. As the rules say, an XDG variable
    /// that is not absolute counts as not set.
    pub fn from_env(env: &BTreeMap<String, String>) -> Result<Self, Diagnostics> {
        let absolute = |name: &str| {
            let path = env.get(name).map(PathBuf::from);
            path.filter(|path| path.is_absolute())
        };
        let Some(home) = absolute("HOME") else {
            let error = Diagnostic::error("`HOME` is not set to an absolute path");
            return Err(error
                .hint("set `HOME` to your home folder; configuration and state are found from it")
                .into());
        };
        let under = |name, default: &str| {
            absolute(name)
                .unwrap_or_else(|| home.join(default))
                .join("bottle")
        };
        Ok(Self {
            config: under("XDG_CONFIG_HOME", ".config"),
            state: under("XDG_STATE_HOME", ".local/state"),
            home,
        })
    }
    /// The user's own file.
    pub fn user_config(&self) -> PathBuf {
        self.config.join("config.toml")
    }
    /// The file of a profile.
    pub fn profile(&self, name: &str) -> PathBuf {
        self.profiles().join(format!("{name}.toml"))
    }
    /// Where profiles are.
    pub fn profiles(&self) -> PathBuf {
        self.config.join("profiles")
    }
    /// Where trust in repositories' files is remembered.
    pub fn trust(&self) -> PathBuf {
        self.state.join("trust")
    }
    /// Where clones and worktrees are kept.
    pub fn workspaces(&self) -> PathBuf {
        self.state.join("workspaces")
    }
    /// Our own folders that lie in `folder`.
    pub(crate) fn inside(&self, folder: &Path) -> Option<&Path> {
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        [self.config.as_path(), self.state.as_path()]
            .into_iter()
            .find(|own| real(own).starts_with(folder) || folder.starts_with(real(own)))
    }
}
