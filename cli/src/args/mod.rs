//! The command line, as clap derives it.

mod launch;
mod session;
mod setup;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use launch::{LaunchArgs, PlanArgs, RunArgs};
pub(crate) use session::{
    AttachArgs, CleanupArgs, ExecArgs, ListArgs, LogsArgs, OwnArgs, StopArgs, TerminalArgs,
};
pub(crate) use setup::{
    CompletionsArgs, ConfigArgs, ConfigCommand, DoctorArgs, InitArgs, ManArgs, NewPluginArgs,
    NewPluginKind, PluginsArgs, PluginsCommand, TrustArgs,
};

/// Runs AI coding agents inside isolated bottles
///
/// A bottle is a container whose only way out is a chain of proxies. The chain decides which
/// hosts are reached, looks for secrets on their way out, and puts credentials into requests,
/// so that the agent never holds them.
#[derive(Debug, Parser)]
#[command(
    name = "bottle",
    version,
    max_term_width = 100,
    after_long_help = after_help(),
    arg_required_else_help = true,
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Variables that the command line reads by itself, and what they do. Those of the configuration
/// are [`bottle_config::VARIABLES`].
pub(crate) const VARIABLES: [(&str, &str); 3] = [
    (
        "BOTTLE_DETACH_KEYS",
        "the keys that leave an agent: `--detach-keys`",
    ),
    (
        "BOTTLE_LOG",
        "what to log for whoever looks for a fault: `bottle_engine=debug`",
    ),
    ("NO_COLOR", "no colours, whatever it is set to"),
];

/// The one place in which every variable is described.
fn after_help() -> String {
    let configured = bottle_config::VARIABLES.iter();
    let configured = configured.map(|variable| (variable.name, variable.summary));
    let lines: Vec<String> = configured
        .chain(VARIABLES)
        .map(|(name, summary)| format!("  {name:<22}  {summary}"))
        .collect();
    format!("{EXAMPLES}\n\nEnvironment:\n{}", lines.join("\n"))
}

const EXAMPLES: &str = "\
Examples:
  bottle doctor                         what works on this machine, and what to do about the rest
  bottle plan claude                    what a launch would do, without doing it
  bottle run claude                     an agent in the current folder
  bottle run shell -- make test         one command, its output and its exit code

Exit codes:
  the agent's own; 125 when bottle itself fails, 126 and 127 when the command cannot be run or is
  not found, 128+n when signal n ended the launch (130 for Ctrl-C), 124 after --timeout";

/// Flags that every command takes.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArgs {
    /// The backend to use instead of the configured one
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) backend: Option<String>,
    /// Read this file as the project's configuration instead of searching for `bottle.toml`
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Write results as JSON to standard output, and events and errors as JSON lines to standard
    /// error
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Say more; twice for debugging
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: ColorWhen,
    /// Show no progress bars, but one line per step
    #[arg(long, global = true)]
    pub(crate) no_progress: bool,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorWhen {
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(RunArgs),
    Plan(PlanArgs),
    Exec(ExecArgs),
    Attach(AttachArgs),
    List(ListArgs),
    Logs(LogsArgs),
    Stop(StopArgs),
    Cleanup(CleanupArgs),
    Doctor(DoctorArgs),
    Plugins(PluginsArgs),
    Init(InitArgs),
    Config(ConfigArgs),
    Trust(TrustArgs),
    Completions(CompletionsArgs),
    #[command(hide = true)]
    Man(ManArgs),
    #[command(name = "__own", hide = true)]
    Own(OwnArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_tree_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_visible_command_has_an_example() {
        for command in Cli::command().get_subcommands() {
            if command.is_hide_set() {
                continue;
            }
            let example = command.get_after_long_help().map(ToString::to_string);
            let name = command.get_name();
            assert!(
                example.is_some_and(|text| text.contains(&format!("bottle {name}"))),
                "`{name}` shows no example"
            );
        }
    }
}
