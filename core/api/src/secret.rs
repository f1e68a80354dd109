//! Secrets as references. A value exists only between resolving and the request that needs it.

use std::{fmt, path::PathBuf};

use serde::{Deserialize, Serialize};

pub use secrecy::{ExposeSecret, SecretString};

/// Where a secret's value is read from, at launch. Never the value; safe to print.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretRef {
    /// An environment variable of the `bottle` process.
    FromEnv(String),
    /// A file; one trailing newline is cut.
    FromFile(PathBuf),
    /// One variable of a file in dotenv form.
    FromEnvFile {
        /// The file.
        path: PathBuf,
        /// The variable.
        key: String,
    },
    /// Standard output of a command (argv, no shell); one trailing newline is cut.
    FromCommand(Vec<String>),
    /// Asked on the terminal, without echo, with this text.
    Prompt(String),
    /// A random token that the launcher makes for this session. Equal names give equal
    /// values inside one session, which is how two hops share one.
    Session(String),
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FromEnv(name) => write!(f, "environment variable `{name}`"),
            Self::FromFile(path) => write!(f, "file `{}`", path.display()),
            Self::FromEnvFile { path, key } => {
                write!(f, "variable `{key}` of file `{}`", path.display())
            }
            Self::FromCommand(argv) => {
                write!(f, "command `{}`", argv.first().map_or("", String::as_str))
            }
            Self::Prompt(_) => f.write_str("a prompt"),
            Self::Session(name) => write!(f, "session token `{name}`"),
        }
    }
}

/// A plain or a secret value of an environment variable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnvValue {
    /// Plain text; shown in the plan.
    Literal(String),
    /// Resolved when the container is created; travels in the API body only.
    Secret(SecretRef),
}

impl From<&str> for EnvValue {
    fn from(value: &str) -> Self {
        Self::Literal(value.to_owned())
    }
}
impl From<String> for EnvValue {
    fn from(value: String) -> Self {
        Self::Literal(value)
    }
}
