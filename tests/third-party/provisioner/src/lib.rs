//! Tells whoever opens a shell in the bottle what it may reach.

// [docs: imports]
use bottle_api::{
    AgentFiles, AgentPatch, ConfigError, Content, FilePlan, PluginBuild, PluginError,
    ProvisionContext, Provisioner, PutFile, async_trait, register_provisioner,
};
use schemars::JsonSchema;
use serde::Deserialize;
// [docs: end]

/// Where the greeting is.
const GREETING: &str = "/etc/bottle/greeting";
/// What every interactive shell reads.
const SHELL: &str = "/etc/bash.bashrc";

// [docs: config]
/// The table `[provisioner.greeting]`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GreetingConfig {
    /// The line above the hosts.
    pub text: String,
}
impl Default for GreetingConfig {
    fn default() -> Self {
        Self {
            text: "What this bottle reaches:".into(),
        }
    }
}

/// The plugin.
#[derive(Clone, Debug)]
pub struct Greeting {
    config: GreetingConfig,
}

impl PluginBuild<dyn Provisioner> for Greeting {
    const NAME: &'static str = "greeting";
    const SUMMARY: &'static str = "tells the agent's shell what it may reach";
    type Config = GreetingConfig;

    fn build(config: GreetingConfig) -> Result<Box<dyn Provisioner>, ConfigError> {
        if config.text.contains('\0') {
            return Err(ConfigError::new("`text` must be text"));
        }
        Ok(Box::new(Self { config }))
    }
}

register_provisioner!(Greeting);
// [docs: end]

// [docs: patch]
#[async_trait]
impl Provisioner for Greeting {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    fn after(&self) -> &'static [&'static str] {
        &["user"]
    }
    fn patch(&self, cx: &ProvisionContext<'_>) -> Result<AgentPatch, PluginError> {
        let mut patch = AgentPatch::default();
        patch.files.push(FilePlan {
            path: GREETING.into(),
            mode: 0o644,
            uid: 0,
            gid: 0,
            content: Content::Text(self.greeting(cx)),
        });
        Ok(patch)
    }
    // [docs: end]
    // [docs: prepare]
    async fn prepare(
        &self,
        _: &ProvisionContext<'_>,
        agent: &dyn AgentFiles,
    ) -> Result<(), PluginError> {
        // What is read here is the image's own, which the plan cannot know.
        let mut bytes = agent.read(SHELL).await?.unwrap_or_default();
        let line = format!("cat {GREETING}\n");
        if bytes.ends_with(line.as_bytes()) {
            return Ok(());
        }
        if !bytes.is_empty() && !bytes.ends_with(b"\n") {
            bytes.push(b'\n');
        }
        bytes.extend(line.into_bytes());
        agent
            .put(vec![PutFile {
                path: SHELL.into(),
                mode: 0o644,
                uid: 0,
                gid: 0,
                bytes,
            }])
            .await?;
        Ok(())
    }
    // [docs: end]
}

impl Greeting {
    fn greeting(&self, cx: &ProvisionContext<'_>) -> String {
        let mut text = format!("{}\n", self.config.text);
        match cx.chain {
            None => text += "  nothing\n",
            Some(_) => {
                for rule in &cx.policy.allow {
                    text += &format!("  {}\n", rule.host);
                }
            }
        }
        text
    }
}
