//! Errors of the other crates, as failures of a command.

use bottle_config::Diagnostics;
use bottle_engine::{LaunchError, PlanError, PoolError, ReapError, StoreError};

use crate::output::{Code, Failure};

impl From<Diagnostics> for Failure {
    fn from(diagnostics: Diagnostics) -> Self {
        Self::of(&diagnostics).diagnostics(diagnostics.into_iter().collect())
    }
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Self {
        error.hints().into_iter().fold(Self::of(&error), Self::hint)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::of(&error).hint(error.hint())
    }
}

impl From<ReapError> for Failure {
    fn from(error: ReapError) -> Self {
        match error {
            ReapError::Backend(error) => error.into(),
            ReapError::Store(error) => error.into(),
            error => Self::of(&error),
        }
    }
}

impl From<PoolError> for Failure {
    fn from(error: PoolError) -> Self {
        Self::of(&error).hint("set `[network] pool` to a private range such as `10.214.0.0/16`")
    }
}

impl From<LaunchError> for Failure {
    fn from(error: LaunchError) -> Self {
        let mut failure = Self::of(&error).maybe_hint(error.hint().as_deref());
        if let LaunchError::NotReady { role, logs, .. } = &error {
            failure = failure.detail(&format!("the last lines of `{role}`:"), logs);
        }
        failure.code(Code::OURS)
    }
}
