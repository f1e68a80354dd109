//! What the user asked for, typed and checked: the planner's input.

use std::{collections::BTreeMap, collections::BTreeSet, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    AllowRule, DlpMode, EnvValue, FilePlan, Guarantee, HostPattern, ImagePlan, Limits, Mount,
    NamePlan, SecretRef, Stdio,
};

/// Everything one launch is asked to be. Config files, environment and flags end here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LaunchSpec {
    /// The agent.
    pub agent: AgentSpec,
    /// Arguments after `--`, appended to the agent's command (replacing it when
    /// [`AgentSpec::replace_command`]).
    pub args: Vec<String>,
    /// The bottle's name.
    pub name: NamePlan,
    /// OCI runtime.
    pub runtime: RuntimeChoice,
    /// Promises without which it must not start.
    pub require: BTreeSet<Guarantee>,
    /// Hosts and rules, the agent's own needs included.
    pub allow: Vec<AllowRule>,
    /// Hosts refused whatever `allow` says.
    pub deny: Vec<HostPattern>,
    /// Treatment of secret-shaped text.
    pub dlp: DlpMode,
    /// Fixed addresses for names, as the last hop sees them.
    pub hosts: BTreeMap<String, std::net::IpAddr>,
    /// Names that may resolve to private addresses.
    pub trusted_private: Vec<HostPattern>,
    /// Secrets and how each is delivered.
    pub secrets: Vec<SecretSpec>,
    /// The working folder.
    pub workspace: WorkspaceSpec,
    /// Limits of the agent's container.
    pub limits: Limits,
    /// Further environment of the agent.
    pub env: BTreeMap<String, EnvValue>,
    /// Further mounts of the agent, granted by the user.
    pub mounts: Vec<Mount>,
    /// Terminal and input of the agent.
    pub stdio: Stdio,
    /// The user the agent runs as.
    pub user: AgentUser,
}

/// Which OCI runtime.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuntimeChoice {
    /// The one the backend prefers when the engine has it, else the engine's default. The
    /// default.
    #[default]
    Auto,
    /// This one, or an error.
    Named(String),
}

/// An agent: a preset or `[agent.NAME]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentSpec {
    /// Its name.
    pub name: String,
    /// One line for people.
    pub summary: String,
    /// Its image.
    pub image: ImagePlan,
    /// Its command.
    pub command: Vec<String>,
    /// Arguments replace the command instead of following it (shells).
    pub replace_command: bool,
    /// Its environment: update checks off, inner sandbox off.
    pub env: BTreeMap<String, EnvValue>,
    /// Files it wants in its home before it starts. Paths may begin with `~/`; owner and group
    /// are set by the planner.
    pub files: Vec<FilePlan>,
    /// Rules it needs to work at all.
    pub allow: Vec<AllowRule>,
    /// Secrets it logs in with, each used when its source exists.
    pub login: Vec<SecretSpec>,
    /// Where an instruction text goes.
    pub prompt: Option<PromptTarget>,
    /// Where skills go, `~/.claude/skills`.
    pub skills_dir: Option<String>,
}

/// How an agent takes a standing instruction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PromptTarget {
    /// A file it reads by itself; `~/` is its home.
    File(String),
    /// Arguments; `{}` stands for the text's path inside.
    Args(Vec<String>),
}

/// The user inside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentUser {
    /// Name.
    pub name: String,
    /// User id; the workspace owner's.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Home folder.
    pub home: String,
}
impl Default for AgentUser {
    fn default() -> Self {
        Self {
            name: "agent".into(),
            uid: 1000,
            gid: 1000,
            home: "/home/agent".into(),
        }
    }
}

/// A secret and its delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretSpec {
    /// Its name.
    pub name: String,
    /// Where the value comes from.
    pub source: SecretRef,
    /// How it reaches its use.
    pub delivery: Delivery,
}

/// How a secret reaches its use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// At the proxy: the agent holds a placeholder. Preferred.
    Inject {
        /// Environment variables of the agent that hold the placeholder.
        env: Vec<String>,
        /// Hosts whose requests get the value.
        hosts: Vec<HostPattern>,
        /// The header, lower case.
        header: String,
        /// `{}` stands for the value.
        format: String,
        /// Add the header even when the agent did not send it.
        always: bool,
    },
    /// Into the agent's environment, by explicit grant.
    Env {
        /// The variable.
        name: String,
    },
    /// Into a file of the agent's, mode 0600, by explicit grant.
    File {
        /// `~/` is the agent's home.
        path: String,
    },
}

/// How the working folder gets in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WorkspaceMode {
    /// The folder itself, writable. The default.
    #[default]
    Bind,
    /// A copy, baked into a derived image; changes stay inside.
    Copy,
    /// A private git clone, kept on the host after the session.
    Clone,
    /// A git worktree on a branch of its own, kept on the host after the session.
    Worktree,
    /// An empty folder.
    None,
}

/// The working folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkspaceSpec {
    /// How it gets in.
    pub mode: WorkspaceMode,
    /// On the host, absolute.
    pub folder: PathBuf,
    /// Inside.
    pub target: String,
    /// Whether a copy holds `.git`.
    pub include_git: bool,
    /// Ignore patterns for a copy.
    pub exclude: Vec<String>,
    /// Where clones and worktrees are kept on the host; a folder per session below it.
    pub keep: PathBuf,
    /// The branch of a clone or worktree; `None` names it after the bottle.
    pub branch: Option<String>,
}
