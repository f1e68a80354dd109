//! Secrets: references turned into values, and values kept out of texts.

mod collect;
mod env_file;
mod hidden;
mod printable;
mod resolve;
mod scrub;

pub(crate) use collect::references;
pub use hidden::Hidden;
pub use printable::PrintablePlan;
pub(crate) use resolve::Resolved;
pub use resolve::{NoPrompt, Prompt, SecretError, Secrets};
pub(crate) use scrub::Scrubber;
