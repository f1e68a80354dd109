//! Finding the engine, and speaking HTTP with it.

mod context;
mod endpoint;
mod tls;
mod transport;

pub(crate) use endpoint::{Endpoint, resolve};
pub(crate) use transport::{bollard, transport};
