//! Why there is no plan.

use bottle_api::{PluginError, Statement};

/// Why a launch cannot work as asked. Nothing has been touched when it is returned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// A plugin refused.
    #[error("{kind} `{name}` cannot work here")]
    Plugin {
        /// `proxy` or `provisioner`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// Why.
        source: Box<PluginError>,
    },
    /// Something does not fit together.
    #[error("{message}")]
    Conflict {
        /// What, and why.
        message: String,
        /// What the user can do next.
        hint: String,
    },
    /// Promises that were required and are not given.
    #[error("{}", unmet_text(.0))]
    Unmet(Vec<Statement>),
}

fn unmet_text(unmet: &[Statement]) -> String {
    let reasons: Vec<_> = unmet
        .iter()
        .map(|s| format!("`{}` ({}: {})", s.guarantee, s.by, s.how))
        .collect();
    format!("required, but not given: {}", reasons.join("; "))
}

impl PlanError {
    pub(crate) fn conflict(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Conflict {
            message: message.into(),
            hint: hint.into(),
        }
    }
    /// What the user can do next, one line each.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::Plugin { source, .. } => source.hint().map(str::to_owned).into_iter().collect(),
            Self::Conflict { hint, .. } => vec![hint.clone()],
            Self::Unmet(unmet) => unmet
                .iter()
                .map(|s| {
                    let remedy = s.remedy.as_deref().unwrap_or("there is no remedy here");
                    format!("`{}`: {remedy}, or take it out of `require`", s.guarantee)
                })
                .collect(),
        }
    }
}
