//! `workspace`: the working folder.

mod checkout;
mod provisioner;

pub use provisioner::{Workspace, WorkspaceConfig};
