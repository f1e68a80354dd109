//! Terminal, state folder, engines, debris.

use std::io::{self, IsTerminal};

use bottle_api::{Backend, BackendError, BackendInfo, Statement};
use bottle_config::Config;
use bottle_engine::{CleanOptions, clean};
use futures_util::future::join_all;

use super::check::Report;
use crate::{context::Context, launch::Prepared, output::Failure, terminal};

pub(super) fn terminal(report: &mut Report) {
    let named = [
        ("input", io::stdin().is_terminal()),
        ("output", io::stdout().is_terminal()),
    ];
    let without: Vec<&str> = named
        .iter()
        .filter(|(_, terminal)| !terminal)
        .map(|(name, _)| *name)
        .collect();
    if !without.is_empty() {
        let message = format!("none on {}: agents run without one", without.join(" and "));
        report.ok("terminal", message);
        return;
    }
    let term = std::env::var("TERM").unwrap_or_default();
    match terminal::size() {
        Some(size) => report.ok(
            "terminal",
            format!("`{term}`, {} columns, {} rows", size.cols, size.rows),
        ),
        None => report.warn(
            "terminal",
            format!("`{term}`, which does not know its size"),
        ),
    };
}

pub(super) fn state(report: &mut Report) {
    match Context::store() {
        Ok(store) => {
            report.ok("state", format!("{}", store.root().display()));
        }
        Err(failure) => {
            report
                .fail("state", failure.summary())
                .hint("set `XDG_STATE_HOME` to a folder that you may write to");
        }
    }
}

/// Every backend of this binary. One that does not answer is a failure only when it was chosen,
/// or when none answers.
pub(super) async fn engines(cx: &Context, config: Option<&Config>, report: &mut Report) {
    let chosen = config
        .and_then(|config| config.backend())
        .map(|name| name.value.clone());
    let all: Vec<_> = cx.registry.backends().collect();
    let probes = all.iter().map(|registration| async {
        let built = match config {
            Some(config) => config.build_backend(registration.name, &cx.registry)?,
            None => registration
                .build(&bottle_api::PluginTable::empty())
                .map_err(|error| Failure::of(&error))?,
        };
        Ok::<_, Failure>((built.probe().await, built))
    });
    let answers = join_all(probes).await;
    let any = answers
        .iter()
        .any(|answer| matches!(answer, Ok((Ok(_), _))));
    for (registration, answer) in all.iter().zip(answers) {
        let name = registration.name;
        let needed = chosen.as_deref() == Some(name) || (chosen.is_none() && !any);
        match answer {
            Ok((Ok(info), backend)) => answering(&*backend, &info, report),
            Ok((Err(error), _)) => silent(name, needed, &error, report),
            Err(failure) => {
                report.fail(name, failure.summary());
            }
        }
    }
}

fn silent(name: &str, needed: bool, error: &BackendError, report: &mut Report) {
    let check = if needed {
        report.fail(name, error.to_string())
    } else {
        report.warn(name, error.to_string())
    };
    check.maybe_hint(error.hint());
}

fn answering(backend: &dyn Backend, info: &BackendInfo, report: &mut Report) {
    let name = backend.name();
    let runtimes: Vec<&str> = info.runtimes.iter().map(String::as_str).collect();
    report.ok(
        name,
        format!(
            "{} at {}, runtimes {} (default {})",
            info.engine,
            info.endpoint,
            runtimes.join(", "),
            info.default_runtime
        ),
    );
    for note in &info.notes {
        report.warn(name, note.clone());
    }
    for statement in backend.guarantees(info, info.auto_runtime()) {
        withheld(name, &statement, report);
    }
}

fn withheld(name: &str, statement: &Statement, report: &mut Report) {
    if !statement.given {
        report
            .warn(
                name,
                format!("`{}` is not given: {}", statement.guarantee, statement.how),
            )
            .maybe_hint(statement.remedy.as_deref());
    }
}

pub(super) async fn debris(prepared: &Prepared, report: &mut Report) {
    let mut options = CleanOptions::default();
    options.dry_run = true;
    match clean(&*prepared.backend, &prepared.store, &options).await {
        Ok(found) if found.debris.is_empty() => {
            report.ok("debris", "nothing is left of earlier sessions");
        }
        Ok(found) => {
            let count: usize = found
                .debris
                .iter()
                .map(|debris| debris.resources.len())
                .sum();
            let sessions = found.debris.len();
            report
                .warn(
                    "debris",
                    format!("{count} resources of {sessions} dead sessions"),
                )
                .hint("`bottle cleanup` removes them; so does the next launch");
        }
        Err(error) => {
            report.warn("debris", error.to_string());
        }
    }
}
