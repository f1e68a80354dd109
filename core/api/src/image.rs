//! Where an image comes from, as data.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

/// When to ask the registry.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum PullPolicy {
    /// Only when the image is not here. The default.
    #[default]
    Missing,
    /// At every launch.
    Always,
    /// Never; a missing image is an error.
    Never,
}

/// One way to obtain an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageSource {
    /// A reference, present or pulled.
    Pull {
        /// `name:tag` or `name@sha256:...`.
        reference: String,
        /// When to ask the registry.
        policy: PullPolicy,
    },
    /// A build from a context in memory. The tag is `bottle/<repository>:<hash of the content>`,
    /// so the same recipe is built once.
    Recipe(Recipe),
    /// A build from a folder of the host, honouring its `.dockerignore`. Tagged by content hash.
    Context(ContextBuild),
}

/// A build that needs nothing but this data (and what its `RUN` steps fetch).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipe {
    /// Last part of the image's name: `agent-claude`, `proxy-mitmproxy`.
    pub repository: String,
    /// The Dockerfile's text. Only instructions of the classic builder.
    pub dockerfile: String,
    /// Further files of the context.
    pub files: Vec<RecipeFile>,
    /// Build arguments.
    #[serde(default)]
    pub args: BTreeMap<String, String>,
}

/// A file of a [`Recipe`]'s context.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecipeFile {
    /// Path inside the context.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// Where the bytes come from.
    pub source: RecipeSource,
}

/// The bytes of a [`RecipeFile`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecipeSource {
    /// These.
    Text(String),
    /// A file of the host, read when the image is built; its content is part of the hash.
    HostFile(PathBuf),
}

/// A build from a folder of the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextBuild {
    /// Last part of the image's name.
    pub repository: String,
    /// The context folder.
    pub context: PathBuf,
    /// The Dockerfile, relative to the context.
    pub dockerfile: PathBuf,
    /// Build arguments.
    #[serde(default)]
    pub args: BTreeMap<String, String>,
    /// The stage to build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

/// A folder of the host, baked into an image derived from another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Derive {
    /// The host folder.
    pub folder: PathBuf,
    /// Where it is inside the image.
    pub target: String,
    /// Owner of every file inside.
    pub uid: u32,
    /// Group of every file inside.
    pub gid: u32,
    /// Whether `.git` goes in.
    pub include_git: bool,
    /// Further ignore patterns (gitignore syntax), on top of `.dockerignore`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
}

/// An image that a launch needs: the first source that works, then perhaps a derived one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImagePlan {
    /// Tried first.
    pub source: ImageSource,
    /// Built when the first cannot be had ([`BackendErrorKind::ImageMissing`]).
    ///
    /// [`BackendErrorKind::ImageMissing`]: crate::BackendErrorKind::ImageMissing
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Recipe>,
    /// Laid over the result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub derive: Option<Derive>,
    /// The config key that points at another image, for the error: `proxy.pipelock.image`.
    pub config_key: String,
}

impl ImagePlan {
    /// A reference, pulled when missing.
    pub fn pull(reference: impl Into<String>, config_key: impl Into<String>) -> Self {
        Self {
            source: ImageSource::Pull {
                reference: reference.into(),
                policy: PullPolicy::default(),
            },
            fallback: None,
            derive: None,
            config_key: config_key.into(),
        }
    }
    /// A recipe, built when its content is new.
    pub fn recipe(recipe: Recipe, config_key: impl Into<String>) -> Self {
        Self {
            source: ImageSource::Recipe(recipe),
            fallback: None,
            derive: None,
            config_key: config_key.into(),
        }
    }
    /// Adds a recipe for when the reference cannot be had.
    #[must_use]
    pub fn or_recipe(mut self, recipe: Recipe) -> Self {
        self.fallback = Some(recipe);
        self
    }
}
