//! `files`: further files.

use std::{borrow::Cow, collections::BTreeMap, fmt, path::PathBuf};

use bottle_api::{
    AgentPatch, ConfigError, Content, FilePlan, PluginBuild, PluginError, ProvisionContext,
    Provisioner, async_trait, register_provisioner,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use crate::{order, paths::check_inside};

/// The table `[provisioner.files]`: paths inside, each with what is there.
///
/// ```toml
/// [provisioner.files]
/// "~/.npmrc" = { from = "agent.npmrc", mode = "0600" }
/// "~/.config/tool" = { folder = "tool" }
/// "/etc/motd" = { text = "in a bottle" }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct FilesConfig(pub BTreeMap<String, FileEntry>);

/// What is at one path: exactly one of `from`, `folder` and `text`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FileEntry {
    /// A file of the host, read at launch.
    #[schemars(extend("x-bottle-path" = true))]
    pub from: Option<PathBuf>,
    /// A folder of the host, read at launch with its modes and links.
    #[schemars(extend("x-bottle-path" = true))]
    pub folder: Option<PathBuf>,
    /// The text itself.
    pub text: Option<String>,
    /// Permission bits: `"0600"` or `0o600`; `"0644"` without it. A folder has its own.
    pub mode: Option<FileMode>,
}

/// Permission bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileMode(pub u32);

impl<'de> Deserialize<'de> for FileMode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = FileMode;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("permission bits such as `\"0600\"` or `0o600`")
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<FileMode, E> {
                let bits = u32::try_from(value).ok().filter(|bits| *bits <= 0o777);
                bits.map(FileMode)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Signed(value), &self))
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<FileMode, E> {
                self.visit_i64(i64::try_from(value).unwrap_or(i64::MAX))
            }
            fn visit_str<E: de::Error>(self, value: &str) -> Result<FileMode, E> {
                let bits = u32::from_str_radix(value, 8)
                    .ok()
                    .filter(|bits| *bits <= 0o777);
                bits.map(FileMode)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Str(value), &self))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}
impl JsonSchema for FileMode {
    fn schema_name() -> Cow<'static, str> {
        "FileMode".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "string", "pattern": "^0?[0-7]{3}$" },
                { "type": "integer", "minimum": 0, "maximum": 0o777 },
            ],
        })
    }
}

/// Puts files and folders of the host, or texts, into the agent's container. They belong to the
/// agent; changes stay inside.
#[derive(Clone, Debug)]
pub struct Files {
    /// Path inside, permission bits, content.
    files: Vec<(String, u32, Content)>,
}

impl PluginBuild<dyn Provisioner> for Files {
    const NAME: &'static str = "files";
    const SUMMARY: &'static str = "further files and folders for the agent";
    type Config = FilesConfig;

    fn build(config: FilesConfig) -> Result<Box<dyn Provisioner>, ConfigError> {
        let mut files = Vec::new();
        for (path, entry) in config.0 {
            check_inside(&path)?;
            let (mode, content) = entry.content(&path)?;
            files.push((path, mode, content));
        }
        Ok(Box::new(Self { files }))
    }
}

impl FileEntry {
    fn content(self, path: &str) -> Result<(u32, Content), ConfigError> {
        let mode = self.mode.map_or(0o644, |mode| mode.0);
        match (self.from, self.folder, self.text) {
            (Some(file), None, None) => Ok((mode, Content::HostFile(file))),
            (None, None, Some(text)) => Ok((mode, Content::Text(text))),
            (None, Some(_), None) if self.mode.is_some() => Err(ConfigError::new(format!(
                "`{path}` is a folder, which keeps the modes it has on the host; drop `mode`"
            ))),
            (None, Some(folder), None) => Ok((0o755, Content::HostFolder(folder))),
            _ => Err(ConfigError::new(format!(
                "`{path}` needs exactly one of `from`, `folder` and `text`"
            ))),
        }
    }
}

#[async_trait]
impl Provisioner for Files {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    fn after(&self) -> &'static [&'static str] {
        order::before(Self::NAME)
    }
    fn patch(&self, cx: &ProvisionContext<'_>) -> Result<AgentPatch, PluginError> {
        let mut patch = AgentPatch::default();
        patch.files = self
            .files
            .iter()
            .map(|(path, mode, content)| FilePlan {
                path: cx.expand_home(path),
                mode: *mode,
                uid: cx.user.uid,
                gid: cx.user.gid,
                content: content.clone(),
            })
            .collect();
        Ok(patch)
    }
}

register_provisioner!(Files);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    fn files(text: &str) -> Result<Vec<FilePlan>, String> {
        let config: FilesConfig = toml::from_str(text).map_err(|e| e.to_string())?;
        let files = Files::build(config).map_err(|e| e.to_string())?;
        Ok(files.patch(&Scene::default().context()).unwrap().files)
    }

    #[test]
    fn files_folders_and_texts() {
        let plans = files(
            "\"~/.npmrc\" = { from = \"/h/npmrc\", mode = \"0600\" }\n\
             \"~/x\" = { from = \"/h/x\", mode = 0o640 }\n\
             \"/opt/tool\" = { folder = \"/h/tool\" }\n\
             \"/etc/motd\" = { text = \"hello\" }\n",
        );
        insta::assert_debug_snapshot!(plans.unwrap());
    }

    #[test]
    fn what_cannot_work_is_refused() {
        for (text, want) in [
            ("\"~/x\" = {}", "exactly one"),
            ("\"~/x\" = { from = \"/a\", text = \"b\" }", "exactly one"),
            ("\"x\" = { text = \"b\" }", "not a path inside"),
            ("\"/a/../b\" = { text = \"b\" }", "not a path inside"),
            ("\"/a\" = { text = \"b\", mode = 644 }", "permission bits"),
            (
                "\"/a\" = { text = \"b\", mode = \"u+x\" }",
                "permission bits",
            ),
            (
                "\"/a\" = { text = \"b\", mode = \"4755\" }",
                "permission bits",
            ),
            (
                "\"/a\" = { folder = \"/b\", mode = \"0700\" }",
                "drop `mode`",
            ),
            ("\"/a\" = { source = \"/b\" }", "unknown field `source`"),
        ] {
            let error = files(text).unwrap_err();
            assert!(error.contains(want), "{text}: {error}");
        }
        assert!(files("").unwrap().is_empty());
    }
}
