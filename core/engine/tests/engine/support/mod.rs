//! A small world for tests: two made-up proxies, two provisioners, a user's wishes, a launcher.

mod plugins;
mod rig;

pub(crate) use plugins::{Back, Front, Helper, Lax, Trust};
pub(crate) use rig::{Rig, boxed, chain_text, spec};
