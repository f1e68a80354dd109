//! What a launch can be told: `run`, `plan`, and whatever else needs a launch to be described.

use std::{fmt, path::PathBuf, time::Duration};

use bottle_api::Guarantee;
use bottle_config::{Flags, PluginFlag, PluginKind, PluginValue};
use clap::{Args, builder::PossibleValuesParser};

use super::TerminalArgs;

/// Run an agent in a bottle
///
/// Reads the configuration, plans, launches, hands the terminal to the agent, and removes
/// everything when it ends. With standard input and output on a terminal the agent gets one of
/// its own; otherwise its output and errors stay apart and clean, and everything that bottle has
/// to say goes to standard error.
///
/// Ctrl-C before the agent has the terminal ends the launch and removes what it made; a second
/// Ctrl-C leaves at once and says what is left. In the agent's terminal every key but the detach
/// keys belongs to the agent.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  bottle run claude
  bottle run claude --prompt 'Fix the failing test' --name fix
  bottle run shell --proxy mitmproxy --allow registry.example.com -- pip download requests
  bottle run codex --detach && bottle attach codex
  git diff | bottle run claude -- -p 'Review this diff' > review.md")]
pub(crate) struct RunArgs {
    /// Start it in the background and print its name; it has a terminal unless `--no-tty`, so
    /// that `bottle attach` can join it
    #[arg(short, long)]
    pub(crate) detach: bool,
    /// Only say what would be done, as `bottle plan` does
    #[arg(long, conflicts_with = "detach")]
    pub(crate) dry_run: bool,
    /// End the agent after this time, such as `90s` or `2h`, and exit with 124
    #[arg(
        long,
        value_name = "TIME",
        value_parser = humantime::parse_duration,
        conflicts_with = "detach",
    )]
    pub(crate) timeout: Option<Duration>,
    #[command(flatten)]
    pub(crate) launch: LaunchArgs,
    #[command(flatten)]
    pub(crate) terminal: TerminalArgs,
}

/// Show what a launch would do
///
/// Prints containers, networks, the chain of proxies, the hosts that would be reached, the
/// credentials by name, and what the bottle would guarantee. Nothing is created, no image is
/// pulled and no secret is read.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  bottle plan claude
  bottle plan shell --proxy mitmproxy,pipelock --allow '*.github.com'
  bottle plan claude --json | jq .guarantees")]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) launch: LaunchArgs,
}

/// What describes a launch. Whatever is not given comes from the configuration.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct LaunchArgs {
    /// A preset (`claude`, `codex`, `gemini`, `opencode`, `shell`) or an agent of the configuration
    #[arg(value_name = "AGENT")]
    pub(crate) agent: Option<String>,
    /// Arguments for the agent; for `shell` the command to run
    #[arg(last = true, value_name = "ARGS")]
    pub(crate) args: Vec<String>,
    /// The bottle's name; when it is taken, the launch fails instead of counting up
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// The working folder, instead of the current one
    #[arg(long, value_name = "PATH")]
    pub(crate) workspace: Option<PathBuf>,
    /// How the working folder gets in
    #[arg(long, value_name = "MODE", value_parser = PossibleValuesParser::new(MODES))]
    pub(crate) workspace_mode: Option<String>,
    /// A folder or file of the host; read-only unless `:rw` follows; may be repeated
    #[arg(long = "mount", value_name = "SOURCE:TARGET[:rw]")]
    pub(crate) mounts: Vec<String>,
    /// The agent's image, instead of the configured one
    #[arg(long, value_name = "IMAGE")]
    pub(crate) image: Option<String>,
    /// A standing instruction for the agent
    #[arg(long, value_name = "TEXT")]
    pub(crate) prompt: Option<String>,
    /// A folder with a skill for the agent; may be repeated
    #[arg(long = "skill", value_name = "DIR")]
    pub(crate) skills: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
}

/// What decides how closed the bottle is.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Isolation options")]
pub(crate) struct PolicyArgs {
    /// Read this profile of the user's configuration, too; may be repeated
    #[arg(long = "profile", value_name = "NAME")]
    pub(crate) profiles: Vec<String>,
    /// The chain of proxies from the agent outward; `none` is a bottle without network
    #[arg(long = "proxy", value_name = "NAME,NAME")]
    pub(crate) proxies: Option<String>,
    /// The provisioners that prepare the agent, instead of all there are
    #[arg(long = "provisioner", value_name = "NAME,NAME")]
    pub(crate) provisioners: Option<String>,
    /// The engine's runtime: `auto`, `runc`, `runsc`, or any other it knows
    #[arg(long, value_name = "NAME")]
    pub(crate) runtime: Option<String>,
    /// A host to allow, such as `registry.example.com` or `*.github.com`; may be repeated
    #[arg(long, value_name = "HOST", value_delimiter = ',')]
    pub(crate) allow: Vec<String>,
    /// A host to refuse whatever else allows it; may be repeated
    #[arg(long, value_name = "HOST", value_delimiter = ',')]
    pub(crate) deny: Vec<String>,
    /// What happens to secret-shaped text on its way out
    #[arg(long, value_name = "MODE", value_parser = PossibleValuesParser::new(["block", "warn", "off"]))]
    pub(crate) dlp: Option<String>,
    /// A variable for the agent; `NAME` alone passes the value on from here as a secret
    #[arg(long, value_name = "NAME[=VALUE]")]
    pub(crate) env: Vec<EnvFlag>,
    /// A guarantee without which nothing is started; may be repeated
    #[arg(long, value_name = "GUARANTEE", value_delimiter = ',', value_parser = guarantees())]
    pub(crate) require: Vec<String>,
    /// The agent's memory, such as `4GiB`
    #[arg(long, value_name = "SIZE", allow_negative_numbers = true)]
    pub(crate) memory: Option<String>,
    /// The agent's share of the processors, such as `1.5`
    #[arg(long, value_name = "COUNT", allow_negative_numbers = true)]
    pub(crate) cpus: Option<String>,
    /// How many processes and threads the agent may have
    #[arg(long, value_name = "COUNT", allow_negative_numbers = true)]
    pub(crate) pids: Option<String>,
}

