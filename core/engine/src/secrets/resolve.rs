//! References to values.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fmt, fs,
    path::Path,
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use bottle_api::{Credential, EnvValue, ExposeSecret as _, SecretRef, SecretString};
use futures_util::future::join_all;
use tokio::process::Command;

use super::env_file;
use crate::names::random_text;

/// A command that asks a vault may need a person's finger; then it must come to an end.
const COMMAND_LIMIT: Duration = Duration::from_mins(2);
/// 48 letters of 31 are more than 230 bits.
const TOKEN_LENGTH: usize = 48;

/// An injected secret has so many characters at least: proxies look for it in what comes back, and
/// refuse to look for less.
const SHORTEST_INJECTED: usize = 8;

/// Asks a person for a secret. The command line implements it on the terminal.
#[async_trait]
pub trait Prompt: fmt::Debug + Send + Sync + 'static {
    /// Shows `text` and reads one line without echo.
    async fn ask(&self, text: &str) -> std::io::Result<SecretString>;
}

/// Nobody is there to ask.
#[derive(Clone, Copy, Debug)]
pub struct NoPrompt;

#[async_trait]
impl Prompt for NoPrompt {
    async fn ask(&self, _: &str) -> std::io::Result<SecretString> {
        Err(std::io::Error::other("there is no terminal to ask on"))
    }
}

/// Why a secret has no value. Never holds one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the secret from {reference}: {why}")]
pub struct SecretError {
    reference: SecretRef,
    why: String,
    too_short: bool,
}
impl SecretError {
    pub(crate) fn new(reference: &SecretRef, why: impl Into<String>) -> Self {
        Self {
            reference: reference.clone(),
            why: why.into(),
            too_short: false,
        }
    }
    /// Which secret.
    pub fn reference(&self) -> &SecretRef {
        &self.reference
    }
    /// The value is there, but no proxy can swap it for its placeholder safely.
    fn too_short(reference: &SecretRef, name: &str) -> Self {
        Self {
            too_short: true,
            ..Self::new(
                reference,
                format!("`{name}` has fewer than {SHORTEST_INJECTED} characters"),
            )
        }
    }
    /// What the user can do next.
    pub fn hint(&self) -> String {
        if self.too_short {
            return "a value this short stands in many texts, so a proxy cannot keep it out of \
                    them; see whether the source holds the whole secret, or hand it to the agent \
                    with `env = true`"
                .to_owned();
        }
        match &self.reference {
            SecretRef::FromEnv(name) => {
                format!(
                    "set `{name}` in the environment of `bottle`, or take the secret out of the config"
                )
            }
            SecretRef::FromFile(path) => {
                format!(
                    "check that `{}` exists and that you may read it",
                    path.display()
                )
            }
            SecretRef::FromEnvFile { path, key } => {
                format!(
                    "check that `{}` is there and has a line `{key}=...`",
                    path.display()
                )
            }
            SecretRef::FromCommand(argv) => {
                format!(
                    "run `{}` by hand to see what it says",
                    argv.first().map_or("", String::as_str)
                )
            }
            SecretRef::Prompt(_) => {
                "run it on a terminal, or use `from_env`, `from_file` or `from_command`".to_owned()
            }
            SecretRef::Session(_) => "this is a fault of `bottle`; please report it".to_owned(),
        }
    }
}

/// Where secrets come from.
#[derive(Clone, Debug)]
pub struct Secrets {
    prompt: Arc<dyn Prompt>,
    env: Option<BTreeMap<String, SecretString>>,
}

impl Secrets {
    /// Reads this process's environment, files and commands, and asks `prompt`.
    pub fn new(prompt: Arc<dyn Prompt>) -> Self {
        Self { prompt, env: None }
    }

    /// Uses this environment instead of the process's own.
    #[must_use]
    pub fn with_env(mut self, env: BTreeMap<String, SecretString>) -> Self {
        self.env = Some(env);
        self
    }

