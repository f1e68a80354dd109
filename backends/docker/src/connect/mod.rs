//! Finding the engine, and speaking HTTP with it.

mod context;
mod endpoint;
mod tls;
mod transport;

pub(crate) use endpoint::{Address, Endpoint, resolve};
pub(crate) use transport::{Refusal, Transport, Upgraded, bollard, says_framed};
