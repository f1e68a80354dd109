//! The planner: pure, deterministic, serializable.

mod error;
mod input;

pub use error::PlanError;
pub use input::{PlanInput, chain_view, plan};
