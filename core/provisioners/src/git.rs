//! `git`: identity, trust in folders, `https` instead of `ssh`.

use std::{path::Path, process::Stdio, time::Duration};

use bottle_api::{
    AgentFiles, AgentPatch, ConfigError, Content, EnvValue, FilePlan, HostPattern, PluginBuild,
    PluginError, ProvisionContext, Provisioner, PutFile, async_trait, register_provisioner,
};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::process::Command;

use crate::order;

/// git's system-wide configuration, which a `~/.gitconfig` can still override.
const SYSTEM: &str = "/etc/gitconfig";
/// Ours, which the system-wide one includes.
const OURS: &str = "/etc/bottle/gitconfig";
/// git on the host only reads files.
const HOST_LIMIT: Duration = Duration::from_secs(10);

/// The table `[provisioner.git]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GitConfig {
    /// Author of commits.
    pub name: Option<String>,
    /// Address of the author.
    pub email: Option<String>,
    /// Take a name or address that is not set here from the host's git, as it is in the
    /// workspace. Read when the bottle is launched; not part of the plan.
    pub from_host: bool,
    /// Hosts whose `ssh` and `git` remotes are reached by `https`, the only way out there is.
    pub https_hosts: Vec<HostPattern>,
}
impl Default for GitConfig {
    fn default() -> Self {
        let hosts = ["github.com", "gitlab.com", "bitbucket.org", "codeberg.org"];
        Self {
            name: None,
            email: None,
            from_host: true,
            https_hosts: hosts.iter().filter_map(|host| host.parse().ok()).collect(),
        }
    }
}

/// Configures git for the bottle.
///
/// * Everything inside belongs to one user, so every folder is safe (`safe.directory = *`).
/// * The identity comes from the table, else from the host's git; nothing else of the host's
///   configuration is taken over, neither credentials nor aliases nor signing.
#[derive(Clone, Debug)]
pub struct Git {
    config: GitConfig,
}

impl PluginBuild<dyn Provisioner> for Git {
    const NAME: &'static str = "git";
    const SUMMARY: &'static str = "git's identity, trust in folders, https instead of ssh";
    type Config = GitConfig;

    fn build(config: GitConfig) -> Result<Box<dyn Provisioner>, ConfigError> {
        for (key, value) in [("name", &config.name), ("email", &config.email)] {
            if value.as_ref().is_some_and(|value| !is_line(value)) {
                return Err(ConfigError::new(format!(
                    "`{key}` must be one line of text"
                )));
            }
        }
        if let Some(host) = config
            .https_hosts
            .iter()
            .find(|h| h.as_str().starts_with("*."))
        {
            return Err(ConfigError::new(format!(
                "`{host}` in `https_hosts` is a pattern; git's rewriting needs whole names"
            )));
        }
        Ok(Box::new(Self { config }))
    }
}

#[async_trait]
impl Provisioner for Git {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    fn after(&self) -> &'static [&'static str] {
        order::before(Self::NAME)
    }
    fn patch(&self, _: &ProvisionContext<'_>) -> Result<AgentPatch, PluginError> {
        let mut patch = AgentPatch::default();
        // A git that was built elsewhere looks elsewhere.
        patch
            .env
            .insert("GIT_CONFIG_SYSTEM".into(), EnvValue::from(SYSTEM));
        patch.files.push(FilePlan {
            path: OURS.into(),
            mode: 0o644,
            uid: 0,
            gid: 0,
            content: Content::Text(self.text()),
        });
        Ok(patch)
    }
    async fn prepare(
        &self,
        cx: &ProvisionContext<'_>,
        agent: &dyn AgentFiles,
    ) -> Result<(), PluginError> {
        let folder = cx.workspace.folder.as_path();
        let missing = |value: &Option<String>| self.config.from_host && value.is_none();
        let (mut name, mut email) = (None, None);
        if missing(&self.config.name) {
            name = of_host(folder, "user.name").await;
        }
        if missing(&self.config.email) {
            email = of_host(folder, "user.email").await;
        }
        let mut bytes = agent.read(SYSTEM).await?.unwrap_or_default();
        if !bytes.is_empty() && !bytes.ends_with(b"\n") {
            bytes.push(b'\n');
        }
        let mut lines = user(name.as_deref(), email.as_deref());
        lines.push(format!("[include]\n\tpath = {OURS}\n"));
        let ours = lines.join("\n").into_bytes();
        // An image made from a bottle has it already.
        if bytes.ends_with(&ours) {
            return Ok(());
        }
        bytes.extend(ours);
        let file = PutFile {
            path: SYSTEM.into(),
            mode: 0o644,
            uid: 0,
            gid: 0,
            bytes,
        };
        agent.put(vec![file]).await?;
        Ok(())
    }
}

