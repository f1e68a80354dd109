//! The planner: pure, deterministic, serializable.

mod agent;
mod chain;
mod content;
mod error;
mod guarantees;
mod input;
mod merge;
mod order;
mod planner;
mod policy;
mod runtime;
mod shim;
mod sidecar;

pub use error::PlanError;
pub use input::{PlanInput, chain_view};
pub(crate) use input::{ends_tls, provision_context};
pub(crate) use merge::is_below;
pub use planner::plan;
pub(crate) use shim::release as release_shim;
