//! A container engine that keeps everything in this process and fails on demand. For tests.
//!
//! It is faithful where a launcher can go wrong: names and subnets collide, networks with
//! containers on them cannot be removed, labels are the only way to find things, read-only root
//! file systems refuse files, and calls fail before, after or instead of their effect.
//!
//! Programs are simulated: either a test says what they answer ([`Reply`], [`Script`]), or
//! [`Memory::with_programs`] gives them a [`Machine`] to act in.
#![deny(missing_docs)]

mod backend;
mod builder;
mod config;
mod container;
mod faults;
mod files;
mod machine;
mod machine_files;
mod machine_network;
mod memory;
mod process;
mod script;
mod world;

pub use config::MemoryConfig;
pub use faults::{Call, Fault, Faults, selector_name, source_name};
pub use files::FileView;
pub use machine::{Machine, Running};
pub use memory::{ContainerView, Memory};
pub use script::{Reply, Script};

bottle_api::register_backend!(Memory);
