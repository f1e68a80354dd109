//! `bottle config`: what is configured, and whether it makes sense.

use bottle_api::Stdio;
use bottle_config::{Config, Flags, SpecRequest, TrustMode, schema};

use super::End;
use crate::{args::ConfigCommand, context::Context, output::Failure};

pub(super) fn run(cx: &Context, command: ConfigCommand) -> Result<End, Failure> {
    match command {
        ConfigCommand::Check(args) => check(cx, args.flags()),
        ConfigCommand::Show(args) => show(cx, args.flags()),
        ConfigCommand::Schema => {
            cx.printer.document(&schema(&cx.registry, &cx.presets));
            Ok(End::SUCCESS)
        }
    }
}

/// Everything that a launch would read and build, short of an engine.
fn check(cx: &Context, flags: Flags) -> Result<End, Failure> {
    let config = cx.loader(flags, TrustMode::Report)?;
    let config = config.load(&cx.registry, &cx.presets)?;
    build_all(cx, &config)?;
    let files: Vec<_> = config.files().iter().collect();
    if cx.printer.json() {
        let paths: Vec<_> = files.iter().map(|file| &file.path).collect();
        cx.printer
            .document(&serde_json::json!({ "ok": true, "files": paths }));
        return Ok(End::SUCCESS);
    }
    if files.is_empty() {
        cx.printer.line("ok: no file, everything is at its default");
    }
    for file in files {
        cx.printer.line(format_args!("ok: {}", file.path.display()));
    }
    if !config.widenings().is_empty() {
        super::trust::remind(cx, &config);
    }
    Ok(End::SUCCESS)
}

/// Builds every plugin that is configured; each checks its own table.
pub(super) fn build_all(cx: &Context, config: &Config) -> Result<(), Failure> {
    if config.agent().is_some() {
        let spec = config.spec(&SpecRequest {
            args: vec![],
            stdio: Stdio::default(),
        })?;
        for warning in config.warnings(&spec) {
            cx.printer.diagnostic(&warning);
        }
    }
    for backend in cx.registry.backends() {
        config.build_backend(backend.name, &cx.registry)?;
    }
    config.build_proxies(&cx.registry)?;
    config.build_provisioners(&cx.registry)?;
    Ok(())
}

fn show(cx: &Context, flags: Flags) -> Result<End, Failure> {
    let loader = cx.loader(flags, TrustMode::Report)?;
    let config = loader.load(&cx.registry, &cx.presets)?;
    let shown = config.show();
    if cx.printer.json() {
        cx.printer.document(&shown);
    } else {
        cx.printer.line(shown.to_string().trim_end());
    }
    if !config.widenings().is_empty() {
        super::trust::remind(cx, &config);
    }
    Ok(End::SUCCESS)
}
