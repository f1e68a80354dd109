//! From a plan to a running bottle.

mod error;
mod launcher;
mod parts;

pub use error::LaunchError;
pub use launcher::Launcher;
pub use parts::Parts;
