//! The journal on disk: one folder a session, locked by its owner while it lives.

mod error;
mod history;
mod lease;
mod meta;
mod record;
mod sessions;

pub use error::StoreError;
pub use lease::Lease;
pub use meta::SessionMeta;
pub use record::{SessionRecord, SessionState};
pub use sessions::SessionStore;

pub(crate) use history::archive;
