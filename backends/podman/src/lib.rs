//! Podman, with root or without, as a backend of `bottle`.
//!
//! Speaks with the libpod API from 4.3 on, over a unix socket or TCP; tested on Podman 4.3.1 and
//! 5.4.2. Most calls go through [podman-api](https://docs.rs/podman-api); those it gets wrong, or
//! whose answers changed in Podman 5, go through the module `raw`. Where no service runs and the
//! `podman` program is there, one is started for as long as this process lives.
//!
//! Podman's own secrets are not used: environment and files travel in the request body and in
//! archives, as with every backend, so there is nothing of that kind to reconcile.
#![deny(missing_docs)]

mod archive;
mod backend;
mod client;
mod config;
mod connect;
mod container;
mod error;
mod execs;
mod firewall;
mod guarantees;
mod image;
mod logs;
mod network;
mod owned;
mod probe;
mod process;
mod raw;
mod runtimes;

pub use backend::Podman;
pub use config::PodmanConfig;

/// The name it is registered under.
pub const NAME: &str = "podman";

// Clients log whole requests at debug level: such records must not even be compiled, whatever a
// program does with its logger.
const _: () = assert!(log::STATIC_MAX_LEVEL as usize <= log::LevelFilter::Info as usize);