/// A value of `--env`. Its `Debug` shows the name only: what people write there is often a key.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct EnvFlag(String);

impl std::str::FromStr for EnvFlag {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}
impl fmt::Debug for EnvFlag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.split('=').next().unwrap_or_default())
    }
}

impl PolicyArgs {
    /// As the configuration wants them: text as typed, checked there, so that every error looks
    /// the same wherever the value came from.
    pub(crate) fn flags(&self) -> Flags {
        Flags {
            profiles: self.profiles.clone(),
            proxies: self.proxies.clone(),
            provisioners: self.provisioners.clone(),
            runtime: self.runtime.clone(),
            allow: self.allow.clone(),
            deny: self.deny.clone(),
            dlp: self.dlp.clone(),
            env: self.env.iter().map(|flag| flag.0.clone()).collect(),
            require: self.require.clone(),
            memory: self.memory.clone(),
            cpus: self.cpus.clone(),
            pids: self.pids.clone(),
            ..Flags::default()
        }
    }
}

impl LaunchArgs {
    /// As the configuration wants them.
    pub(crate) fn flags(&self) -> Flags {
        Flags {
            agent: self.agent.clone(),
            name: self.name.clone(),
            image: self.image.clone(),
            workspace: self.workspace.clone(),
            workspace_mode: self.workspace_mode.clone(),
            mounts: self.mounts.clone(),
            plugins: self.plugin_flags(),
            ..self.policy.flags()
        }
    }
}

impl LaunchArgs {
    fn plugin_flags(&self) -> Vec<PluginFlag> {
        let flag = |flag: &str, plugin: &str, key: &str, value| PluginFlag {
            flag: flag.to_owned(),
            kind: PluginKind::Provisioner,
            plugin: plugin.to_owned(),
            key: key.to_owned(),
            value,
        };
        let prompt = self.prompt.clone().map(PluginValue::Text);
        let prompt = prompt.map(|text| flag("--prompt", "prompt", "text", text));
        let folders = self.skills.iter().map(|path| path.display().to_string());
        let skills = (!self.skills.is_empty()).then(|| PluginValue::Items(folders.collect()));
        let skills = skills.map(|items| flag("--skill", "skills", "folders", items));
        prompt.into_iter().chain(skills).collect()
    }
}

const MODES: [&str; 5] = ["bind", "copy", "clone", "worktree", "none"];

fn guarantees() -> PossibleValuesParser {
    PossibleValuesParser::new(Guarantee::ALL.iter().map(|guarantee| guarantee.as_str()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::{Cli, Command};
    use super::*;

    fn run(line: &str) -> RunArgs {
        match Cli::try_parse_from(line.split_whitespace())
            .unwrap()
            .command
        {
            Command::Run(args) => args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn arguments_behind_the_dashes_are_the_agents() {
        let args = run("bottle run shell --proxy mitmproxy,pipelock -- ls --name x").launch;
        assert_eq!(args.args, ["ls", "--name", "x"]);
        let flags = args.flags();
        assert_eq!(flags.agent.as_deref(), Some("shell"));
        assert_eq!(flags.name, None);
        assert_eq!(flags.proxies.as_deref(), Some("mitmproxy,pipelock"));
        assert!(run("bottle run -- ls").launch.agent.is_none());
    }

    #[test]
    fn lists_may_be_repeated_or_separated() {
        let flags = run("bottle run --allow a.b,c.d --allow e.f").launch.flags();
        assert_eq!(flags.allow, ["a.b", "c.d", "e.f"]);
    }

    #[test]
    fn debug_hides_the_values_of_variables() {
        let args = run("bottle run --env A=b=c --env TOKEN").launch.policy;
        assert_eq!(format!("{:?}", args.env), "[A, TOKEN]");
        assert_eq!(args.flags().env, ["A=b=c", "TOKEN"]);
    }

    #[test]
    fn every_mode_and_guarantee_can_be_named() {
        for name in MODES {
            let args = run(&format!("bottle run --workspace-mode {name}"));
            assert_eq!(args.launch.flags().workspace_mode.as_deref(), Some(name));
        }
        for guarantee in Guarantee::ALL {
            let args = run(&format!("bottle run --require {guarantee}"));
            assert_eq!(args.launch.flags().require, [guarantee.as_str()]);
        }
    }
}
