//! A clone or a worktree of the workspace, kept on the host after the session.

use std::path::{Path, PathBuf};

use bottle_api::{HostStep, Mount, PluginError, ProvisionContext};

use super::host_git;

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
                // By git's protocol: a copy of the repository's files would share them by hard
                // links, or take over links and borrowed objects that an agent has put there.
                host_git::from_files(&[
                    "clone",
                    "--quiet",
                    "--no-local",
                    "--",
                    &at.folder,
                    &at.copy,
                ]),
            ),
            step(
                format!("make branch `{}` in the clone", at.branch),
                host_git::offline(&["-C", &at.copy, "switch", "--quiet", "--create", &at.branch]),
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
        host_git::offline(&[
            "-C",
            &at.folder,
            "worktree",
            "add",
            "--quiet",
            "--no-checkout",
            "-b",
            &at.branch,
            "--",
            &at.copy,
        ]),
    );
    // The one file the agent could add to lead git on the host to a configuration of its own.
    let planted = format!("{common}/commondir");
    add.undo = Some(words(&["rm", "-f", "--", &planted]));
    let [borrow, fill, forget] = fill(&at, &own);
    Ok(Checkout {
        steps: vec![
            step(
                format!("look for the repository `{common}` of the worktree"),
                words(&["test", "-d", &common]),
            ),
            step(
                format!("make sure that `{hooks}` is there to be made read-only"),
                words(&["mkdir", "-p", "--", &hooks]),
            ),
            add,
            borrow,
            fill,
            forget,
            step(
                format!("make sure that `{config}` is there to be made read-only"),
                words(&["touch", "--", &config]),
            ),
            step(
                format!("make sure that `{main_config}` is there to be made read-only"),
                words(&["touch", "--", &main_config]),
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

/// Puts the files into the new worktree. Where the repository's configuration holds, its filters
/// would run; so a repository with a configuration of its own, which borrows the objects, does it.
fn fill(at: &Places, own: &str) -> [HostStep; 3] {
    let scratch = format!("{}.git", at.copy);
    let gone = words(&["rm", "-rf", "--", &scratch]);
    let mut borrow = step(
        format!("borrow the objects of `{}`", at.folder),
        host_git::from_files(&[
            "clone",
            "--quiet",
            "--bare",
            "--shared",
            "--single-branch",
            "--no-tags",
            "--branch",
            &at.branch,
            "--",
            &at.folder,
            &scratch,
        ]),
    );
    borrow.undo = Some(gone.clone());
    let index = format!("GIT_INDEX_FILE={own}/index");
    let mut argv = words(&["env", &index]);
    argv.extend(host_git::offline(&[
        "--git-dir",
        &scratch,
        "--work-tree",
        &at.copy,
        "read-tree",
        "--reset",
        "-u",
        "HEAD",
    ]));
    [
        borrow,
        step(format!("put the files into `{}`", at.copy), argv),
        step(format!("remove `{scratch}`"), gone),
    ]
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

fn words(argv: &[&str]) -> Vec<String> {
    argv.iter().map(|&word| word.to_owned()).collect()
}

fn step(label: String, argv: Vec<String>) -> HostStep {
    HostStep {
        label,
        argv,
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
#[path = "checkout_tests.rs"]
mod tests;
