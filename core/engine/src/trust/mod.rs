//! The session's certificate authority and the public roots beside it.

mod ca;
mod roots;
mod truststore;

pub use ca::TrustError;
pub(crate) use ca::{SessionCa, TrustMaterial};
pub use roots::PublicRoots;
