//! `skills`: skill folders.

use std::{collections::BTreeSet, path::PathBuf};

use bottle_api::{
    AgentFiles, AgentPatch, ConfigError, Content, FilePlan, PluginBuild, PluginError,
    ProvisionContext, Provisioner, async_trait, register_provisioner,
};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{order, paths::file_name};

/// What makes a folder a skill.
const MARK: &str = "SKILL.md";

/// The table `[provisioner.skills]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SkillsConfig {
    /// Folders of the host, each with a `SKILL.md`. Each keeps its name inside.
    #[schemars(extend("x-bottle-path" = true, "x-bottle-repository" = true))]
    pub folders: Vec<PathBuf>,
}

/// Copies skill folders to where the agent looks for skills.
#[derive(Clone, Debug)]
pub struct Skills {
    /// Name inside, folder of the host.
    folders: Vec<(String, PathBuf)>,
}

impl PluginBuild<dyn Provisioner> for Skills {
    const NAME: &'static str = "skills";
    const SUMMARY: &'static str = "skill folders for the agent";
    type Config = SkillsConfig;

    fn build(config: SkillsConfig) -> Result<Box<dyn Provisioner>, ConfigError> {
        let mut seen = BTreeSet::new();
        let mut folders = Vec::new();
        for folder in config.folders {
            let name = file_name(&folder, "skill folder")?.to_owned();
            if !seen.insert(name.clone()) {
                return Err(ConfigError::new(format!(
                    "two skill folders are called `{name}`; rename one of them"
                )));
            }
            folders.push((name, folder));
        }
        Ok(Box::new(Self { folders }))
    }
}

#[async_trait]
impl Provisioner for Skills {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    fn after(&self) -> &'static [&'static str] {
        order::before(Self::NAME)
    }
    fn patch(&self, cx: &ProvisionContext<'_>) -> Result<AgentPatch, PluginError> {
        let mut patch = AgentPatch::default();
        if self.folders.is_empty() {
            return Ok(patch);
        }
        let Some(target) = &cx.agent.skills_dir else {
            return Err(PluginError::failed_with_hint(
                format!("agent `{}` has no folder for skills", cx.agent.name),
                format!(
                    "set `skills_dir` in `[agent.{}]`, or take out `[provisioner.skills]`",
                    cx.agent.name
                ),
            ));
        };
        let target = cx.expand_home(target);
        for (name, folder) in &self.folders {
            patch.files.push(FilePlan {
                path: format!("{target}/{name}"),
                mode: 0o755,
                uid: cx.user.uid,
                gid: cx.user.gid,
                content: Content::HostFolder(folder.clone()),
            });
        }
        Ok(patch)
    }
    /// Looks whether each folder is a skill. Planning may not look at the disk, so it is here.
    async fn prepare(
        &self,
        _: &ProvisionContext<'_>,
        _: &dyn AgentFiles,
    ) -> Result<(), PluginError> {
        for (name, folder) in &self.folders {
            let mark = folder.join(MARK);
            let is_file = tokio::fs::metadata(&mark)
                .await
                .is_ok_and(|data| data.is_file());
            if !is_file {
                return Err(PluginError::failed_with_hint(
                    format!("`{}` is no skill: it has no `{MARK}`", folder.display()),
                    format!(
                        "write `{}`, or take `{name}` out of `folders` in `[provisioner.skills]`",
                        mark.display()
                    ),
                ));
            }
        }
        Ok(())
    }
}

register_provisioner!(Skills);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{FakeFiles, Scene, block_on};

    fn skills(folders: &[&str]) -> Result<Box<dyn Provisioner>, ConfigError> {
        let folders = folders.iter().map(PathBuf::from).collect();
        Skills::build(SkillsConfig { folders })
    }

    #[test]
    fn each_folder_keeps_its_name() {
        let mut scene = Scene::default();
        scene.agent.skills_dir = Some("~/.test/skills".into());
        let patch = skills(&["/h/one", "/g/two/"])
            .unwrap()
            .patch(&scene.context())
            .unwrap();
        let pairs: Vec<_> = patch
            .files
            .iter()
            .map(|f| (f.path.as_str(), &f.content))
            .collect();
        assert_eq!(
            pairs,
            [
                (
                    "/home/agent/.test/skills/one",
                    &Content::HostFolder("/h/one".into())
                ),
                (
                    "/home/agent/.test/skills/two",
                    &Content::HostFolder("/g/two/".into())
                ),
            ]
        );
        assert!(skills(&["/a/x", "/b/x"]).is_err());
        assert!(skills(&["/"]).is_err());
    }

    #[test]
    fn an_agent_without_skills_is_an_error_and_nothing_is_nothing() {
        let scene = Scene::default();
        assert!(
            skills(&["/h/one"])
                .unwrap()
                .patch(&scene.context())
                .is_err()
        );
        let none = skills(&[]).unwrap();
        assert_eq!(none.patch(&scene.context()).unwrap(), AgentPatch::default());
    }

    #[test]
    fn a_folder_without_its_mark_is_refused() {
        let scene = Scene::default();
        let folder = tempfile::tempdir().unwrap();
        let one = skills(&[folder.path().to_str().unwrap()]).unwrap();
        let files = FakeFiles::default();
        let error = block_on(one.prepare(&scene.context(), &files)).unwrap_err();
        assert!(error.to_string().contains("no `SKILL.md`"), "{error}");
        std::fs::write(folder.path().join("SKILL.md"), "x").unwrap();
        block_on(one.prepare(&scene.context(), &files)).unwrap();
    }
}
