//! Skeleton; see the crate description.
