//! `bottle plugins`: what is linked into this binary, what of it is used, and who said so.

mod skeleton;

use bottle_api::{API_VERSION, Registration, Statement, Stdio};
use bottle_config::{Config, Flags, TrustMode};
use serde::Serialize;

use super::End;
use crate::{
    args::{LaunchArgs, PluginsArgs, PluginsCommand},
    context::Context,
    launch::prepare,
    output::{Failure, Table},
};

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Row {
    kind: &'static str,
    name: &'static str,
    package: &'static str,
    version: &'static str,
    api: u32,
    summary: &'static str,
    /// How a launch from here would use it, and who chose it; `None` when it would not.
    used: Option<String>,
}

impl Row {
    fn of<T: ?Sized>(
        kind: &'static str,
        registration: &Registration<T>,
        used: Option<String>,
    ) -> Self {
        Self {
            kind,
            name: registration.name,
            package: registration.origin.package,
            version: registration.origin.version,
            api: registration.api,
            summary: registration.summary,
            used,
        }
    }
}

pub(super) async fn run(cx: &Context, args: PluginsArgs) -> Result<End, Failure> {
    if let Some(PluginsCommand::New(args)) = &args.command {
        return skeleton::write(cx, args);
    }
    // A broken configuration is no reason to hide what this binary has.
    let config = cx
        .loader(Flags::default(), TrustMode::Report)
        .and_then(|loader| Ok(loader.load(&cx.registry, &cx.presets)?));
    let rows = rows(cx, config.as_ref().ok());
    let promises = match (args.guarantees, &config) {
        (false, _) => None,
        (true, Ok(config)) => Some(promises(cx, config).await?),
        (true, Err(_)) => return config.map(|_| End::SUCCESS),
    };
    if cx.printer.json() {
        let mut document = serde_json::json!({ "api": API_VERSION, "plugins": rows });
        if let Some(promises) = promises {
            document["guarantees"] = serde_json::json!(promises);
        }
        cx.printer.document(&document);
        return Ok(End::SUCCESS);
    }
    print(cx, rows);
    if let Some(promises) = promises {
        cx.printer.line(format_args!(""));
        print_promises(cx, promises);
    }
    if let Err(failure) = config {
        let why = failure.summary();
        cx.printer.note(format_args!(
            "what is used is not known: {why}; `bottle config check` tells more"
        ));
    }
    Ok(End::SUCCESS)
}

fn print(cx: &Context, rows: Vec<Row>) {
    let head = ["KIND", "NAME", "CRATE", "VERSION", "API", "USED", "SUMMARY"];
    let mut table = Table::new(head);
    for row in rows {
        table.row([
            row.kind.to_owned(),
            row.name.to_owned(),
            row.package.to_owned(),
            row.version.to_owned(),
            row.api.to_string(),
            row.used.unwrap_or_else(|| "-".to_owned()),
            row.summary.to_owned(),
        ]);
    }
    cx.printer.lines(table.lines(cx.printer.style()));
}

fn print_promises(cx: &Context, promises: Vec<Statement>) {
    let mut table = Table::new(["BY", "GUARANTEE", "GIVEN", "HOW"]);
    for promise in promises {
        let given = if promise.given { "yes" } else { "no" };
        table.row([
            promise.by,
            promise.guarantee.to_string(),
            given.to_owned(),
            promise.how,
        ]);
    }
    cx.printer.lines(table.lines(cx.printer.style()));
}

fn rows(cx: &Context, config: Option<&Config>) -> Vec<Row> {
    let registry = &cx.registry;
    let mut rows = Vec::new();
    for found in registry.backends() {
        let used = config.and_then(|config| backend_use(config, found.name));
        rows.push(Row::of("backend", found, used));
    }
    for found in registry.proxies() {
        let used = config.and_then(|config| proxy_use(config, found.name));
        rows.push(Row::of("proxy", found, used));
    }
    for found in registry.provisioners() {
        let used = config.and_then(|config| provisioner_use(config, found.name));
        rows.push(Row::of("provisioner", found, used));
    }
    rows
}

fn backend_use(config: &Config, name: &str) -> Option<String> {
    match config.backend() {
        None => Some("if the first to answer (default)".to_owned()),
        Some(chosen) => (chosen.value == name).then(|| format!("yes ({})", chosen.source)),
    }
}
fn proxy_use(config: &Config, name: &str) -> Option<String> {
    let chain = config.proxies();
    let places = chain.value.iter().enumerate();
    let places: Vec<String> = places
        .filter(|(_, hop)| *hop == name)
        .map(|(place, _)| format!("hop {}", place + 1))
        .collect();
    (!places.is_empty()).then(|| format!("{} ({})", places.join(", "), chain.source))
}
fn provisioner_use(config: &Config, name: &str) -> Option<String> {
    match config.provisioners() {
        None => Some("yes (default)".to_owned()),
        Some(chosen) => {
            let is_one = chosen.value.iter().any(|one| one == name);
            is_one.then(|| format!("yes ({})", chosen.source))
        }
    }
}

/// What a launch from here would promise, by plugin. Plans one; creates nothing.
async fn promises(cx: &Context, config: &Config) -> Result<Vec<Statement>, Failure> {
    let agent = config.agent().map_or("shell", |agent| agent.value.as_str());
    let args = LaunchArgs {
        agent: Some(agent.to_owned()),
        ..LaunchArgs::default()
    };
    let prepared = prepare(cx, &args, Stdio::default()).await?;
    let mut promises = prepared.plan.guarantees;
    promises.sort_by(|one, other| one.by.cmp(&other.by));
    Ok(promises)
}
