//! The working folder and its owner.

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use bottle_api::{AgentUser, WorkspaceMode, WorkspaceSpec};

use crate::{
    config::Config,
    defaults,
    diagnostic::{Diagnostic, Sink},
    source::{Located, Source},
};

/// The folder, absolute and there.
pub(super) fn resolve(config: &Config, sink: &Sink) -> WorkspaceSpec {
    let set = &config.sections.workspace;
    let mode = set.mode.clone().unwrap_or_default();
    let asked = set.path.clone().unwrap_or_else(|| {
        let folder = config.origin.folder.clone();
        Located::default_value(folder.unwrap_or_else(|| config.origin.cwd.clone()))
    });
    let folder = match mode.value {
        WorkspaceMode::None => asked.value.clone(),
        _ => real(&asked, sink),
    };
    match mode.value {
        WorkspaceMode::Bind => not_ours(config, &folder, &asked.source, sink),
        WorkspaceMode::Clone | WorkspaceMode::Worktree if folder.is_dir() => {
            repository(&folder, &mode, sink);
        }
        _ => {}
    }
    WorkspaceSpec {
        mode: mode.value,
        folder,
        target: text(set.target.as_ref()).unwrap_or_else(|| defaults::TARGET.to_owned()),
        include_git: set.include_git.as_ref().is_none_or(|git| git.value),
        exclude: set
            .exclude
            .as_ref()
            .map(|list| list.value.clone())
            .unwrap_or_default(),
        keep: config.origin.dirs.workspaces(),
        branch: text(set.branch.as_ref()),
    }
}

fn text(value: Option<&Located<String>>) -> Option<String> {
    value.map(|value| value.value.clone())
}

fn real(asked: &Located<PathBuf>, sink: &Sink) -> PathBuf {
    let failed = |why: &str| {
        let path = asked.value.display();
        sink.push(
            Diagnostic::error(format!("the working folder `{path}` {why}"))
                .at(&asked.source, "this folder")
                .hint("name a folder that is there: `--workspace PATH`"),
        );
        asked.value.clone()
    };
    match asked.value.canonicalize() {
        Ok(path) if path.is_dir() => path,
        Ok(_) => failed("is not a folder"),
        Err(error) => failed(&format!("cannot be used: {error}")),
    }
}

/// Clones and worktrees are made of a repository. Only looks for its files: git would read a
/// configuration that an agent may have written.
fn repository(folder: &Path, mode: &Located<WorkspaceMode>, sink: &Sink) {
    let path = folder.display();
    let git = folder.join(".git");
    // A clone is made of whatever git takes for a repository: also one without a folder, or one
    // that a `.git` file points to.
    let may_be_elsewhere = mode.value == WorkspaceMode::Clone;
    let bare = folder.join("HEAD").is_file() && folder.join("objects").is_dir();
    let (why, hint) = if git.join("HEAD").symlink_metadata().is_ok() || (may_be_elsewhere && bare) {
        return;
    } else if git.is_file() {
        if may_be_elsewhere {
            return;
        }
        (
            format!("`{path}` is a worktree or a submodule itself: its repository is elsewhere"),
            "use workspace mode `clone`, or name the main folder of the repository: \
             `--workspace PATH`"
                .to_owned(),
        )
    } else if let Some(above) = folder.ancestors().skip(1).find(|p| p.join(".git").exists()) {
        (
            format!("`{path}` is a folder inside a git repository, not one itself"),
            format!(
                "name the repository (`--workspace {}`), or use workspace mode `bind` or `copy`",
                above.display()
            ),
        )
    } else {
        (
            format!("`{path}` is no git repository"),
            "use workspace mode `bind` or `copy`, or run `git init` there and commit".to_owned(),
        )
    };
    sink.push(
        Diagnostic::error(why)
            .at(&mode.source, "this mode needs one")
            .hint(hint),
    );
}

/// An agent that can write our configuration, our record of what is trusted or our sessions
/// decides about its own next bottle.
pub(super) fn not_ours(config: &Config, folder: &Path, source: &Source, sink: &Sink) {
    let Some(own) = config.origin.dirs.inside(folder) else {
        return;
    };
    sink.push(
        Diagnostic::error(format!(
            "`{}` would be writable for the agent, and bottle keeps its own files there (`{}`)",
            folder.display(),
            own.display()
        ))
        .at(source, "this folder")
        .hint("work in a folder below it, or in a copy: `--workspace-mode copy`"),
    );
}

/// Who the agent is: the owner of what it works on.
pub(super) fn user(config: &Config, workspace: &WorkspaceSpec) -> AgentUser {
    let plain = AgentUser::default();
    let owner = || {
        let about = std::fs::metadata(&workspace.folder).ok();
        about.map_or((plain.uid, plain.gid), |about| (about.uid(), about.gid()))
    };
    let (uid, gid) = match workspace.mode {
        // The agent sees files of the host, and writes some.
        WorkspaceMode::Bind => owner(),
        // We make those files ourselves.
        WorkspaceMode::Clone | WorkspaceMode::Worktree => (config.origin.uid, config.origin.gid),
        // Its own files: never root.
        WorkspaceMode::Copy => match owner() {
            (0, _) => (plain.uid, plain.gid),
            owner => owner,
        },
        WorkspaceMode::None => (plain.uid, plain.gid),
    };
    if uid == 0 {
        return AgentUser {
            name: "root".to_owned(),
            uid,
            gid,
            home: "/root".to_owned(),
        };
    }
    AgentUser { uid, gid, ..plain }
}
