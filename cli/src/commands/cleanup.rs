//! `bottle cleanup`: what dead sessions left, shown and removed.

use std::{collections::BTreeSet, sync::Arc};

use bottle_api::{Backend, ResourceKind};
use bottle_config::{Flags, TrustMode};
use bottle_engine::{CleanOptions, Debris, SessionStore, clean};
use serde_json::{Value, json};

use super::End;
use crate::{
    args::CleanupArgs,
    context::Context,
    launch::{backends_of_the_dead, choose},
    output::{Code, Failure},
};

pub(super) async fn run(cx: &Context, args: &CleanupArgs) -> Result<End, Failure> {
    let store = Context::store()?;
    let mut options = CleanOptions::default();
    options.dry_run = args.dry_run;
    options.foreign = args.all_instances;
    let mut found = vec![];
    let mut images = vec![];
    for backend in backends(cx, &store).await? {
        let name = backend.name();
        let report = clean(&*backend, &store, &options).await?;
        found.extend(report.debris.into_iter().map(|debris| (name, debris)));
        if args.images {
            let removed = backend.prune_images(args.dry_run).await?;
            images.extend(removed.into_iter().map(|image| (name, image)));
        }
    }
    if cx.printer.json() {
        cx.printer.document(&document(args, &found, &images));
    } else {
        show(cx, args, &found, &images);
    }
    let failed = found.iter().any(|(_, debris)| !debris.failed.is_empty());
    Ok(End::Code(if failed { Code::OURS } else { Code::SUCCESS }))
}

/// The engine in use, and those that dead sessions ran on.
async fn backends(cx: &Context, store: &SessionStore) -> Result<Vec<Arc<dyn Backend>>, Failure> {
    let mut backends = backends_of_the_dead(cx, store);
    // A configuration that is broken, or asks for more than it may, does not keep the debris
    // of earlier launches from being removed.
    let loader = cx.loader(Flags::default(), TrustMode::Report);
    let config = loader.and_then(|loader| Ok(loader.load(&cx.registry, &cx.presets)?));
    let chosen = match config {
        Ok(config) => choose(cx, &config).await,
        Err(failure) => Err(failure),
    };
    match chosen {
        Ok(found) => backends.push(found.backend),
        Err(failure) if backends.is_empty() => return Err(failure),
        Err(failure) => cx.printer.warn(&failure.summary()),
    }
    // The same engine may be reached in two ways; one of each name and address is enough.
    let mut seen = BTreeSet::new();
    backends.retain(|backend| seen.insert(format!("{backend:?}")));
    Ok(backends)
}

fn show(cx: &Context, args: &CleanupArgs, found: &[(&str, Debris)], images: &[(&str, String)]) {
    let verb = if args.dry_run {
        "would remove"
    } else {
        "removed"
    };
    for (backend, debris) in found {
        cx.printer
            .line(format_args!("session {} on {backend}", debris.session));
        for resource in &debris.resources {
            let kind = kind_name(resource.kind);
            let wrong = debris
                .failed
                .iter()
                .find(|text| text.contains(&resource.name));
            if wrong.is_none() {
                cx.printer
                    .line(format_args!("  {verb} {kind} {}", resource.name));
            }
        }
        if debris.folder {
            cx.printer.line(format_args!("  {verb} its folder"));
        }
        for failed in &debris.failed {
            cx.printer.warn(failed);
        }
    }
    for (backend, image) in images {
        cx.printer
            .line(format_args!("{verb} image {image} on {backend}"));
    }
    if found.is_empty() && images.is_empty() {
        cx.printer.note("nothing to remove");
    }
}

fn document(args: &CleanupArgs, found: &[(&str, Debris)], images: &[(&str, String)]) -> Value {
    let sessions: Vec<Value> = found
        .iter()
        .map(|(backend, debris)| {
            json!({
                "session": debris.session,
                "backend": backend,
                "resources": debris.resources,
                "folder": debris.folder,
                "failed": debris.failed,
            })
        })
        .collect();
    let images: Vec<Value> = images
        .iter()
        .map(|(backend, image)| json!({ "backend": backend, "image": image }))
        .collect();
    json!({ "dry_run": args.dry_run, "sessions": sessions, "images": images })
}

fn kind_name(kind: ResourceKind) -> &'static str {
    match kind {
        ResourceKind::Container => "container",
        ResourceKind::Network => "network",
        ResourceKind::Volume => "volume",
    }
}
