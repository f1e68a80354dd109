//! The provisioner.

use bottle_api::{
    AgentPatch, ConfigError, Content, Derive, FilePlan, Mount, PluginBuild, PluginError,
    ProvisionContext, Provisioner, WorkspaceMode, async_trait, register_provisioner,
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::checkout::{self, Checkout};
use crate::order;

/// The table `[provisioner.workspace]`. What there is to choose is in `[workspace]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WorkspaceConfig {}

/// Brings the working folder in, by its mode:
///
/// * `bind`: the folder itself, writable. The agent can change everything in it, `.git`
///   included: hooks and configuration it writes there run when git is next used in that folder
///   on the host.
/// * `copy`: baked into a derived image; nothing comes back.
/// * `clone`: a git clone on a new branch, kept on the host. Its `.git` belongs to the agent, so
///   fetch from it rather than use git in it. What is not committed is not in it.
/// * `worktree`: a git worktree on a new branch, kept on the host. The agent can read the whole
///   history of the repository, and write its objects, branches and tags, those of submodules
///   included; not its configuration, its hooks and the other worktrees. What it adds to lead
///   git astray (`.git/commondir`) is removed at the end; use git in the repository while the
///   agent runs only if you would let it have the folder itself. The new folder's content is
///   the agent's: look at its branch from your own.
/// * `none`: an empty folder.
///
/// Clones and worktrees are named `BOTTLE-SESSION`, as is their branch unless one is set. Making
/// one runs no program that the repository names: no hook, no filter of its configuration. A
/// filter of the user's own git configuration does run.
#[derive(Clone, Copy, Debug)]
pub struct Workspace;

impl PluginBuild<dyn Provisioner> for Workspace {
    const NAME: &'static str = "workspace";
    const SUMMARY: &'static str = "the working folder: bound, copied, cloned, a worktree, or none";
    type Config = WorkspaceConfig;

    fn build(_: WorkspaceConfig) -> Result<Box<dyn Provisioner>, ConfigError> {
        Ok(Box::new(Self))
    }
}

#[async_trait]
impl Provisioner for Workspace {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    fn after(&self) -> &'static [&'static str] {
        order::before(Self::NAME)
    }
    fn patch(&self, cx: &ProvisionContext<'_>) -> Result<AgentPatch, PluginError> {
        let (workspace, user) = (cx.workspace, cx.user);
        let mut patch = AgentPatch::default();
        patch.workdir = Some(workspace.target.clone());
        match workspace.mode {
            WorkspaceMode::Bind => patch.mounts.push(Mount::Bind {
                source: workspace.folder.clone(),
                target: workspace.target.clone(),
                read_only: false,
            }),
            WorkspaceMode::Copy => {
                patch.derive = Some(Derive {
                    folder: workspace.folder.clone(),
                    target: workspace.target.clone(),
                    uid: user.uid,
                    gid: user.gid,
                    include_git: workspace.include_git,
                    exclude: workspace.exclude.clone(),
                });
                patch.files.push(own_folder(cx));
            }
            WorkspaceMode::Clone => add(&mut patch, checkout::clone(cx)?),
            WorkspaceMode::Worktree => add(&mut patch, checkout::worktree(cx)?),
            WorkspaceMode::None => patch.files.push(own_folder(cx)),
        }
        Ok(patch)
    }
}

/// The folder itself, as the agent's; what is in it stays as it is.
fn own_folder(cx: &ProvisionContext<'_>) -> FilePlan {
    FilePlan {
        path: cx.workspace.target.clone(),
        mode: 0o755,
        uid: cx.user.uid,
        gid: cx.user.gid,
        content: Content::Directory,
    }
}

fn add(patch: &mut AgentPatch, checkout: Checkout) {
    patch.host_steps = checkout.steps;
    patch.mounts = checkout.mounts;
}

register_provisioner!(Workspace);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    fn patch(mode: WorkspaceMode, branch: Option<&str>) -> Result<AgentPatch, PluginError> {
        let mut scene = Scene::default();
        scene.workspace.mode = mode;
        scene.workspace.branch = branch.map(str::to_owned);
        scene.workspace.exclude = vec!["target/".into()];
        Workspace.patch(&scene.context())
    }

    #[test]
    fn every_mode() {
        for mode in [
            WorkspaceMode::Bind,
            WorkspaceMode::Copy,
            WorkspaceMode::Clone,
            WorkspaceMode::Worktree,
            WorkspaceMode::None,
        ] {
            let patch = patch(mode, None).unwrap();
            insta::assert_debug_snapshot!(format!("{mode:?}").to_lowercase(), patch);
        }
    }

    #[test]
    fn a_worktree_over_its_own_repository_is_refused() {
        for target in ["/host/project", "/host/project/sub", "/host"] {
            let mut scene = Scene::default();
            scene.workspace.mode = WorkspaceMode::Worktree;
            scene.workspace.target = target.into();
            let error = Workspace.patch(&scene.context()).unwrap_err();
            assert!(error.hint().unwrap().contains("target"), "{error}");
        }
    }

    #[test]
    fn a_branch_of_the_users_choice() {
        let patch_ = patch(WorkspaceMode::Worktree, Some("topic")).unwrap();
        let argv = &patch_.host_steps[2].argv;
        assert!(
            argv.windows(2).any(|pair| pair == ["-b", "topic"]),
            "{argv:?}"
        );
        assert!(patch(WorkspaceMode::Clone, Some("--upload-pack=x")).is_err());
    }
}
