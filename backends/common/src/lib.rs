//! What the backends of container engines share. Nothing here knows an engine's product.
//!
//! * [`ImageReference`] is what a user calls an image, checked and taken apart.
//! * [`IgnoreRules`] is a `.dockerignore`.
//! * [`BuildInput`] is a recipe, a context folder or a working folder, as the tar archive a
//!   classic builder takes and as the hash its image is tagged with; [`ensure_image`] and its
//!   sisters look, pull and build by way of an [`ImageStore`].
//! * [`Attempt`] words errors, in an engine's [`Dialect`].
//! * [`Transport`] is HTTP over a socket, with connections that turn into a program's streams;
//!   [`process`] and [`lines`] read those.
//! * [`put_files`] and [`get_files`] move archives by the way that is open.
//! * [`owned_resource`] and [`label_filters`] read the owner's labels back; [`until_gone`]
//!   removes.
#![deny(missing_docs)]

mod address;
mod archive;
mod attempt;
mod build;
mod build_log;
mod container;
mod files;
mod ids;
mod ignore_rules;
mod image;
mod inside;
mod limits;
mod lines;
mod owner;
mod program;
mod pull;
mod reference;
mod removal;
mod runtime;
mod split;
mod streams;
#[cfg(test)]
mod test_dialect;
mod transport;
mod walk;

pub use address::Address;
pub use archive::{Archive, Digest, PackError};
pub use attempt::{Attempt, Dialect, is_disk_full, is_gone, unless_ended};
pub use build::{BuildInput, DEFAULT_DOCKERFILE, base_images};
pub use build_log::BuildLog;
pub use container::{
    IMPATIENT, MIN_PIDS_OWN_KERNEL, NOBODY, STRICT_HOST, check_env, check_hosts, signed, tmpfs,
    whole_seconds, with_path_hint,
};
pub use files::{Files, Place, Seal, get_files, put_files};
pub use ids::checked;
pub use ignore_rules::{IgnoreRules, PatternError};
pub use image::{
    BuildSource, ImageStore, derive_image, ensure_image, find_image, has_image, missing_image,
};
pub use limits::check_limits;
pub use lines::lines;
pub use owner::{image_labels, image_tag, label_filters, owned_resource};
pub use program::{Asked, Shape, missing_program, process, until_ended};
pub use pull::{Credentials, LookUp, credentials_of, pull_failed};
pub use reference::{ImageReference, ReferenceError};
pub use removal::{ListedImage, prune_unused, removal_of, until_gone};
pub use runtime::{Machine, has_own_kernel};
pub use streams::{output, pieces};
pub use transport::{Refusal, Transport, Upgraded, accepted, request, says_framed};
