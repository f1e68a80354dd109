//! `bottle trust`: whether a project's file may widen what a bottle may do.

use std::path::{Path, PathBuf};

use bottle_config::{Config, Flags, PROJECT_FILE, Trust, TrustMode, TrustStore};

use super::End;
use crate::{
    args::TrustArgs,
    context::Context,
    output::{Code, Failure},
};

pub(super) fn run(cx: &Context, args: &TrustArgs) -> Result<End, Failure> {
    let mut loader = cx.loader(Flags::default(), TrustMode::Report)?;
    if let Some(path) = &args.path {
        loader.project = Some(file_of(&loader.cwd, path)?);
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

/// The file that was named, or the one in the folder that was named.
fn file_of(cwd: &Path, path: &Path) -> Result<PathBuf, Failure> {
    let path = cwd.join(path);
    let path = if path.is_dir() {
        path.join(PROJECT_FILE)
    } else {
        path
    };
    path.canonicalize()
        .map_err(|error| Failure::because(format!("cannot find `{}`", path.display()), &error))
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
