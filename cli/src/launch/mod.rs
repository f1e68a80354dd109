//! What `run`, `plan` and `doctor --deep` share: from flags to a plan, from a plan to a bottle.

mod choose;
mod hand_over;
mod prepare;
mod sweep;

pub(crate) use choose::{Found, choose};
pub(crate) use hand_over::{announce_ready, hand_over, inherited_hidden};
pub(crate) use prepare::{Prepared, prepare, prepare_with};
pub(crate) use sweep::{Sweep, backends_of_the_dead};
