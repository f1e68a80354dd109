//! `env`: variables of an env file, by explicit grant.

use std::path::PathBuf;

use bottle_api::{
    AgentPatch, ConfigError, EnvValue, PluginBuild, PluginError, ProvisionContext, Provisioner,
    SecretRef, async_trait, register_provisioner,
};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::order;

/// The table `[provisioner.env]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EnvConfig {
    /// A file of the host in dotenv form.
    #[schemars(extend("x-bottle-path" = true))]
    pub file: Option<PathBuf>,
    /// The variables of it that the agent gets. All others stay on the host.
    pub keys: Vec<String>,
}

/// Takes variables of an env file into the agent's environment.
///
/// Their values count as secrets: the plan names file and variable only, and the file is read
/// when the bottle is launched. Whatever is granted here the agent holds in the clear; a key for
/// a service is better given as `[secret.NAME]` with `inject`.
#[derive(Clone, Debug)]
pub struct Env {
    variables: Vec<(String, SecretRef)>,
}

impl PluginBuild<dyn Provisioner> for Env {
    const NAME: &'static str = "env";
    const SUMMARY: &'static str = "variables of an env file, by explicit grant";
    type Config = EnvConfig;

    fn build(config: EnvConfig) -> Result<Box<dyn Provisioner>, ConfigError> {
        let Some(path) = config.file else {
            return if config.keys.is_empty() {
                Ok(Box::new(Self { variables: vec![] }))
            } else {
                Err(ConfigError::new(
                    "`keys` names variables, but no `file` has them",
                ))
            };
        };
        if config.keys.is_empty() {
            return Err(ConfigError::new(
                "`file` alone grants nothing; name the variables the agent may have in `keys`",
            ));
        }
        if let Some(key) = config.keys.iter().find(|key| !is_variable(key)) {
            return Err(ConfigError::new(format!(
                "`{key}` in `keys` is not the name of a variable"
            )));
        }
        let variable = |key: String| {
            let path = path.clone();
            (key.clone(), SecretRef::FromEnvFile { path, key })
        };
        Ok(Box::new(Self {
            variables: config.keys.into_iter().map(variable).collect(),
        }))
    }
}

fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[async_trait]
impl Provisioner for Env {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    fn after(&self) -> &'static [&'static str] {
        order::before(Self::NAME)
    }
    fn patch(&self, _: &ProvisionContext<'_>) -> Result<AgentPatch, PluginError> {
        let mut patch = AgentPatch::default();
        patch.env = self
            .variables
            .iter()
            .map(|(name, secret)| (name.clone(), EnvValue::Secret(secret.clone())))
            .collect();
        Ok(patch)
    }
}

register_provisioner!(Env);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    fn env(file: Option<&str>, keys: &[&str]) -> Result<AgentPatch, ConfigError> {
        let config = EnvConfig {
            file: file.map(PathBuf::from),
            keys: keys.iter().map(|&key| key.to_owned()).collect(),
        };
        Ok(Env::build(config)?
            .patch(&Scene::default().context())
            .unwrap())
    }

    #[test]
    fn granted_variables_are_references() {
        let patch = env(Some("/h/.env"), &["DB", "A_1"]).unwrap();
        let want = |key: &str| {
            EnvValue::Secret(SecretRef::FromEnvFile {
                path: "/h/.env".into(),
                key: key.into(),
            })
        };
        assert_eq!(patch.env.len(), 2);
        assert_eq!(patch.env["DB"], want("DB"));
        assert_eq!(patch.env["A_1"], want("A_1"));
    }

    #[test]
    fn a_grant_names_both_file_and_variables() {
        assert_eq!(env(None, &[]).unwrap(), AgentPatch::default());
        assert!(env(Some("/h/.env"), &[]).is_err());
        assert!(env(None, &["A"]).is_err());
        for bad in ["", "1A", "A B", "A=B"] {
            assert!(env(Some("/h/.env"), &[bad]).is_err(), "{bad:?}");
        }
    }
}
