//! Plans a launch, runs it, watches it, and takes it down again.
//!
//! ```text
//! LaunchSpec ──> plan() ──> LaunchPlan ──> Launcher::launch ──> Session ──> teardown ──> Outcome
//!                (pure)     (data)         (owned task)                     (proven)
//! ```
//!
//! It knows the contract of `bottle-api` and nothing else: no engine, no proxy, no terminal.
//!
//! * [`plan()`] turns what the user asked for into a [`LaunchPlan`](bottle_api::LaunchPlan).
//! * [`Launcher`] makes the plan real through the verbs of one backend.
//! * [`Session`] is a running bottle; dropping it takes it down.
//! * [`SessionStore`] is the journal on disk: who lives, who is dead, what was logged.
//! * [`clean`] removes what dead sessions left.
#![deny(missing_docs)]

mod files;
mod launch;
mod names;
mod plan;
mod pool;
mod reap;
mod secrets;
mod session;
mod store;
mod teardown;
mod trust;

pub use launch::{LaunchError, Launcher, Parts};
pub use names::{container_name, new_session_id, slug};
pub use plan::{PlanError, PlanInput, chain_view, plan};
pub use pool::{AddressPool, PoolError};
pub use reap::{CleanOptions, CleanReport, Debris, ReapError, clean};
pub use secrets::{Hidden, NoPrompt, PrintablePlan, Prompt, SecretError, Secrets};
pub use session::{Handover, Outcome, Session};
pub use store::{Lease, SessionMeta, SessionRecord, SessionState, SessionStore, StoreError};
pub use teardown::{StepOutcome, TeardownReport};
pub use trust::{PublicRoots, TrustError};
