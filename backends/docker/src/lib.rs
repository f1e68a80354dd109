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
mod image;
mod logs;
mod network;
mod owned;
mod probe;
mod process;

pub use backend::Docker;
pub use config::{DockerConfig, TlsFiles};

/// The name it is registered under.
pub const NAME: &str = "docker";

// bollard logs whole request bodies, environment included, at debug level: such records must not
// even be compiled, whatever a program does with its logger.
const _: () = assert!(log::STATIC_MAX_LEVEL as usize <= log::LevelFilter::Info as usize);
