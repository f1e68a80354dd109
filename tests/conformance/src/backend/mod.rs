//! The suite over a backend.

mod cases;
mod floor;
mod outside;
mod room;
mod suite;
mod watch;

pub(crate) use room::{Network, Room, Said};
pub use suite::BackendSuite;
pub(crate) use suite::Build;
