//! Trust in a repository's file (design decision 9): what it may say by itself, and how a user
//! grants the rest.

mod refusal;
mod store;
mod widen;
mod widen_agents;
mod widen_plugins;

pub(crate) use refusal::refusal;
pub use store::{FileHash, FileSet, Trust, TrustStore, TrustedFile};
pub use widen::Widening;
pub(crate) use widen::{Ground, widenings};
pub(crate) use widen_plugins::entry;
