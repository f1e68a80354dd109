//! Finding the engine, or starting it.

mod connections;
mod endpoint;
mod service;

pub(crate) use connections::{runtime_paths, settings};
pub(crate) use endpoint::{Endpoint, Found, program_exists, resolve};
pub(crate) use service::Service;

/// Looks up environment variables; a value in tests.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;
