//! `bottle trust`: whether a project's file may widen what a bottle may do.

use std::path::Path;

use bottle_config::{Config, Flags, Trust, TrustMode, TrustStore};

use super::End;
use crate::{
    args::TrustArgs,
    context::Context,
    output::{Code, Failure},
};

pub(super) fn run(cx: &Context, args: &TrustArgs) -> Result<End, Failure> {
    let mut loader = cx.loader(Flags::default(), TrustMode::Report)?;
    if let Some(path) = &args.path {
        loader.cwd = folder_of(&loader.cwd, path)?;
    }
    let store = TrustStore::new(loader.dirs.trust());
    let config = loader.load(&cx.registry, &cx.presets)?;
    let Some(project) = config.project() else {
        return Err(Failure::new(format!(
            "there is no `bottle.toml` in `{}` or above it",
            loader.cwd.display()
        ))
        .hint("`bottle init --project` writes one; your own configuration needs no trust"));
    };
    let path = &project.path;
    if args.show {
        show(cx, &config);
        let trusted =
            config.widenings().is_empty() || matches!(config.trust(), Some(Trust::Trusted));
        return Ok(End::Code(if trusted { Code::SUCCESS } else { Code::CHECK }));
    }
    let failed = |error: std::io::Error| {
        Failure::because(
            format!("cannot change the trust in `{}`", path.display()),
            &error,
        )
    };
    let said = if args.revoke {
        let had = store.revoke(path).map_err(failed)?;
        if had {
            "no longer trusted"
        } else {
            "was not trusted"
        }
    } else {
        show(cx, &config);
        store.grant(project).map_err(failed)?;
        "trusted, as it is now"
    };
    if cx.printer.json() {
        cx.printer
            .document(&serde_json::json!({ "path": path, "result": said }));
    } else {
        cx.printer.line(format_args!("{}: {said}", path.display()));
    }
    Ok(End::SUCCESS)
}

/// The search for the file begins in the folder that was named, or in which the file is.
fn folder_of(cwd: &Path, path: &Path) -> Result<std::path::PathBuf, Failure> {
    let path = cwd.join(path);
    let found = path
        .canonicalize()
        .map_err(|error| Failure::because(format!("cannot find `{}`", path.display()), &error))?;
    if found.is_dir() {
        return Ok(found);
    }
    match (found.file_name(), found.parent()) {
        (Some(name), Some(folder)) if name == "bottle.toml" => Ok(folder.to_owned()),
        _ => Err(
            Failure::new(format!("`{}` is no `bottle.toml`", found.display()))
                .hint("files named by `--config` and your own configuration need no trust"),
        ),
    }
}

fn show(cx: &Context, config: &Config) {
    if cx.printer.json() {
        return;
    }
    let widenings = config.widenings();
    if widenings.is_empty() {
        cx.printer.note("it widens nothing, so it needs no trust");
        return;
    }
    cx.printer.note("what it widens:");
    for widening in widenings {
        cx.printer.note(format_args!(
            "  {}  {}: {}",
            widening.source, widening.key, widening.why
        ));
    }
    let state = match config.trust() {
        Some(Trust::Trusted) => "it is trusted",
        Some(Trust::Changed { .. }) => "it was trusted and has changed since",
        Some(Trust::Untrusted) | None => "it is not trusted",
    };
    cx.printer.note(state);
}

/// Said by commands that look at an untrusted file without obeying it.
pub(super) fn remind(cx: &Context, config: &Config) {
    if !matches!(config.trust(), Some(Trust::Trusted)) {
        cx.printer.warn(
            "the project's `bottle.toml` widens what a bottle may do and is not trusted; \
             `bottle trust --show` shows what, `bottle trust` allows it",
        );
    }
}
