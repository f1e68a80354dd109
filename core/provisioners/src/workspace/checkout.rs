//! A clone or a worktree of the workspace, kept on the host after the session.

use std::path::{Path, PathBuf};

use bottle_api::{HostStep, Mount, PluginError, ProvisionContext};

/// A working copy of the session's own: what makes it, and what of it is seen inside.
#[derive(Debug)]
pub(super) struct Checkout {
    pub(super) steps: Vec<HostStep>,
    pub(super) mounts: Vec<Mount>,
}

/// Where things are, as text: git's command line and the mounts need it.
struct Places {
    folder: String,
    copy: String,
    branch: String,
    name: String,
}

impl Places {
    fn new(cx: &ProvisionContext<'_>) -> Result<Self, PluginError> {
        let name = format!("{}-{}", cx.bottle, cx.session);
        let branch = match &cx.workspace.branch {
            Some(branch) => branch.clone(),
            None => format!("bottle/{name}"),
        };
        if branch.starts_with('-') {
            return Err(PluginError::failed_with_hint(
                format!("`{branch}` cannot be the name of a branch: it begins with a hyphen"),
                "set `branch` in `[workspace]` to another name",
            ));
        }
        Ok(Self {
            folder: text(&cx.workspace.folder)?,
            copy: text(&cx.workspace.keep.join(&name))?,
            branch,
            name,
        })
    }
}

/// A clone that shares no file with the workspace, on a new branch.
pub(super) fn clone(cx: &ProvisionContext<'_>) -> Result<Checkout, PluginError> {
    let at = Places::new(cx)?;
    Ok(Checkout {
        steps: vec![
            step(
                format!("clone `{}`", at.folder),
                // A hard link would let the agent write into the workspace's own object files.
                &[
                    "git",
                    "clone",
                    "--quiet",
                    "--no-hardlinks",
                    "--",
                    &at.folder,
                    &at.copy,
                ],
            ),
            step(
                format!("make branch `{}` in the clone", at.branch),
                &[
                    "git", "-C", &at.copy, "switch", "--quiet", "--create", &at.branch,
                ],
            ),
        ],
        mounts: vec![bind(&at.copy, &cx.workspace.target, false)],
    })
}

/// A worktree on a new branch, and the repository that git needs for it.
///
/// A worktree has no repository of its own: git follows the absolute path in its `.git` file to
/// that of the workspace, which is therefore seen inside at the same path. What would run on the
/// host the next time somebody uses git there is read-only: configuration, hooks, and what leads
/// git to them. The folder above these cannot be: git makes its locks there.
pub(super) fn worktree(cx: &ProvisionContext<'_>) -> Result<Checkout, PluginError> {
    let at = Places::new(cx)?;
    check_apart(&at.folder, &cx.workspace.target)?;
    let common = format!("{}/.git", at.folder);
    let link = format!("{}/.git", at.copy);
    let own = format!("{common}/worktrees/{}", at.name);
    let hooks = format!("{common}/hooks");
    let config = format!("{own}/config.worktree");
    // The workspace's own, which git reads where `extensions.worktreeConfig` is set.
    let main_config = format!("{common}/config.worktree");
    let same = |path: &str, read_only| bind(path, path, read_only);
    let mut add = step(
        format!(
            "make a worktree of `{}` on branch `{}`",
            at.folder, at.branch
        ),
        &[
            "git",
            "-C",
            &at.folder,
            // An agent in mode `bind` could have left programs here; making a worktree would run
            // them on the host.
            "-c",
            "core.hooksPath=/dev/null",
            "-c",
            "core.fsmonitor=false",
            "worktree",
            "add",
            "--quiet",
            "-b",
            &at.branch,
            "--",
            &at.copy,
        ],
    );
    // The one file the agent could add to lead git on the host to a configuration of its own.
    let planted = format!("{common}/commondir");
    add.undo = Some(["rm", "-f", "--", &planted].map(str::to_owned).into());
    Ok(Checkout {
        steps: vec![
            step(
                format!("look for the repository `{common}` of the worktree"),
                &["test", "-d", &common],
            ),
            step(
                format!("make sure that `{hooks}` is there to be made read-only"),
                &["mkdir", "-p", "--", &hooks],
            ),
            add,
            step(
                format!("make sure that `{config}` is there to be made read-only"),
                &["touch", "--", &config],
            ),
            step(
                format!("make sure that `{main_config}` is there to be made read-only"),
                &["touch", "--", &main_config],
            ),
        ],
        mounts: vec![
            bind(&at.copy, &cx.workspace.target, false),
            bind(&link, &format!("{}/.git", cx.workspace.target), true),
            // At its own path too: else git inside takes the worktree for one whose folder is
            // gone, and `git worktree prune` forgets it.
            same(&at.copy, false),
            same(&link, true),
            same(&common, false),
            same(&format!("{common}/config"), true),
            same(&main_config, true),
            same(&hooks, true),
            same(&format!("{common}/worktrees"), true),
            same(&own, false),
            same(&format!("{own}/commondir"), true),
            same(&config, true),
        ],
    })
}

