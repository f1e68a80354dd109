//! The provisioner.

use bottle_api::{
    AgentFiles, AgentPatch, CaPart, ConfigError, Content, FilePlan, PluginBuild, PluginError,
    ProvisionContext, Provisioner, async_trait, register_provisioner,
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{BUNDLE, CERTIFICATE, TRUSTSTORE, environment::environment, store};
use crate::order;

/// The table `[provisioner.ca]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CaConfig {
    /// Set `JAVA_TOOL_OPTIONS`, so that Java uses the proxy and trusts the session's CA. Every
    /// Java program then prints a line about it on its standard error.
    pub java: bool,
    /// Add the session's CA to the image's own certificate store too, for programs that look at
    /// no variable.
    pub system_store: bool,
}
impl Default for CaConfig {
    fn default() -> Self {
        Self {
            java: true,
            system_store: true,
        }
    }
}

/// Points every usual program at the chain, and makes it trust the session's CA.
///
/// The variables are a convenience: the only route out is the chain, whether a program knows it
/// or not. Without a hop that ends TLS only the proxy is named; without a chain nothing is.
///
/// Java is configured by `JAVA_TOOL_OPTIONS` and not by changing the image's `cacerts`: a file
/// of the image would serve only those JDKs that are found in it, not one that a build tool
/// brings, and nothing but a system property reaches the HTTP clients of Gradle and its like.
///
/// Chromium keeps its roots in a database in the home, which is not written.
#[derive(Clone, Debug)]
pub struct Ca {
    config: CaConfig,
}

impl PluginBuild<dyn Provisioner> for Ca {
    const NAME: &'static str = "ca";
    const SUMMARY: &'static str = "the way out and the session's CA for all usual programs";
    type Config = CaConfig;

    fn build(config: CaConfig) -> Result<Box<dyn Provisioner>, ConfigError> {
        Ok(Box::new(Self { config }))
    }
}

#[async_trait]
impl Provisioner for Ca {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    fn after(&self) -> &'static [&'static str] {
        order::before(Self::NAME)
    }
    fn patch(&self, cx: &ProvisionContext<'_>) -> Result<AgentPatch, PluginError> {
        let mut patch = AgentPatch::default();
        let Some(chain) = cx.chain else {
            return Ok(patch);
        };
        patch.env = environment(chain, self.config.java);
        if chain.ends_tls {
            patch.files = vec![
                file(CERTIFICATE, CaPart::Certificate),
                file(BUNDLE, CaPart::Bundle),
            ];
            if self.config.java {
                patch.files.push(file(TRUSTSTORE, CaPart::Pkcs12Truststore));
            }
        }
        Ok(patch)
    }
    async fn prepare(
        &self,
        cx: &ProvisionContext<'_>,
        agent: &dyn AgentFiles,
    ) -> Result<(), PluginError> {
        if !self.config.system_store || !cx.chain.is_some_and(|chain| chain.ends_tls) {
            return Ok(());
        }
        let certificate = agent.ca_certificate().ok_or_else(|| {
            PluginError::failed("the chain ends TLS, but the session has no certificate authority")
        })?;
        store::install(agent, certificate).await
    }
}

fn file(path: &str, part: CaPart) -> FilePlan {
    FilePlan {
        path: path.to_owned(),
        mode: 0o644,
        uid: 0,
        gid: 0,
        content: Content::Ca(part),
    }
}

register_provisioner!(Ca);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{FakeFiles, Scene, block_on};

    fn ca() -> Box<dyn Provisioner> {
        Ca::build(CaConfig::default()).unwrap()
    }

    #[test]
    fn with_a_hop_that_ends_tls() {
        insta::assert_debug_snapshot!(ca().patch(&Scene::default().context()).unwrap());
    }

    #[test]
    fn only_the_proxy_when_no_hop_ends_tls() {
        let mut scene = Scene::default();
        scene.chain.as_mut().unwrap().ends_tls = false;
        let patch = ca().patch(&scene.context()).unwrap();
        insta::assert_debug_snapshot!(patch);
        block_on(ca().prepare(&scene.context(), &FakeFiles::default())).unwrap();
    }

    #[test]
    fn nothing_without_a_chain() {
        let scene = Scene {
            chain: None,
            ..Scene::default()
        };
        assert_eq!(ca().patch(&scene.context()).unwrap(), AgentPatch::default());
        let files = FakeFiles::default();
        block_on(ca().prepare(&scene.context(), &files)).unwrap();
        assert!(files.written().is_empty());
    }

    #[test]
    fn java_and_the_store_can_be_left_out() {
        let config = CaConfig {
            java: false,
            system_store: false,
        };
        let ca = Ca::build(config).unwrap();
        let scene = Scene::default();
        let patch = ca.patch(&scene.context()).unwrap();
        assert!(!patch.env.contains_key("JAVA_TOOL_OPTIONS"));
        assert_eq!(patch.files.len(), 2);
        let files = FakeFiles::default();
        block_on(ca.prepare(&scene.context(), &files)).unwrap();
        assert!(files.written().is_empty());
    }

    #[test]
    fn a_missing_ca_is_an_error() {
        let files = FakeFiles::default().without_ca();
        assert!(block_on(ca().prepare(&Scene::default().context(), &files)).is_err());
    }
}
