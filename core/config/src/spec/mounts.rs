//! Mounts that the user granted, checked against the host.

use bottle_api::{Mount, WorkspaceMode, WorkspaceSpec};

use super::workspace::not_ours;
use crate::{
    config::Config,
    diagnostic::{Diagnostic, Sink},
    section::refused_mount,
};

/// The mounts with real paths. A source that is not there is an error: an engine would make an
/// empty folder of root's in its place.
pub(super) fn resolve(config: &Config, workspace: &WorkspaceSpec, sink: &Sink) -> Vec<Mount> {
    let mut all = Vec::new();
    for mount in &config.sections.mount {
        let Mount::Bind {
            source,
            target,
            read_only,
        } = &mount.value
        else {
            continue;
        };
        let failed = |why: &str, hint: &str| {
            let path = source.display();
            let error = Diagnostic::error(format!("`{path}` cannot be mounted: {why}"));
            sink.push(error.at(&mount.source, "this mount").hint(hint));
        };
        let real = match source.canonicalize() {
            Ok(real) => real,
            Err(error) => {
                failed(&error.to_string(), "name a file or folder that is there");
                continue;
            }
        };
        if let Some(why) = refused_mount(&real) {
            failed(why, "mount the folder that is really needed");
            continue;
        }
        if *target == workspace.target && workspace.mode != WorkspaceMode::None {
            failed("the working folder is there", "choose another target");
            continue;
        }
        if !read_only {
            not_ours(config, &real, &mount.source, sink);
        }
        all.push(Mount::Bind {
            source: real,
            target: target.clone(),
            read_only: *read_only,
        });
    }
    all
}