fn check_apart(folder: &str, target: &str) -> Result<(), PluginError> {
    let (folder, target) = (Path::new(folder), Path::new(target));
    if !target.starts_with(folder) && !folder.starts_with(target) {
        return Ok(());
    }
    Err(PluginError::failed_with_hint(
        format!(
            "a worktree cannot be at `{}` inside, because the repository `{}/.git` is seen there \
             at its own path",
            target.display(),
            folder.display()
        ),
        "set `target` in `[workspace]` to another path, such as `/workspace`",
    ))
}

fn step(label: String, argv: &[&str]) -> HostStep {
    HostStep {
        label,
        argv: argv.iter().map(|&word| word.to_owned()).collect(),
        // The result is what the user wanted; it stays.
        undo: None,
    }
}

fn bind(source: &str, target: &str, read_only: bool) -> Mount {
    Mount::Bind {
        source: PathBuf::from(source),
        target: target.to_owned(),
        read_only,
    }
}

fn text(path: &Path) -> Result<String, PluginError> {
    path.to_str().map(str::to_owned).ok_or_else(|| {
        PluginError::failed_with_hint(
            format!("the path `{}` is not UTF-8", path.display()),
            "choose workspace mode `bind` or `copy`, or another folder",
        )
    })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use bottle_api::WorkspaceMode;

    use super::*;
    use crate::testing::Scene;

    fn run(argv: &[String]) {
        let output = Command::new(&argv[0]).args(&argv[1..]).output().unwrap();
        assert!(output.status.success(), "{argv:?}: {output:?}");
    }

    #[test]
    fn making_a_worktree_runs_no_program_of_the_repository() {
        let folder = tempfile::tempdir().unwrap();
        let repository = folder.path().join("repository");
        let git = |rest: &[&str]| {
            let mut argv = vec!["git".to_owned(), "-C".to_owned()];
            argv.push(repository.display().to_string());
            argv.extend(["-c", "user.name=a", "-c", "user.email=a@b.c"].map(str::to_owned));
            argv.extend(rest.iter().map(|&word| word.to_owned()));
            run(&argv);
        };
        std::fs::create_dir(&repository).unwrap();
        git(&["init", "--quiet"]);
        git(&["commit", "--quiet", "--allow-empty", "-m", "first"]);
        let ran = folder.path().join("ran");
        let program = repository.join(".git/hooks/post-checkout");
        std::fs::write(&program, format!("#!/bin/sh\ntouch {}\n", ran.display())).unwrap();
        run(&["chmod".into(), "0755".into(), program.display().to_string()]);
        git(&["config", "core.fsmonitor", &program.display().to_string()]);
        let mut scene = Scene::default();
        scene.workspace.mode = WorkspaceMode::Worktree;
        scene.workspace.folder = repository.clone();
        scene.workspace.keep = folder.path().join("keep");
        let checkout = worktree(&scene.context()).unwrap();
        for step in &checkout.steps {
            run(&step.argv);
        }
        assert!(repository.join(".git/config.worktree").is_file());
        assert!(!ran.exists(), "the repository's program ran on the host");
        // It would have run: the test can fail.
        git(&["checkout", "--quiet", "-b", "other"]);
        assert!(ran.exists());
    }
}
