//! `ssh`: keys, by explicit grant.

use std::{collections::BTreeSet, path::PathBuf};

use bottle_api::{
    AgentPatch, ConfigError, Content, FilePlan, PluginBuild, PluginError, ProvisionContext,
    Provisioner, async_trait, register_provisioner,
};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{order, paths::file_name};

/// Names in `~/.ssh` that are not keys.
const TAKEN: &[&str] = &["config", "known_hosts", "authorized_keys"];

/// The table `[provisioner.ssh]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SshConfig {
    /// Private keys of the host that the agent may hold. Each keeps its name in `~/.ssh`. The
    /// agent can read them and, where a rule lets anything out, send them away.
    #[schemars(extend("x-bottle-path" = true))]
    pub keys: Vec<PathBuf>,
    /// Lines for `~/.ssh/known_hosts`.
    pub known_hosts: Vec<String>,
}

/// Puts granted keys into the agent's `~/.ssh`. Without a grant it does nothing.
///
/// The keys serve to sign (`gpg.format = ssh`, `ssh-keygen -Y`) and to decrypt. They open no
/// connection: the chain carries HTTP and TLS only, and there is no other way out, so an `ssh`
/// to the outside ends at once. Remotes of git go by `https`; see `[provisioner.git]`.
#[derive(Clone, Debug)]
pub struct Ssh {
    /// Name inside, file of the host.
    keys: Vec<(String, PathBuf)>,
    known_hosts: Vec<String>,
}

impl PluginBuild<dyn Provisioner> for Ssh {
    const NAME: &'static str = "ssh";
    const SUMMARY: &'static str = "private keys for the agent, by explicit grant";
    type Config = SshConfig;

    fn build(config: SshConfig) -> Result<Box<dyn Provisioner>, ConfigError> {
        let mut seen: BTreeSet<String> = TAKEN.iter().map(|name| (*name).to_owned()).collect();
        let mut keys = Vec::new();
        for key in config.keys {
            let name = file_name(&key, "key")?.to_owned();
            if name.contains(['"', '\\', '%']) {
                return Err(ConfigError::new(format!(
                    "the name of key `{name}` cannot be written in `~/.ssh/config`; give it a plain one"
                )));
            }
            if !seen.insert(name.clone()) {
                return Err(ConfigError::new(format!(
                    "`~/.ssh/{name}` would be written twice; give the key another name"
                )));
            }
            keys.push((name, key));
        }
        if let Some(line) = config
            .known_hosts
            .iter()
            .find(|line| line.contains(['\n', '\r']))
        {
            return Err(ConfigError::new(format!(
                "{line:?} in `known_hosts` is more than one line; write one entry each"
            )));
        }
        Ok(Box::new(Self {
            keys,
            known_hosts: config.known_hosts,
        }))
    }
}

#[async_trait]
impl Provisioner for Ssh {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    fn after(&self) -> &'static [&'static str] {
        order::before(Self::NAME)
    }
    fn patch(&self, cx: &ProvisionContext<'_>) -> Result<AgentPatch, PluginError> {
        let mut patch = AgentPatch::default();
        if self.keys.is_empty() && self.known_hosts.is_empty() {
            return Ok(patch);
        }
        let folder = cx.expand_home("~/.ssh");
        let file = |path: String, mode, content| FilePlan {
            path,
            mode,
            uid: cx.user.uid,
            gid: cx.user.gid,
            content,
        };
        patch
            .files
            .push(file(folder.clone(), 0o700, Content::Directory));
        for (name, key) in &self.keys {
            let content = Content::HostFile(key.clone());
            patch
                .files
                .push(file(format!("{folder}/{name}"), 0o600, content));
        }
        if !self.keys.is_empty() {
            let content = Content::Text(self.client_config());
            patch
                .files
                .push(file(format!("{folder}/config"), 0o600, content));
        }
        if !self.known_hosts.is_empty() {
            let content = Content::Text(self.known_hosts.join("\n") + "\n");
            patch
                .files
                .push(file(format!("{folder}/known_hosts"), 0o600, content));
        }
        Ok(patch)
    }
}

impl Ssh {
    fn client_config(&self) -> String {
        let mut lines = vec!["Host *".to_owned(), "\tIdentitiesOnly yes".to_owned()];
        let file = |(name, _): &(String, PathBuf)| format!("\tIdentityFile \"~/.ssh/{name}\"");
        lines.extend(self.keys.iter().map(file));
        lines.join("\n") + "\n"
    }
}

register_provisioner!(Ssh);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    fn ssh(keys: &[&str], hosts: &[&str]) -> Result<Box<dyn Provisioner>, ConfigError> {
        Ssh::build(SshConfig {
            keys: keys.iter().map(PathBuf::from).collect(),
            known_hosts: hosts.iter().map(|&host| host.to_owned()).collect(),
        })
    }

    #[test]
    fn without_a_grant_there_is_nothing() {
        let patch = ssh(&[], &[])
            .unwrap()
            .patch(&Scene::default().context())
            .unwrap();
        assert_eq!(patch, AgentPatch::default());
    }

    #[test]
    fn keys_are_the_agents_alone() {
        let scene = Scene::default();
        let patch = ssh(
            &["/h/.ssh/id_a", "/k/b key"],
            &["git.example ssh-ed25519 AAAA"],
        )
        .unwrap()
        .patch(&scene.context())
        .unwrap();
        insta::assert_debug_snapshot!(patch.files);
    }

    #[test]
    fn what_cannot_work_is_refused() {
        assert!(ssh(&["/a/id", "/b/id"], &[]).is_err());
        assert!(ssh(&["/a/config"], &[]).is_err());
        assert!(ssh(&["/a/\"x"], &[]).is_err());
        assert!(ssh(&[], &["a\nb"]).is_err());
    }
}
