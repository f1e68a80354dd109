//! A container engine that keeps everything in this process and fails on demand. For tests.
//!
//! It is faithful where a launcher can go wrong: names and subnets collide, networks with
//! containers on them cannot be removed, labels are the only way to find things, read-only root
//! file systems refuse files, and calls fail before, after or instead of their effect.
#![deny(missing_docs)]

mod backend;
mod config;
mod faults;
mod files;
mod memory;
mod process;
mod script;
mod world;

pub use config::MemoryConfig;
pub use faults::{Call, Fault};
pub use files::FileView;
pub use memory::{ContainerView, Memory};
pub use script::{Reply, Script};

bottle_api::register_backend!(Memory);