    /// Resolves all of them, or tells about the first that cannot be. Commands run side by
    /// side, questions are asked one after the other.
    pub(crate) async fn resolve(
        &self,
        references: &BTreeSet<SecretRef>,
    ) -> Result<Resolved, SecretError> {
        let mut values = BTreeMap::new();
        let mut commands = Vec::new();
        for reference in references {
            let value = match reference {
                SecretRef::FromEnv(name) => self.variable(reference, name)?,
                SecretRef::FromFile(path) => from_file(reference, path)?,
                SecretRef::FromEnvFile { path, key } => {
                    let value = env_file::variable(path, key);
                    not_empty(
                        reference,
                        value.map_err(|why| SecretError::new(reference, why))?,
                    )?
                }
                SecretRef::Session(_) => SecretString::from(random_text(TOKEN_LENGTH)),
                SecretRef::FromCommand(argv) => {
                    commands.push(from_command(reference, argv));
                    continue;
                }
                SecretRef::Prompt(text) => {
                    let answer = self.prompt.ask(text).await;
                    answer.map_err(|e| SecretError::new(reference, e.to_string()))?
                }
            };
            values.insert(reference.clone(), value);
        }
        for answer in join_all(commands).await {
            let (reference, value) = answer?;
            values.insert(reference, value);
        }
        Ok(Resolved(values))
    }

    /// Those of them that can be read without asking or running anything. For keeping them out
    /// of texts only.
    pub(crate) fn at_hand(&self, references: &BTreeSet<SecretRef>) -> Resolved {
        let read = |reference: &SecretRef| match reference {
            SecretRef::FromEnv(name) => self.variable(reference, name).ok(),
            SecretRef::FromFile(path) => from_file(reference, path).ok(),
            SecretRef::FromEnvFile { path, key } => env_file::variable(path, key).ok(),
            SecretRef::FromCommand(_) | SecretRef::Prompt(_) | SecretRef::Session(_) => None,
        };
        let found = references
            .iter()
            .filter_map(|r| Some((r.clone(), read(r)?)));
        Resolved(found.collect())
    }

    fn variable(&self, reference: &SecretRef, name: &str) -> Result<SecretString, SecretError> {
        let value = match &self.env {
            Some(env) => env.get(name).cloned(),
            None => match env::var(name) {
                Ok(value) => Some(SecretString::from(value)),
                Err(env::VarError::NotPresent) => None,
                Err(env::VarError::NotUnicode(_)) => {
                    return Err(SecretError::new(reference, "it is not UTF-8"));
                }
            },
        };
        let value = value.ok_or_else(|| SecretError::new(reference, "it is not set"))?;
        not_empty(reference, value)
    }
}

fn from_file(reference: &SecretRef, path: &Path) -> Result<SecretString, SecretError> {
    let bytes = fs::read(path).map_err(|e| SecretError::new(reference, e.to_string()))?;
    from_bytes(reference, bytes)
}

