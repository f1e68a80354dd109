//! Commands about the machine and the configuration.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use clap_complete::Shell;

use super::launch::PolicyArgs;

/// Check what works on this machine
///
/// Asks every engine, looks at runtimes and images, checks the configuration and whether the
/// project's file is trusted. Each line is `ok`, `warn` or `fail` with the next step. Exits with
/// 1 when something failed.
///
/// With `--deep` a bottle is launched and every runtime found in the agent's image (curl, git,
/// Python, Node, Java, cargo) makes a TLS connection through the chain, which fails unless it
/// trusts the bottle's certificate authority.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  bottle doctor
  bottle doctor --deep claude
  bottle doctor --json | jq '.checks[] | select(.status != \"ok\")'")]
pub(crate) struct DoctorArgs {
    /// Launch this agent's image and check what it trusts
    #[arg(long, value_name = "AGENT")]
    pub(crate) deep: Option<String>,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
}

/// List the plugins in this binary, or begin a new one
///
/// Each with its crate and version, and how a launch from here would use it and who chose it:
/// a file and its line, a variable, a flag, or nobody (`default`).
#[derive(Args, Debug)]
#[command(
    visible_alias = "plugin",
    args_conflicts_with_subcommands = true,
    after_long_help = "\
Examples:
  bottle plugins
  bottle plugins --guarantees
  bottle plugins --json
  bottle plugin new proxy squid"
)]
pub(crate) struct PluginsArgs {
    /// Plan a launch from here, and show what each plugin guarantees in it
    #[arg(long)]
    pub(crate) guarantees: bool,
    #[command(subcommand)]
    pub(crate) command: Option<PluginsCommand>,
}

/// What else there is to do about plugins.
#[derive(Debug, Subcommand)]
pub(crate) enum PluginsCommand {
    New(NewPluginArgs),
}

/// Write a crate with a new plugin: it compiles, and has its conformance test
///
/// The guides `docs/writing-a-backend.md`, `writing-a-proxy.md` and `writing-a-provisioner.md` go
/// on from there.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  bottle plugin new proxy squid
  bottle plugin new provisioner dotfiles --folder plugins/dotfiles
  bottle plugin new backend firecracker --checkout ~/src/bottle")]
pub(crate) struct NewPluginArgs {
    /// What kind of plugin
    #[arg(value_name = "KIND")]
    pub(crate) kind: NewPluginKind,
    /// The name that configuration selects it by: lower-case letters, digits, hyphens
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Where to write it, instead of `bottle-KIND-NAME` in the current folder
    #[arg(long, value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
    /// Depend on this checkout of bottle, instead of the published crates
    #[arg(long, value_name = "DIR")]
    pub(crate) checkout: Option<PathBuf>,
}

/// The kind of a new plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum NewPluginKind {
    /// A container engine
    Backend,
    /// A hop of the chain
    Proxy,
    /// What finishes the agent's container
    Provisioner,
}
impl NewPluginKind {
    /// As config writes it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Backend => "backend",
            Self::Proxy => "proxy",
            Self::Provisioner => "provisioner",
        }
    }
}

/// Write a configuration to begin with
///
/// Without `--project` the user's own file, which may grant egress, credentials and mounts; with
/// it `bottle.toml` in the current folder, which may choose and narrow. An existing file is never
/// overwritten.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  bottle init
  bottle init --project --agent codex")]
pub(crate) struct InitArgs {
    /// Write `bottle.toml` into the current folder
    #[arg(long)]
    pub(crate) project: bool,
    /// The agent to run by default
    #[arg(long, value_name = "AGENT", default_value = "claude")]
    pub(crate) agent: String,
}

/// Check, describe or show the configuration
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  bottle config check
  bottle config show
  bottle config schema > bottle.schema.json")]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check every file that would be read
    #[command(after_long_help = "\
Examples:
  bottle config check
  bottle config check --config other.toml")]
    Check(PolicyArgs),
    /// Print the JSON Schema of everything this binary understands
    #[command(after_long_help = "\
Examples:
  bottle config schema > bottle.schema.json")]
    Schema,
    /// Show what is in effect and which file or flag said so
    #[command(after_long_help = "\
Examples:
  bottle config show
  BOTTLE_RUNTIME=runsc bottle config show --json")]
    Show(PolicyArgs),
}

/// Let a project's `bottle.toml` widen what a bottle may do
///
/// A repository's file may choose the agent and narrow the policy. What it would widen (hosts,
/// credentials, mounts, plugins) counts only after its present content was trusted; any change
/// asks again.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  bottle trust --show
  bottle trust
  bottle trust ../other/bottle.toml --revoke")]
pub(crate) struct TrustArgs {
    /// The file, or the folder it is in; without it the one that `bottle run` would read
    pub(crate) path: Option<PathBuf>,
    /// Take the trust back
    #[arg(long, conflicts_with = "show")]
    pub(crate) revoke: bool,
    /// Show what would be granted, and whether it is
    #[arg(long)]
    pub(crate) show: bool,
}

/// Print a completion script for a shell
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  bottle completions bash > /etc/bash_completion.d/bottle
  bottle completions zsh > ~/.zfunc/_bottle
  bottle completions fish > ~/.config/fish/completions/bottle.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: Shell,
}

/// Write the manual pages
#[derive(Args, Debug)]
pub(crate) struct ManArgs {
    /// Write one page per command into this folder; without it the main page goes to standard output
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}
