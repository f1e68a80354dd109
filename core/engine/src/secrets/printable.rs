//! A plan as it may be shown and kept: without the secrets that somebody wrote into it as text.

use std::collections::BTreeSet;

use bottle_api::{
    ContainerPlan, Content, EnvValue, ImagePlan, ImageSource, LaunchPlan, Piece, SecretRef,
    SecretString, names_secret, secret_shapes,
};

use super::scrub::MASK;

/// Shorter values are not looked for in other texts: they stand in too many words.
const SHORTEST: usize = 4;

/// A plan that may be shown and kept. References to secrets are in it as they are; a value that
/// was written where a reference belongs is masked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PrintablePlan {
    /// The plan, without those values. Not for launching.
    pub plan: LaunchPlan,
    /// Where the agent gets such a value, in words, with what to do about it.
    pub warnings: Vec<String>,
    values: BTreeSet<String>,
}

impl PrintablePlan {
    /// Masks what has the name or the shape of a secret. Pure.
    pub fn new(plan: &LaunchPlan) -> Self {
        let placeholders = plan.egress.credentials.iter();
        let mut masking = Masking {
            placeholders: placeholders.map(|c| c.placeholder.clone()).collect(),
            values: BTreeSet::new(),
            found: vec![],
        };
        let mut plan = plan.clone();
        for sidecar in &mut plan.sidecars {
            masking.container(&mut sidecar.container);
        }
        // What a plugin writes is its own affair: nobody is warned of it.
        masking.found.clear();
        masking.container(&mut plan.agent);
        for credential in &mut plan.egress.credentials {
            masking.reference(&mut credential.secret);
        }
        masking.found.sort();
        masking.found.dedup();
        let warning = |place: String| {
            format!(
                "{place} looks like a secret written out in full: use `from_env`, `from_file` or \
                 `from_command`; it is masked in the plan and in the session's files"
            )
        };
        Self {
            plan,
            warnings: masking.found.into_iter().map(warning).collect(),
            values: masking.values,
        }
    }

    /// The values that were masked, to keep them out of other texts too.
    pub(crate) fn values(&self) -> impl Iterator<Item = SecretString> {
        let long = self.values.iter().filter(|value| value.len() >= SHORTEST);
        long.map(|value| SecretString::from(value.as_str()))
    }
}

struct Masking {
    placeholders: BTreeSet<String>,
    values: BTreeSet<String>,
    found: Vec<String>,
}

impl Masking {
    fn container(&mut self, container: &mut ContainerPlan) {
        for (name, value) in &mut container.env {
            match value {
                EnvValue::Literal(text) => {
                    if self.named(name, text) {
                        self.found.push(format!("the variable `{name}`"));
                    }
                }
                EnvValue::Secret(reference) => self.reference(reference),
            }
        }
        if self.arguments(container.entrypoint.as_deref_mut().unwrap_or_default())
            | self.arguments(&mut container.command)
        {
            self.found.push("an argument of the agent".to_owned());
        }
        for file in &mut container.files {
            self.content(&mut file.content);
        }
        self.image(&mut container.image);
    }

    fn image(&mut self, image: &mut ImagePlan) {
        let own = match &mut image.source {
            ImageSource::Context(build) => Some(&mut build.args),
            ImageSource::Recipe(recipe) => Some(&mut recipe.args),
            ImageSource::Pull { .. } => None,
        };
        let fallback = image.fallback.as_mut().map(|recipe| &mut recipe.args);
        for (name, value) in own.into_iter().chain(fallback).flatten() {
            if self.named(name, value) {
                self.found.push(format!("the build argument `{name}`"));
            }
        }
    }

    fn content(&mut self, content: &mut Content) {
        match content {
            Content::Text(text) => {
                self.shaped(text);
            }
            Content::Template(pieces) => {
                for piece in pieces {
                    match piece {
                        Piece::Text(text) => {
                            self.shaped(text);
                        }
                        Piece::Secret(reference) | Piece::JsonSecret(reference) => {
                            self.reference(reference);
                        }
                    }
                }
            }
            Content::SecretMap(map) => map.values_mut().for_each(|one| self.reference(one)),
            Content::HostFile(_) | Content::HostFolder(_) | Content::Directory | Content::Ca(_) => {
            }
        }
    }

    fn reference(&mut self, reference: &mut SecretRef) {
        match reference {
            SecretRef::FromCommand(argv) => {
                if self.arguments(argv) {
                    let program = argv.first().map_or("", String::as_str);
                    self.found
                        .push(format!("an argument of `{program}` in `from_command`"));
                }
            }
            SecretRef::Prompt(text) => {
                self.shaped(text);
            }
            SecretRef::FromEnv(_)
            | SecretRef::FromFile(_)
            | SecretRef::FromEnvFile { .. }
            | SecretRef::Session(_) => {}
        }
    }

    /// `--token VALUE`, `--token=VALUE`, `TOKEN=VALUE`, and whatever has the shape of a secret.
    fn arguments(&mut self, arguments: &mut [String]) -> bool {
        let mut masked = false;
        let mut option: Option<String> = None;
        for argument in arguments {
            let name = option.take();
            if let Some((name, value)) = argument.split_once('=') {
                let (name, mut value) = (name.to_owned(), value.to_owned());
                if is_word(name.trim_start_matches('-')) && self.named(&name, &mut value) {
                    *argument = format!("{name}={value}");
                    masked = true;
                    continue;
                }
            }
            masked |= match name {
                Some(name) if !argument.starts_with('-') => self.named(&name, argument),
                _ => self.shaped(argument),
            };
            let word = argument.strip_prefix("--").filter(|word| is_word(word));
            option = word.map(str::to_owned);
        }
        masked
    }

    /// A value with a name: masked as a whole when the name says so.
    fn named(&mut self, name: &str, value: &mut String) -> bool {
        if self.placeholders.contains(value) {
            return false;
        }
        if names_secret(name.trim_start_matches('-')) && !is_plain(name, value) {
            self.values
                .insert(std::mem::replace(value, MASK.to_owned()));
            return true;
        }
        self.shaped(value)
    }

    /// The parts of a text that have the shape of a secret.
    fn shaped(&mut self, text: &mut String) -> bool {
        let ranges = secret_shapes(text);
        for range in ranges.iter().rev() {
            let part = text[range.clone()].to_owned();
            if !self.placeholders.contains(&part) {
                text.replace_range(range.clone(), MASK);
                self.values.insert(part);
            }
        }
        text.contains(MASK) && !ranges.is_empty()
    }
}

fn is_word(text: &str) -> bool {
    let part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    !text.is_empty() && text.bytes().all(part)
}

/// What stands behind many names with `auth`, `login` or `tokens` in them: a switch, a number, a
/// place.
fn is_plain(name: &str, value: &str) -> bool {
    const SWITCHES: [&str; 9] = ["", "0", "1", "true", "false", "yes", "no", "on", "off"];
    let count = name.to_ascii_lowercase().contains("tokens");
    SWITCHES.contains(&value.to_ascii_lowercase().as_str())
        || value.starts_with('/')
        || value.starts_with("~/")
        || value == MASK
        || (count && value.bytes().all(|byte| byte.is_ascii_digit()))
}
