//! Sample plugins and presets.

use std::path::PathBuf;

use bottle_api::{
    AgentPatch, AgentSpec, AllowRule, Backend, ConfigError, Delivery, EgressEvent, EnvValue,
    HopContext, HopPlan, ImagePlan, Origin, PluginBuild, PluginError, PromptTarget,
    ProvisionContext, Provisioner, Proxy, Registration, Registry, SecretRef, SecretSpec,
};
use bottle_backend_memory::{Memory, MemoryConfig};
use schemars::JsonSchema;
use serde::Deserialize;

/// A backend with a path and a nested table.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct DockerConfig {
    host: Option<String>,
    #[schemars(extend("x-bottle-path" = true))]
    certificates: Option<PathBuf>,
    registry: RegistryConfig,
}
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct RegistryConfig {
    mirror: Option<String>,
    password: Option<u32>,
}
pub(crate) struct Docker;
impl PluginBuild<dyn Backend> for Docker {
    const NAME: &'static str = "docker";
    const SUMMARY: &'static str = "a sample engine";
    type Config = DockerConfig;
    fn build(config: DockerConfig) -> Result<Box<dyn Backend>, ConfigError> {
        if config.host.as_deref() == Some("nowhere") {
            return Err(ConfigError::new("`host` is no address"));
        }
        let _ = (config.registry.mirror, config.registry.password);
        let runtimes = vec![format!("{:?}", config.certificates)];
        Ok(Box::new(Memory::with_config(MemoryConfig {
            runtimes,
            ..MemoryConfig::default()
        })))
    }
}
pub(crate) struct Other;
impl PluginBuild<dyn Backend> for Other {
    const NAME: &'static str = "other";
    const SUMMARY: &'static str = "another sample engine";
    type Config = DockerConfig;
    fn build(_: DockerConfig) -> Result<Box<dyn Backend>, ConfigError> {
        Ok(Box::new(Memory::default()))
    }
}

macro_rules! proxy {
    ($type:ident, $name:literal) => {
        #[derive(Debug)]
        pub(crate) struct $type(ProxyConfig);
        impl PluginBuild<dyn Proxy> for $type {
            const NAME: &'static str = $name;
            const SUMMARY: &'static str = "a sample proxy";
            type Config = ProxyConfig;
            fn build(config: ProxyConfig) -> Result<Box<dyn Proxy>, ConfigError> {
                Ok(Box::new(Self(config)))
            }
        }
        impl Proxy for $type {
            fn name(&self) -> &'static str {
                $name
            }
            fn chains(&self) -> bool {
                self.0.port != 0
            }
            fn plan(&self, _: &HopContext<'_>) -> Result<HopPlan, PluginError> {
                Err(PluginError::failed("a sample"))
            }
            fn parse_log(&self, _: &str) -> Option<EgressEvent> {
                None
            }
        }
    };
}
/// A proxy with an enum and numbers.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct ProxyConfig {
    image: Option<String>,
    port: u16,
    mode: Mode,
}
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    #[default]
    Strict,
    Balanced,
}
proxy!(Mitmproxy, "mitmproxy");
proxy!(Pipelock, "pipelock");

macro_rules! provisioner {
    ($type:ident, $name:literal) => {
        #[derive(Debug)]
        pub(crate) struct $type(ProvisionerConfig);
        impl PluginBuild<dyn Provisioner> for $type {
            const NAME: &'static str = $name;
            const SUMMARY: &'static str = "a sample provisioner";
            type Config = ProvisionerConfig;
            fn build(config: ProvisionerConfig) -> Result<Box<dyn Provisioner>, ConfigError> {
                Ok(Box::new(Self(config)))
            }
        }
        impl Provisioner for $type {
            fn name(&self) -> &'static str {
                $name
            }
            fn patch(&self, _: &ProvisionContext<'_>) -> Result<AgentPatch, PluginError> {
                Err(PluginError::failed(format!("{:?}", self.0)))
            }
        }
    };
}
/// A proxy without settings.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub(crate) struct Nothing {}
#[derive(Debug)]
pub(crate) struct Plain;
impl PluginBuild<dyn Proxy> for Plain {
    const NAME: &'static str = "plain";
    const SUMMARY: &'static str = "a sample proxy without settings";
    type Config = Nothing;
    fn build(_: Nothing) -> Result<Box<dyn Proxy>, ConfigError> {
        Ok(Box::new(Mitmproxy(ProxyConfig::default())))
    }
}

/// A provisioner that repositories may use.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct ProvisionerConfig {
    #[schemars(extend("x-bottle-repository" = true))]
    text: Option<String>,
    #[schemars(extend("x-bottle-repository" = true, "x-bottle-path" = true))]
    folders: Vec<PathBuf>,
    root: bool,
}
provisioner!(Prompt, "prompt");
provisioner!(Skills, "skills");

const HERE: Origin = Origin {
    package: "samples",
    version: "0",
};
static DOCKER: Registration<dyn Backend> = Registration::<dyn Backend>::of::<Docker>(HERE);
pub(crate) static OTHER: Registration<dyn Backend> = Registration::<dyn Backend>::of::<Other>(HERE);
static MITMPROXY: Registration<dyn Proxy> = Registration::<dyn Proxy>::of::<Mitmproxy>(HERE);
static PLAIN: Registration<dyn Proxy> = Registration::<dyn Proxy>::of::<Plain>(HERE);
static PIPELOCK: Registration<dyn Proxy> = Registration::<dyn Proxy>::of::<Pipelock>(HERE);
static PROMPT: Registration<dyn Provisioner> = Registration::<dyn Provisioner>::of::<Prompt>(HERE);
static SKILLS: Registration<dyn Provisioner> = Registration::<dyn Provisioner>::of::<Skills>(HERE);

pub(crate) fn registry() -> Registry {
    let mut registry = Registry::empty();
    registry.add_backend(&DOCKER).unwrap();
    registry.add_backend(&OTHER).unwrap();
    registry.add_proxy(&MITMPROXY).unwrap();
    registry.add_proxy(&PIPELOCK).unwrap();
    registry.add_proxy(&PLAIN).unwrap();
    registry.add_provisioner(&PROMPT).unwrap();
    registry.add_provisioner(&SKILLS).unwrap();
    registry
}

pub(crate) fn presets() -> Vec<AgentSpec> {
    let preset = |name: &str, host: &str, key: &str| AgentSpec {
        name: name.to_owned(),
        summary: format!("the {name} preset"),
        image: ImagePlan::pull(format!("{name}:1"), format!("agent.{name}.image")),
        command: vec![name.to_owned()],
        replace_command: name == "shell",
        env: [("UPDATES".to_owned(), EnvValue::from("off"))].into(),
        files: vec![],
        allow: vec![AllowRule::host(host.parse().unwrap())],
        login: vec![SecretSpec {
            name: key.to_owned(),
            source: SecretRef::FromEnv(key.to_owned()),
            delivery: Delivery::Inject {
                env: vec![key.to_owned()],
                hosts: vec![host.parse().unwrap()],
                header: "x-api-key".to_owned(),
                format: "{}".to_owned(),
                always: false,
            },
        }],
        prompt: Some(PromptTarget::File(format!("~/.{name}/PROMPT.md"))),
        skills_dir: Some(format!("~/.{name}/skills")),
    };
    vec![
        preset("claude", "api.anthropic.com", "ANTHROPIC_API_KEY"),
        preset("codex", "api.openai.com", "OPENAI_API_KEY"),
        preset("shell", "deb.debian.org", "NO_SUCH_KEY"),
    ]
}
