//! `prompt`: a standing instruction.

use std::path::PathBuf;

use bottle_api::{
    AgentPatch, ConfigError, Content, FilePlan, PluginBuild, PluginError, PromptTarget,
    ProvisionContext, Provisioner, async_trait, register_provisioner,
};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::order;

/// Where the text is when the agent takes it by arguments.
const PATH: &str = "/etc/bottle/prompt.md";

/// The table `[provisioner.prompt]`: `text` or `file`, not both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PromptConfig {
    /// The instruction.
    #[schemars(extend("x-bottle-repository" = true))]
    pub text: Option<String>,
    /// A file of the host that holds it.
    #[schemars(extend("x-bottle-path" = true, "x-bottle-repository" = true))]
    pub file: Option<PathBuf>,
}

/// Gives the agent a standing instruction, where it looks for one: a file it reads by itself, or
/// arguments of its command.
#[derive(Clone, Debug)]
pub struct Prompt {
    content: Option<Content>,
}

impl PluginBuild<dyn Provisioner> for Prompt {
    const NAME: &'static str = "prompt";
    const SUMMARY: &'static str = "a standing instruction for the agent";
    type Config = PromptConfig;

    fn build(config: PromptConfig) -> Result<Box<dyn Provisioner>, ConfigError> {
        let content = match (config.text, config.file) {
            (Some(_), Some(_)) => {
                return Err(ConfigError::new(
                    "`text` and `file` both give the instruction; drop one of the two",
                ));
            }
            (Some(text), None) => Some(Content::Text(text)),
            (None, Some(file)) => Some(Content::HostFile(file)),
            (None, None) => None,
        };
        Ok(Box::new(Self { content }))
    }
}

#[async_trait]
impl Provisioner for Prompt {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    fn after(&self) -> &'static [&'static str] {
        order::before(Self::NAME)
    }
    fn patch(&self, cx: &ProvisionContext<'_>) -> Result<AgentPatch, PluginError> {
        let mut patch = AgentPatch::default();
        let Some(content) = &self.content else {
            return Ok(patch);
        };
        let mut file = FilePlan {
            path: PATH.into(),
            mode: 0o644,
            uid: cx.user.uid,
            gid: cx.user.gid,
            content: content.clone(),
        };
        match &cx.agent.prompt {
            Some(PromptTarget::File(target)) => file.path = cx.expand_home(target),
            Some(PromptTarget::Args(args)) => {
                patch.args = args.iter().map(|arg| arg.replace("{}", PATH)).collect();
            }
            None => {
                return Err(PluginError::failed_with_hint(
                    format!("agent `{}` takes no standing instruction", cx.agent.name),
                    format!(
                        "set `prompt` in `[agent.{}]`, or take out `[provisioner.prompt]`",
                        cx.agent.name
                    ),
                ));
            }
        }
        patch.files.push(file);
        Ok(patch)
    }
}

register_provisioner!(Prompt);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    fn prompt(text: Option<&str>, file: Option<&str>) -> Result<Box<dyn Provisioner>, ConfigError> {
        Prompt::build(PromptConfig {
            text: text.map(str::to_owned),
            file: file.map(PathBuf::from),
        })
    }

    #[test]
    fn into_the_file_the_agent_reads() {
        let mut scene = Scene::default();
        scene.agent.prompt = Some(PromptTarget::File("~/.x/NOTES.md".into()));
        let patch = prompt(Some("be brief"), None)
            .unwrap()
            .patch(&scene.context())
            .unwrap();
        let file = &patch.files[0];
        assert_eq!(
            (file.path.as_str(), file.mode, file.uid),
            ("/home/agent/.x/NOTES.md", 0o644, 1000)
        );
        assert_eq!(file.content, Content::Text("be brief".into()));
        assert!(patch.args.is_empty());
    }

    #[test]
    fn into_the_arguments_of_the_agent() {
        let mut scene = Scene::default();
        scene.agent.prompt = Some(PromptTarget::Args(vec!["--with".into(), "file={}".into()]));
        let patch = prompt(None, Some("/host/p.md"))
            .unwrap()
            .patch(&scene.context())
            .unwrap();
        assert_eq!(patch.args, ["--with", "file=/etc/bottle/prompt.md"]);
        assert_eq!(patch.files[0].path, PATH);
        assert_eq!(
            patch.files[0].content,
            Content::HostFile("/host/p.md".into())
        );
    }

    #[test]
    fn an_agent_without_a_place_for_it_is_an_error_and_nothing_is_nothing() {
        let scene = Scene::default();
        let error = prompt(Some("x"), None)
            .unwrap()
            .patch(&scene.context())
            .unwrap_err();
        assert!(error.to_string().contains("agent `test`"), "{error}");
        let none = prompt(None, None).unwrap();
        assert_eq!(none.patch(&scene.context()).unwrap(), AgentPatch::default());
        assert!(prompt(Some("x"), Some("/y")).is_err());
    }
}
