//! Configuration of `bottle`: files, variables and flags become one checked [`Config`], and that
//! a [`LaunchSpec`](bottle_api::LaunchSpec).
//!
//! Layers, the later one wins: built-in defaults, the user's file, the nearest `bottle.toml` (or
//! the file of `--config`), profiles of `--profile`, `BOTTLE_*` variables, flags. Lists of
//! permissions and requirements add up, a plugin's table and an agent come whole from one file,
//! all else is replaced value by value. Every value remembers where it came from.
//!
//! A repository's `bottle.toml` may choose and narrow. What it would widen needs the user's
//! trust in exactly its present content ([`TrustStore`]).
//!
//! Nothing here reads a secret's value, and no error shows one that somebody wrote into a file.
#![deny(missing_docs)]

mod agents;
mod check;
mod config;
mod defaults;
mod diagnostic;
mod dirs;
mod document;
mod files;
mod flags;
pub mod init;
mod layers;
mod loader;
mod node;
mod plugins;
mod redact;
mod schema;
mod section;
mod settings;
mod show;
mod source;
mod spec;
mod suggest;
mod trust;
mod values;

pub use config::Config;
pub use diagnostic::{Diagnostic, Diagnostics};
pub use dirs::Dirs;
pub use files::{PROJECT_FILE, ReadFile};
pub use flags::{Flags, PluginFlag, PluginKind, PluginValue};
pub use loader::{Loader, TrustMode};
pub use plugins::backend_from_toml;
pub use schema::schema;
pub use settings::{VARIABLES, Variable};
pub use show::{Row, Shown};
pub use source::{Layer, Located, Source};
pub use spec::{SpecRequest, nothing_to_log_in_with};
pub use trust::{FileHash, FileSet, Trust, TrustStore, TrustedFile, Widening};
