//! Configuration, trust, logins, and what the default launch would promise.

use bottle_api::SecretRef;
use bottle_config::{Config, Flags, Trust, TrustMode, nothing_to_log_in_with};

use super::check::Report;
use crate::{
    commands::config::build_all,
    context::Context,
    launch::Prepared,
    output::{Failure, guarantee_words},
};

/// `None` when it cannot be read at all.
pub(super) fn configuration(cx: &Context, flags: Flags, report: &mut Report) -> Option<Config> {
    let loaded = cx
        .loader(flags, TrustMode::Report)
        .and_then(|loader| Ok(loader.load(&cx.registry, &cx.presets)?));
    let config = match loaded {
        Ok(config) => config,
        Err(failure) => {
            broken(&failure, report);
            return None;
        }
    };
    if let Err(failure) = build_all(cx, &config) {
        broken(&failure, report);
    } else {
        let files: Vec<String> = config
            .files()
            .iter()
            .map(|file| file.path.display().to_string())
            .collect();
        let message = if files.is_empty() {
            "no file, everything is at its default".to_owned()
        } else {
            files.join(", ")
        };
        report.ok("config", message);
    }
    trust(&config, report);
    Some(config)
}

fn broken(failure: &Failure, report: &mut Report) {
    report
        .fail("config", failure.summary())
        .hint("`bottle config check` shows the place");
}

fn trust(config: &Config, report: &mut Report) {
    let Some(project) = config.project() else {
        return;
    };
    let path = project.path.display();
    let count = config.widenings().len();
    if count == 0 {
        report.ok("trust", format!("{path} widens nothing"));
        return;
    }
    let wrong = match config.trust() {
        Some(Trust::Trusted) => {
            report.ok("trust", format!("{path} is trusted"));
            return;
        }
        Some(Trust::Changed { .. }) => format!("{path} changed since it was trusted"),
        Some(Trust::Untrusted) | None => {
            format!("{path} widens the policy in {count} places and is not trusted")
        }
    };
    report
        .fail("trust", wrong)
        .hint("`bottle trust --show` shows what it widens, `bottle trust` allows it");
}

/// Whether the agent that would run could log in.
pub(super) fn logins(config: &Config, report: &mut Report) {
    let Some(name) = config.agent() else {
        return;
    };
    let Some((agent, _)) = config.agents().find(|(agent, _)| agent.name == name.value) else {
        return;
    };
    if agent.login.is_empty() {
        return;
    }
    let there = |source: &SecretRef| match source {
        SecretRef::FromEnv(name) => std::env::var_os(name).is_some_and(|value| !value.is_empty()),
        SecretRef::FromFile(path) | SecretRef::FromEnvFile { path, .. } => path.exists(),
        SecretRef::FromCommand(_) | SecretRef::Prompt(_) | SecretRef::Session(_) => true,
    };
    if let Some(login) = agent.login.iter().find(|login| there(&login.source)) {
        report.ok("login", format!("`{}` uses {}", agent.name, login.source));
        return;
    }
    let warning = nothing_to_log_in_with(agent);
    report
        .warn("login", warning.message())
        .maybe_hint(warning.help_text());
}

pub(super) fn plan(prepared: &Prepared, report: &mut Report) {
    let plan = &prepared.plan;
    let chain: Vec<&str> = plan
        .sidecars
        .iter()
        .rev()
        .map(|hop| hop.proxy.as_str())
        .collect();
    let chain = if chain.is_empty() {
        "no network".to_owned()
    } else {
        chain.join(" > ")
    };
    report.ok(
        "plan",
        format!(
            "`{}` behind {chain}; guarantees {}",
            prepared.spec.agent.name,
            guarantee_words(&plan.guarantees)
        ),
    );
}
