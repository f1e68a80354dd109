//! What the backends of container engines share: nothing here talks to an engine.
//!
//! * [`ImageReference`] is what a user calls an image, checked and taken apart.
//! * [`IgnoreRules`] is a `.dockerignore`.
//! * [`BuildInput`] is a recipe, a context folder or a working folder, as the tar archive a
//!   classic builder takes and as the hash its image is tagged with.
//! * [`owned_resource`] and [`label_filters`] read the owner's labels back.
#![deny(missing_docs)]

mod archive;
mod build;
mod ignore_rules;
mod owner;
mod reference;
mod walk;

pub use archive::{Archive, Digest, PackError};
pub use build::{BuildInput, DEFAULT_DOCKERFILE, base_images};
pub use ignore_rules::{IgnoreRules, PatternError};
pub use owner::{image_labels, image_tag, label_filters, owned_resource};
pub use reference::{ImageReference, ReferenceError};
