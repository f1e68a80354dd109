//! The sections of a config file: typed, each value with its place.

mod agent;
mod egress;
mod env;
mod image;
mod launch;
mod limits;
mod mount;
mod plugins;
mod secret;
mod whole;
mod workspace;

pub(crate) use agent::AgentTable;
pub(crate) use egress::Egress;
pub(crate) use image::from_word as image_from_word;
pub(crate) use launch::Launch;
pub(crate) use limits::{FEWEST_PIDS, LEAST_MEMORY, Limits, Network};
pub(crate) use mount::{from_flag as mount_from_flag, refused as refused_mount};
pub(crate) use plugins::PluginTables;
pub(crate) use secret::SecretTable;
pub(crate) use whole::Sections;
pub(crate) use workspace::Workspace;

use std::collections::BTreeMap;

/// Laying a higher layer over a lower one.
pub(crate) trait Overlay {
    /// `self` wins.
    #[must_use]
    fn over(self, lower: Self) -> Self;
}

impl<T> Overlay for Option<T> {
    fn over(self, lower: Self) -> Self {
        self.or(lower)
    }
}

impl<V> Overlay for BTreeMap<String, V> {
    fn over(self, mut lower: Self) -> Self {
        lower.extend(self);
        lower
    }
}

/// Lists that add up: the lower layer's items first.
pub(crate) fn joined<T>(higher: Vec<T>, mut lower: Vec<T>) -> Vec<T> {
    lower.extend(higher);
    lower
}
