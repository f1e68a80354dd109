//! From a plan to a running bottle.

mod adopt;
mod agent;
mod attempt;
mod container;
mod error;
mod exec;
mod follow;
mod handles;
mod hop;
mod host_step;
mod image;
mod journal;
mod launcher;
mod network;
mod owned;
mod owner;
mod parts;
mod phases;
mod ready;
mod run;
mod undo;
mod watch;

pub use error::LaunchError;
pub(crate) use host_step::undo_all;
pub use launcher::Launcher;
pub use parts::Parts;