impl Git {
    fn text(&self) -> String {
        let mut lines = user(self.config.name.as_deref(), self.config.email.as_deref());
        lines.extend(["[safe]".to_owned(), "\tdirectory = *".to_owned()]);
        for host in &self.config.https_hosts {
            lines.extend([
                format!("[url \"https://{host}/\"]"),
                format!("\tinsteadOf = git@{host}:"),
                format!("\tinsteadOf = ssh://git@{host}/"),
                format!("\tinsteadOf = git://{host}/"),
            ]);
        }
        lines.join("\n") + "\n"
    }
}

/// A `[user]` section, if there is anything to say in it.
fn user(name: Option<&str>, email: Option<&str>) -> Vec<String> {
    let quoted = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"");
    let mut lines: Vec<String> = [("name", name), ("email", email)]
        .into_iter()
        .filter_map(|(key, value)| Some(format!("\t{key} = \"{}\"", quoted(value?))))
        .collect();
    if !lines.is_empty() {
        lines.insert(0, "[user]".to_owned());
    }
    lines
}

/// One value of the host's git, as it is in the workspace. A host without git, or a git without
/// the value, is no error: git inside will ask.
async fn of_host(folder: &Path, key: &str) -> Option<String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(["config", "--get", key])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(HOST_LIMIT, output).await.ok()?.ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let value = text.strip_suffix('\n').unwrap_or(&text);
    (output.status.success() && is_line(value)).then(|| value.to_owned())
}

fn is_line(text: &str) -> bool {
    !text.trim().is_empty() && !text.contains(|c: char| c.is_control())
}

register_provisioner!(Git);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{FakeFiles, Scene, block_on};

    fn git(config: GitConfig) -> Box<dyn Provisioner> {
        Git::build(config).unwrap()
    }
    fn run(folder: &Path, args: &[&str]) -> String {
        let output = std::process::Command::new("git")
            .arg("-C")
            .arg(folder)
            .args(args)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout)
            .unwrap()
            .trim_end()
            .to_owned()
    }

    #[test]
    fn git_reads_what_is_written() {
        let config = GitConfig {
            name: Some("Ada \"the\" \\ Countess; #1".into()),
            email: Some("ada@example.com".into()),
            ..GitConfig::default()
        };
        let patch = git(config).patch(&Scene::default().context()).unwrap();
        insta::assert_debug_snapshot!(patch);
        let Content::Text(text) = &patch.files[0].content else {
            panic!("no text");
        };
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("gitconfig");
        std::fs::write(&file, text).unwrap();
        let get = |key| {
            run(
                folder.path(),
                &["config", "--file", file.to_str().unwrap(), "--get", key],
            )
        };
        assert_eq!(get("user.name"), "Ada \"the\" \\ Countess; #1");
        assert_eq!(get("user.email"), "ada@example.com");
        assert_eq!(get("safe.directory"), "*");
    }

    #[test]
    fn what_is_not_set_comes_from_the_host_and_the_image_keeps_its_own() {
        let folder = tempfile::tempdir().unwrap();
        run(folder.path(), &["init", "--quiet"]);
        run(folder.path(), &["config", "user.name", "Host"]);
        run(folder.path(), &["config", "user.email", "host@example.com"]);
        let mut scene = Scene::default();
        scene.workspace.folder = folder.path().to_owned();
        let files = FakeFiles::default().with(SYSTEM, "[core]\n\teditor = vi");
        let config = GitConfig {
            email: Some("set@example.com".into()),
            ..GitConfig::default()
        };
        block_on(git(config).prepare(&scene.context(), &files)).unwrap();
        assert_eq!(
            files.text(SYSTEM),
            "[core]\n\teditor = vi\n[user]\n\tname = \"Host\"\n[include]\n\tpath = /etc/bottle/gitconfig\n"
        );
    }

    #[test]
    fn the_host_is_not_asked_when_that_is_switched_off() {
        let config = GitConfig {
            from_host: false,
            ..GitConfig::default()
        };
        let files = FakeFiles::default();
        block_on(git(config).prepare(&Scene::default().context(), &files)).unwrap();
        assert_eq!(
            files.text(SYSTEM),
            "[include]\n\tpath = /etc/bottle/gitconfig\n"
        );
    }

    #[test]
    fn nonsense_is_refused() {
        for (name, hosts) in [
            (Some("a\nb"), vec![]),
            (Some(" "), vec![]),
            (None, vec!["*.github.com".parse().unwrap()]),
        ] {
            let config = GitConfig {
                name: name.map(str::to_owned),
                https_hosts: hosts,
                ..GitConfig::default()
            };
            assert!(Git::build(config).is_err());
        }
    }
}
