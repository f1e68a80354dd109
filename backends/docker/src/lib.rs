//! Docker, and whatever runtime it is taught (runc, gVisor's runsc), as a backend of `bottle`.
//!
//! Speaks with the engine's API from 1.41 (Docker 20.10) on, over a unix socket or TCP with TLS,
//! through [bollard](https://docs.rs/bollard). Tested on Docker 20.10, 26.1 and 28.5.
#![deny(missing_docs)]

mod archive;
mod backend;
mod client;
mod config;
mod connect;
mod container;
mod error;
mod guarantees;
mod ids;
mod image;
mod logs;
mod network;
mod owned;
mod probe;
mod process;
mod streams;

pub use backend::Docker;
pub use config::{DockerConfig, TlsFiles};

/// The name it is registered under.
pub const NAME: &str = "docker";
