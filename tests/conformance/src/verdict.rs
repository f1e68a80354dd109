//! What a case finds.

use std::{error::Error, fmt};

use bottle_api::{BackendError, PluginError};

/// Why a case did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Miss {
    /// The contract is broken, in these words.
    Broken(String),
    /// The case cannot be tried here, for this reason. Shown, never silent.
    NotHere(String),
}

/// The result of a case, or of a step of one.
pub type Checked<T = ()> = Result<T, Miss>;

impl Miss {
    /// The contract is broken.
    pub fn broken(why: impl Into<String>) -> Self {
        Self::Broken(why.into())
    }
    /// It cannot be tried here.
    pub fn not_here(why: impl Into<String>) -> Self {
        Self::NotHere(why.into())
    }
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Broken(why) | Self::NotHere(why)) = self;
        f.write_str(why)
    }
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

impl From<BackendError> for Miss {
    fn from(error: BackendError) -> Self {
        Self::Broken(format!("{} ({:?})", chain(&error), error.kind()))
    }
}
impl From<PluginError> for Miss {
    fn from(error: PluginError) -> Self {
        Self::Broken(chain(&error))
    }
}
impl From<std::io::Error> for Miss {
    fn from(error: std::io::Error) -> Self {
        Self::Broken(format!("the suite itself: {error}"))
    }
}

/// Fails the case unless this holds.
macro_rules! ensure {
    ($holds:expr, $($why:tt)+) => {
        if !$holds {
            return Err($crate::Miss::broken(format!($($why)+)));
        }
    };
}
/// Fails the case unless both are equal.
macro_rules! same {
    ($found:expr, $wanted:expr, $($why:tt)+) => {
        // A match keeps temporaries alive.
        match (&$found, &$wanted) {
            (found, wanted) => {
                if *found != *wanted {
                    let what = format!($($why)+);
                    return Err($crate::Miss::broken(format!(
                        "{what}: found {found:?}, want {wanted:?}"
                    )));
                }
            }
        }
    };
}
pub(crate) use {ensure, same};
