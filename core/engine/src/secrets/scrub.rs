//! Keeps secret values out of every text that is shown or written.

use std::fmt;

use bottle_api::{BackendError, EgressEvent, Event, ExposeSecret, PluginError, SecretString};

use super::Hidden;

/// Stands where a secret stood.
pub(super) const MASK: &str = "[secret]";
/// A line of a longer secret is hidden by itself from this length on.
const LINE: usize = 8;

/// Knows the secrets of one launch, and takes them out of texts.
#[derive(Clone, Default)]
pub(crate) struct Scrubber {
    /// Longest first, so that a secret inside another does not leave the rest behind.
    needles: Vec<SecretString>,
}
impl fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scrubber({})", self.needles.len())
    }
}

impl Scrubber {
    /// Keeps these values out, in every form they take.
    pub(crate) fn new<'a>(values: impl IntoIterator<Item = &'a SecretString>) -> Self {
        let mut texts: Vec<String> = Vec::new();
        for value in values.into_iter().map(ExposeSecret::expose_secret) {
            texts.push(value.to_owned());
            // As it looks inside JSON, and line by line in a log.
            if let Ok(json) = serde_json::to_string(value) {
                texts.push(json[1..json.len() - 1].to_owned());
            }
            texts.extend(
                value
                    .lines()
                    .map(str::trim)
                    .filter(|l| l.len() >= LINE)
                    .map(str::to_owned),
            );
        }
        texts.sort_by(|a, b| (b.len(), a).cmp(&(a.len(), b)));
        texts.dedup();
        texts.retain(|t| !t.is_empty());
        Self {
            needles: texts.into_iter().map(SecretString::from).collect(),
        }
    }

    /// What the next owner must know.
    pub(crate) fn hidden(&self) -> Hidden {
        Hidden::new(self.needles.clone())
    }

    /// The text without secrets.
    pub(crate) fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for needle in self.needles.iter().map(ExposeSecret::expose_secret) {
            if text.contains(needle) {
                text = text.replace(needle, MASK);
            }
        }
        text
    }

    fn holds(&self, text: &str) -> bool {
        self.needles
            .iter()
            .any(|needle| text.contains(needle.expose_secret()))
    }
    fn in_place(&self, text: &mut String) {
        if self.holds(text) {
            *text = self.text(text);
        }
    }

    /// The event without secrets in its free texts.
    pub(crate) fn event(&self, mut event: Event) -> Event {
        match &mut event {
            Event::Progress { task, detail, .. } => {
                self.in_place(task);
                self.in_place(detail);
            }
            Event::Warning { message } => self.in_place(message),
            Event::TeardownStep { label, error } => {
                self.in_place(label);
                if let Some(error) = error {
                    self.in_place(error);
                }
            }
            Event::Egress(egress) => self.egress(egress),
            _ => {}
        }
        event
    }

    fn egress(&self, event: &mut EgressEvent) {
        self.in_place(&mut event.time);
        [
            &mut event.method,
            &mut event.host,
            &mut event.path,
            &mut event.rule,
            &mut event.reason,
        ]
        .into_iter()
        .flatten()
        .for_each(|text| self.in_place(text));
    }

    /// The error without secrets, in itself and in its causes.
    pub(crate) fn backend_error(&self, error: BackendError) -> BackendError {
        let chain = chain_text(&error);
        if !self.holds(&chain) && !error.hint().is_some_and(|hint| self.holds(hint)) {
            return error;
        }
        let message = chain
            .strip_prefix(error.operation())
            .and_then(|rest| rest.strip_prefix(": "))
            .unwrap_or(&chain);
        let clean = BackendError::new(error.kind(), error.operation(), self.text(message));
        match error.hint() {
            Some(hint) => clean.with_hint(self.text(hint)),
            None => clean,
        }
    }

    /// The error without secrets, in itself and in its causes.
    pub(crate) fn plugin_error(&self, error: PluginError) -> PluginError {
        match error {
            PluginError::Backend(error) => PluginError::Backend(self.backend_error(error)),
            error => {
                let (text, hint) = (chain_text(&error), error.hint().map(str::to_owned));
                if !self.holds(&text) && !hint.as_deref().is_some_and(|h| self.holds(h)) {
                    return error;
                }
                PluginError::Failed {
                    message: self.text(&text),
                    hint: hint.map(|hint| self.text(&hint)),
                }
            }
        }
    }
}

/// An error and its causes in one line.
fn chain_text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use bottle_api::{BackendErrorKind, Decision, SecretRef};

    use super::*;
    use crate::{NoPrompt, Secrets};

    async fn scrubber() -> Scrubber {
        let env = [
            ("A", "sk-\"quoted\""),
            ("B", "first-line-of-key\nsecond-line-of-key"),
            ("C", "sk-"),
        ];
        let secrets = Secrets::new(Arc::new(NoPrompt)).with_env(
            env.iter()
                .map(|(k, v)| ((*k).to_owned(), SecretString::from(*v)))
                .collect::<BTreeMap<_, _>>(),
        );
        let refs = env.map(|(k, _)| SecretRef::FromEnv(k.into())).into();
        Scrubber::new(secrets.resolve(&refs).await.unwrap().values())
    }

    #[tokio::test]
    async fn values_vanish_in_every_form() {
        let scrubber = scrubber().await;
        for text in [
            "got sk-\"quoted\" there",
            r#"{"key":"sk-\"quoted\""}"#,
            "log: second-line-of-key",
            "first-line-of-key\nsecond-line-of-key",
        ] {
            let clean = scrubber.text(text);
            assert!(clean.contains(MASK), "{clean}");
            assert!(
                !clean.contains("quoted") && !clean.contains("-line-"),
                "{clean}"
            );
        }
        assert_eq!(scrubber.text("nothing here"), "nothing here");
        assert!(!format!("{scrubber:?}").contains("quoted"));
    }

    #[tokio::test]
    async fn errors_and_events_are_clean_down_to_their_causes() {
        let scrubber = scrubber().await;
        let error = BackendError::new(BackendErrorKind::Denied, "create container", "no")
            .with_source(std::io::Error::other("bad sk-\"quoted\""))
            .with_hint("use sk-\"quoted\"");
        let clean = scrubber.backend_error(error);
        assert_eq!(clean.kind(), BackendErrorKind::Denied);
        assert_eq!(clean.to_string(), "create container: no: bad [secret]");
        assert_eq!(clean.hint(), Some("use [secret]"));
        let mut egress = EgressEvent::new("p", Decision::Deny);
        egress.path = Some("/second-line-of-key".into());
        let Event::Egress(egress) = scrubber.event(Event::Egress(egress)) else {
            panic!("another event")
        };
        assert_eq!(egress.path.as_deref(), Some("/[secret]"));
    }
}