async fn from_command(
    reference: &SecretRef,
    argv: &[String],
) -> Result<(SecretRef, SecretString), SecretError> {
    let fail = |why: String| SecretError::new(reference, why);
    let (program, arguments) = argv
        .split_first()
        .ok_or_else(|| fail("it is empty".to_owned()))?;
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        // What it complains about may quote what it knows.
        .stderr(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(COMMAND_LIMIT, child)
        .await
        .map_err(|_| fail(format!("no answer in {} s", COMMAND_LIMIT.as_secs())))?
        .map_err(|e| fail(e.to_string()))?;
    if !output.status.success() {
        return Err(fail(format!("it ended with {}", output.status)));
    }
    Ok((reference.clone(), from_bytes(reference, output.stdout)?))
}

fn from_bytes(reference: &SecretRef, bytes: Vec<u8>) -> Result<SecretString, SecretError> {
    let mut text =
        String::from_utf8(bytes).map_err(|_| SecretError::new(reference, "it is not UTF-8"))?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    not_empty(reference, SecretString::from(text))
}

fn not_empty(reference: &SecretRef, value: SecretString) -> Result<SecretString, SecretError> {
    if value.expose_secret().is_empty() {
        return Err(SecretError::new(reference, "it is empty"));
    }
    Ok(value)
}

/// The secrets of one launch.
#[derive(Debug, Default)]
pub(crate) struct Resolved(BTreeMap<SecretRef, SecretString>);

impl Resolved {
    /// The value of a reference.
    pub(crate) fn get(&self, reference: &SecretRef) -> Result<&SecretString, SecretError> {
        self.0
            .get(reference)
            .ok_or_else(|| SecretError::new(reference, "it was not resolved"))
    }
    /// Fails when a proxy is to inject a value that is too short for it.
    pub(crate) fn check_injected(&self, credentials: &[Credential]) -> Result<(), SecretError> {
        for credential in credentials {
            let Some(value) = self.0.get(&credential.secret) else {
                continue; // no hop asks for it
            };
            if value.expose_secret().chars().count() < SHORTEST_INJECTED {
                return Err(SecretError::too_short(&credential.secret, &credential.name));
            }
        }
        Ok(())
    }
    /// The value of an environment variable.
    pub(crate) fn env(&self, value: &EnvValue) -> Result<SecretString, SecretError> {
        match value {
            EnvValue::Literal(text) => Ok(SecretString::from(text.as_str())),
            EnvValue::Secret(reference) => self.get(reference).cloned(),
        }
    }
    /// All values.
    pub(crate) fn values(&self) -> impl Iterator<Item = &SecretString> {
        self.0.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        Secrets::new(Arc::new(NoPrompt)).with_env(BTreeMap::from([
            ("KEY".to_owned(), SecretString::from("v4lue")),
            ("EMPTY".to_owned(), SecretString::from("")),
        ]))
    }
    async fn one(reference: SecretRef) -> Result<String, String> {
        let resolved = secrets()
            .resolve(&[reference.clone()].into())
            .await
            .map_err(|e| e.to_string())?;
        Ok(resolved.get(&reference).unwrap().expose_secret().to_owned())
    }
    fn command(script: &str) -> SecretRef {
        SecretRef::FromCommand(["/bin/sh", "-c", script].map(str::to_owned).into())
    }

    #[tokio::test]
    async fn every_source_gives_its_value_without_the_last_newline() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, "a\nb\n\n").unwrap();
        assert_eq!(one(SecretRef::FromFile(path)).await.unwrap(), "a\nb\n");
        assert_eq!(
            one(SecretRef::FromEnv("KEY".into())).await.unwrap(),
            "v4lue"
        );
        assert_eq!(one(command("echo out")).await.unwrap(), "out");
        let token = SecretRef::Session("scan".into());
        assert_eq!(one(token.clone()).await.unwrap().len(), TOKEN_LENGTH);
        assert_ne!(one(token.clone()).await, one(token).await);
    }

    #[tokio::test]
    async fn failures_name_the_source_and_hide_what_it_said() {
        for (reference, want) in [
            (
                SecretRef::FromEnv("NOPE".into()),
                "variable `NOPE`: it is not set",
            ),
            (
                SecretRef::FromEnv("EMPTY".into()),
                "variable `EMPTY`: it is empty",
            ),
            (
                SecretRef::FromFile("/nowhere/key".into()),
                "`/nowhere/key`: No such file",
            ),
            (
                command("echo hush >&2; echo hush; exit 3"),
                "`/bin/sh`: it ended with exit status: 3",
            ),
            (command("printf '\\377'"), "it is not UTF-8"),
            (
                SecretRef::FromCommand(vec!["/nowhere/cmd".into()]),
                "No such file",
            ),
            (SecretRef::Prompt("Token?".into()), "no terminal"),
        ] {
            let error = one(reference).await.unwrap_err();
            assert!(error.contains(want), "{error}");
            assert!(!error.contains("hush"), "{error}");
        }
    }
}
