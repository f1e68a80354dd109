//! Commands about bottles that run, or ran.

use clap::Args;

use crate::terminal::DetachKeys;

/// Run a command inside a running bottle
///
/// The command runs next to the agent, as the agent's user, behind the same chain. With standard
/// input and output on a terminal it gets one of its own.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  bottle exec claude -- bash
  bottle exec -- npm test
  bottle exec claude -- git status
  tar c data | bottle exec claude -- tar x -C /tmp")]
pub(crate) struct ExecArgs {
    /// The bottle's name; not needed while only one runs
    pub(crate) name: Option<String>,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
    /// Run as this user: a name or `uid:gid`
    #[arg(short, long)]
    pub(crate) user: Option<String>,
    /// The folder to start in
    #[arg(short, long, value_name = "PATH")]
    pub(crate) workdir: Option<String>,
    #[command(flatten)]
    pub(crate) terminal: TerminalArgs,
    /// Accepted for the habit's sake: standard input is always forwarded
    #[arg(short, long, hide = true)]
    pub(crate) interactive: bool,
}

/// Attach to the agent of a running bottle
///
/// Shows what the agent writes from now on and sends it what is typed. The detach keys leave it
/// running. When the agent ends, so does this command, with the agent's exit code.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  bottle attach
  bottle attach claude --detach-keys ctrl-]")]
pub(crate) struct AttachArgs {
    /// The bottle's name; not needed while only one runs
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) terminal: TerminalArgs,
}

/// How the terminal is handed over.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Terminal options")]
pub(crate) struct TerminalArgs {
    /// Give it a terminal even if standard input or output is none
    #[arg(short, long, overrides_with = "no_tty")]
    pub(crate) tty: bool,
    /// Give it no terminal
    #[arg(short = 'T', long, overrides_with = "tty")]
    pub(crate) no_tty: bool,
    /// Forward no standard input; for loops that read their own
    #[arg(long)]
    pub(crate) no_stdin: bool,
    /// Keys that leave without ending it
    #[arg(
        long,
        value_name = "KEYS",
        env = "BOTTLE_DETACH_KEYS",
        hide_env_values = true,
        default_value_t = DetachKeys::default(),
    )]
    pub(crate) detach_keys: DetachKeys,
}

impl TerminalArgs {
    /// Whether a terminal is wanted, given that ours is one at both ends.
    pub(crate) fn wants_tty(&self, ours: bool) -> bool {
        (ours || self.tty) && !self.no_tty
    }
}

/// List the bottles that run
///
/// Bottles whose owner is gone are shown as `orphaned`; `bottle cleanup` removes them.
#[derive(Args, Debug)]
#[command(
    visible_alias = "ls",
    after_long_help = "\
Examples:
  bottle list
  bottle list --json | jq -r '.[].name'"
)]
pub(crate) struct ListArgs {
    /// Only names, one a line
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// Show what the agent wrote, or what went through the proxies
///
/// Without a name: the only bottle that runs, or else the last one that ran. Of bottles that are
/// over, the egress log and the events are kept for a while, the agent's output is not.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  bottle logs claude
  bottle logs claude --egress --follow
  bottle logs --egress --json | jq 'select(.decision == \"deny\")'
  bottle logs claude --proxy mitmproxy --tail 50")]
pub(crate) struct LogsArgs {
    /// The bottle's name, or a session
    pub(crate) name: Option<String>,
    /// Show the decisions about traffic
    #[arg(long, conflicts_with_all = ["proxy", "events"])]
    pub(crate) egress: bool,
    /// Show the raw log of this proxy
    #[arg(long, value_name = "NAME", conflicts_with = "events")]
    pub(crate) proxy: Option<String>,
    /// Show what happened during the launch and the session
    #[arg(long)]
    pub(crate) events: bool,
    /// Stay, and show what is added
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only the last lines
    #[arg(short = 'n', long, value_name = "LINES")]
    pub(crate) tail: Option<usize>,
}

/// Stop bottles and remove everything they made
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  bottle stop claude
  bottle stop --all")]
pub(crate) struct StopArgs {
    /// The bottles' names
    #[arg(required_unless_present = "all", value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// Every bottle of this user
    #[arg(long, conflicts_with = "names")]
    pub(crate) all: bool,
}

/// Remove what bottles left behind
///
/// Whatever carries bottle's labels and whose owner is gone is debris: containers, networks,
/// volumes and session folders. Bottles that run are never touched. Every launch does this too,
/// in the background.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  bottle cleanup --dry-run
  bottle cleanup
  bottle cleanup --images")]
pub(crate) struct CleanupArgs {
    /// Only show what would be removed
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Remove the images that bottle built, too
    #[arg(long)]
    pub(crate) images: bool,
    /// Whatever any user or state folder left on this engine, not only this one
    #[arg(long)]
    pub(crate) all_instances: bool,
}

/// Own a session in the background
#[derive(Args, Debug)]
pub(crate) struct OwnArgs {
    /// The session
    pub(crate) session: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_win_over_what_our_own_terminal_is() {
        let args = |tty, no_tty| TerminalArgs {
            tty,
            no_tty,
            ..TerminalArgs::default()
        };
        assert!(args(false, false).wants_tty(true));
        assert!(!args(false, false).wants_tty(false));
        assert!(args(true, false).wants_tty(false));
        assert!(!args(false, true).wants_tty(true));
    }
}
