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

/// A worktree on a new branch, and the parts of the repository that git needs for it.
///
/// A worktree has no repository of its own: git follows the absolute path in its `.git` file to
/// that of the workspace, which is therefore seen inside at the same path. What would run on the
/// host the next time somebody uses git there is read-only: the configuration, the hooks, the
/// other worktrees, and the `.git` file itself.
pub(super) fn worktree(cx: &ProvisionContext<'_>) -> Result<Checkout, PluginError> {
    let at = Places::new(cx)?;
    let target = Path::new(&cx.workspace.target);
    if target.starts_with(&at.folder) || Path::new(&at.folder).starts_with(target) {
        return Err(PluginError::failed_with_hint(
            format!(
                "a worktree cannot be at `{}` inside, because the repository `{}/.git` is seen \
                 there at its own path",
                cx.workspace.target, at.folder
            ),
            "set `target` in `[workspace]` to another path, such as `/workspace`",
        ));
    }
    let common = format!("{}/.git", at.folder);
    let link = format!("{}/.git", at.copy);
    let same = |part: &str, read_only| {
        let path = format!("{common}{part}");
        bind(&path, &path, read_only)
    };
    Ok(Checkout {
        steps: vec![
            step(
                format!("look for the repository `{common}` of the worktree"),
                &["test", "-d", &common],
            ),
            step(
                format!("make sure that `{common}/hooks` can be made read-only"),
                &["mkdir", "-p", "--", &format!("{common}/hooks")],
            ),
            step(
                format!(
                    "make a worktree of `{}` on branch `{}`",
                    at.folder, at.branch
                ),
                &[
                    "git", "-C", &at.folder, "worktree", "add", "--quiet", "-b", &at.branch, "--",
                    &at.copy,
                ],
            ),
        ],
        mounts: vec![
            bind(&at.copy, &cx.workspace.target, false),
            bind(&link, &format!("{}/.git", cx.workspace.target), true),
            // At its own path too: else git inside takes the worktree for one whose folder is
            // gone, and `git worktree prune` forgets it.
            bind(&at.copy, &at.copy, false),
            bind(&link, &link, true),
            same("", false),
            same("/config", true),
            same("/hooks", true),
            same("/worktrees", true),
            same(&format!("/worktrees/{}", at.name), false),
        ],
    })
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
