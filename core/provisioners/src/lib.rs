//! The provisioners and the agents that come with `bottle`.
//!
//! Each provisioner is one module with one table, `[provisioner.NAME]`, registered under its
//! name. They run in this order; each declares all before it, so that leaving one out changes
//! nothing for the others:
//!
//! | name | what it does |
//! |---|---|
//! | `user` | an account and a home for the agent's uid |
//! | `ca` | the way out and the session's CA, in the environment and in the system store |
//! | `workspace` | the working folder |
//! | `git` | identity, trust in folders, `https` instead of `ssh` |
//! | `prompt` | a standing instruction |
//! | `skills` | skill folders |
//! | `ssh` | keys, by explicit grant |
//! | `files` | further files |
//! | `env` | variables of an env file, by explicit grant |
//!
//! [`presets`] are the agents: image recipe, command, login, hosts, files.
#![deny(missing_docs)]

mod ca;
mod env;
mod files;
mod git;
mod order;
mod paths;
mod presets;
mod prompt;
mod skills;
mod ssh;
mod user;
mod workspace;

#[cfg(test)]
mod testing;

pub use ca::{Ca, CaConfig};
pub use env::{Env, EnvConfig};
pub use files::{FileEntry, FileMode, Files, FilesConfig};
pub use git::{Git, GitConfig};
pub use order::ORDER;
pub use presets::presets;
pub use prompt::{Prompt, PromptConfig};
pub use skills::{Skills, SkillsConfig};
pub use ssh::{Ssh, SshConfig};
pub use user::{User, UserConfig};
pub use workspace::{Workspace, WorkspaceConfig};
