//! `workspace`: the working folder.

mod checkout;
mod host_git;
mod provisioner;

pub use provisioner::{Workspace, WorkspaceConfig};
