//! Files of a container: from plans to one archive.

mod archive;
mod content;
mod folder;

pub(crate) use archive::{ArchiveBuilder, OwnTree, Owner, VolumeRoot};
pub(crate) use content::{Sources, pack};
