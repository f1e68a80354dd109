//! The provisioner.

use bottle_api::{
    AgentFiles, AgentPatch, AgentUser, ConfigError, Content, FilePlan, PluginBuild, PluginError,
    ProvisionContext, Provisioner, PutFile, async_trait, register_provisioner,
};
use futures_util::future::try_join;
use schemars::JsonSchema;
use serde::Deserialize;

use super::accounts::{group_with, passwd_with};
use crate::order;

/// The table `[provisioner.user]`. There is nothing to set: the user follows the workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UserConfig {}

/// Makes the uid the agent runs as known to the image.
///
/// The agent runs as the owner of the workspace, whom the image has never heard of: without an
/// entry in `/etc/passwd`, `ssh` refuses to run, prompts show `I have no name!` and programs
/// look for a home in `/`. The home is made, or given to that uid; what an image put into it is
/// left with its owner.
#[derive(Clone, Copy, Debug)]
pub struct User;

impl PluginBuild<dyn Provisioner> for User {
    const NAME: &'static str = "user";
    const SUMMARY: &'static str = "an account and a home for the agent's uid";
    type Config = UserConfig;

    fn build(_: UserConfig) -> Result<Box<dyn Provisioner>, ConfigError> {
        Ok(Box::new(Self))
    }
}

#[async_trait]
impl Provisioner for User {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    fn after(&self) -> &'static [&'static str] {
        order::before(Self::NAME)
    }
    fn patch(&self, cx: &ProvisionContext<'_>) -> Result<AgentPatch, PluginError> {
        check(cx.user)?;
        let mut patch = AgentPatch::default();
        patch.files.push(FilePlan {
            path: cx.user.home.clone(),
            mode: 0o755,
            uid: cx.user.uid,
            gid: cx.user.gid,
            content: Content::Directory,
        });
        Ok(patch)
    }
    async fn prepare(
        &self,
        cx: &ProvisionContext<'_>,
        agent: &dyn AgentFiles,
    ) -> Result<(), PluginError> {
        let (passwd, group) =
            try_join(text(agent, "/etc/passwd"), text(agent, "/etc/group")).await?;
        let changed: Vec<PutFile> = [
            ("/etc/passwd", passwd_with(&passwd, cx.user)),
            ("/etc/group", group_with(&group, cx.user)),
        ]
        .into_iter()
        .filter_map(|(path, text)| Some(account_file(path, text?)))
        .collect();
        if !changed.is_empty() {
            agent.put(changed).await?;
        }
        Ok(())
    }
}

/// A name or home that would break the account files in two.
fn check(user: &AgentUser) -> Result<(), PluginError> {
    for (what, value) in [("name", &user.name), ("home", &user.home)] {
        if value.is_empty() || value.contains(|c: char| c == ':' || c.is_control()) {
            return Err(PluginError::failed(format!(
                "the {what} {value:?} of the agent's user cannot stand in `/etc/passwd`"
            )));
        }
    }
    Ok(())
}

async fn text(agent: &dyn AgentFiles, path: &str) -> Result<String, PluginError> {
    let bytes = agent.read(path).await?.unwrap_or_default();
    String::from_utf8(bytes).map_err(|_| {
        PluginError::failed_with_hint(
            format!("cannot add the agent's user to `{path}` of the image: it is not UTF-8"),
            "use another image, or leave out provisioner `user`",
        )
    })
}

fn account_file(path: &str, text: String) -> PutFile {
    PutFile {
        path: path.to_owned(),
        mode: 0o644,
        uid: 0,
        gid: 0,
        bytes: text.into_bytes(),
    }
}

register_provisioner!(User);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{FakeFiles, Scene, block_on};

    #[test]
    fn a_known_image_is_left_alone() {
        let scene = Scene::default();
        let files = FakeFiles::default()
            .with(
                "/etc/passwd",
                "root:x:0:0::/root:/bin/sh\nagent:x:1000:1000::/home/agent:/bin/bash\n",
            )
            .with("/etc/group", "root:x:0:\nagent:x:1000:\n");
        block_on(User.prepare(&scene.context(), &files)).unwrap();
        assert!(files.written().is_empty());
    }

    #[test]
    fn an_unknown_uid_gets_its_entries() {
        let mut scene = Scene::default();
        (scene.user.uid, scene.user.gid) = (4321, 8765);
        let files = FakeFiles::default()
            .with(
                "/etc/passwd",
                "root:x:0:0::/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/bash\n",
            )
            .with("/etc/group", "root:x:0:");
        block_on(User.prepare(&scene.context(), &files)).unwrap();
        assert_eq!(
            files.text("/etc/passwd"),
            "root:x:0:0::/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/bash\n\
             agent:x:4321:8765::/home/agent:/bin/sh\n"
        );
        assert_eq!(files.text("/etc/group"), "root:x:0:\nagent:x:8765:\n");
        for file in files.written() {
            assert_eq!((file.mode, file.uid, file.gid), (0o644, 0, 0));
        }
    }

    #[test]
    fn the_home_is_given_to_the_agent() {
        let mut scene = Scene::default();
        scene.user.uid = 4321;
        let patch = User.patch(&scene.context()).unwrap();
        let home = &patch.files[0];
        assert_eq!(
            (home.path.as_str(), home.uid, home.gid),
            ("/home/agent", 4321, 1000)
        );
        assert_eq!(home.content, Content::Directory);
        scene.user.name = "a:b".into();
        assert!(User.patch(&scene.context()).is_err());
    }
}
