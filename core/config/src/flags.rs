//! Flags, as typed: text is read here, so that a mistake looks the same from everywhere.

use std::path::PathBuf;

/// The kind of a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PluginKind {
    /// `[backend.NAME]`.
    Backend,
    /// `[proxy.NAME]`.
    Proxy,
    /// `[provisioner.NAME]`.
    Provisioner,
}

impl PluginKind {
    /// As config writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Backend => "backend",
            Self::Proxy => "proxy",
            Self::Provisioner => "provisioner",
        }
    }
}

/// A flag that sets a key of a plugin's table, over whatever a file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginFlag {
    /// The flag: `--prompt`.
    pub flag: String,
    /// The kind of the plugin.
    pub kind: PluginKind,
    /// The plugin's name.
    pub plugin: String,
    /// The key of its table.
    pub key: String,
    /// The value.
    pub value: PluginValue,
}

/// The value of a [`PluginFlag`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PluginValue {
    /// Replaces the key's text.
    Text(String),
    /// Goes behind the items of the key's list.
    Items(Vec<String>),
}

/// Flags as typed. Every field may be left at its default.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--config FILE`: instead of the nearest `bottle.toml`.
    pub config: Option<PathBuf>,
    /// `--profile NAME`.
    pub profiles: Vec<String>,
    /// The agent.
    pub agent: Option<String>,
    /// `--name`.
    pub name: Option<String>,
    /// `--image`.
    pub image: Option<String>,
    /// `--backend`.
    pub backend: Option<String>,
    /// `--runtime`.
    pub runtime: Option<String>,
    /// `--proxy a,b`; `none` or nothing is a bottle without network.
    pub proxies: Option<String>,
    /// `--provisioner a,b`.
    pub provisioners: Option<String>,
    /// `--require`.
    pub require: Vec<String>,
    /// `--allow`.
    pub allow: Vec<String>,
    /// `--deny`.
    pub deny: Vec<String>,
    /// `--dlp`.
    pub dlp: Option<String>,
    /// `--env NAME=VALUE`, or `NAME` to hand on bottle's own value as a secret.
    pub env: Vec<String>,
    /// `--mount SOURCE:TARGET[:rw]`.
    pub mounts: Vec<String>,
    /// `--workspace`.
    pub workspace: Option<PathBuf>,
    /// `--workspace-mode`.
    pub workspace_mode: Option<String>,
    /// `--memory`.
    pub memory: Option<String>,
    /// `--cpus`.
    pub cpus: Option<String>,
    /// `--pids`.
    pub pids: Option<String>,
    /// Flags that set keys of plugins.
    pub plugins: Vec<PluginFlag>,
}
