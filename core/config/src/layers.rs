//! The layers before they are merged.

use crate::section::{Overlay, Sections};

/// What each layer says; see [`Layer`](crate::Layer) for their order.
#[derive(Debug)]
pub(crate) struct Layers {
    pub(crate) defaults: Sections,
    pub(crate) user: Sections,
    pub(crate) project: Sections,
    pub(crate) explicit: Sections,
    pub(crate) profiles: Sections,
    pub(crate) env: Sections,
    pub(crate) flags: Sections,
}

impl Layers {
    pub(crate) fn new(defaults: Sections) -> Self {
        Self {
            defaults,
            user: Sections::default(),
            project: Sections::default(),
            explicit: Sections::default(),
            profiles: Sections::default(),
            env: Sections::default(),
            flags: Sections::default(),
        }
    }
    /// What a repository's file lies over.
    pub(crate) fn below(&self) -> Sections {
        self.user.clone().over(self.defaults.clone())
    }
    /// What lies over a repository's file.
    pub(crate) fn above(&self) -> Sections {
        (self.flags.clone())
            .over(self.env.clone())
            .over(self.profiles.clone())
    }
    /// All of them.
    pub(crate) fn merged(&self) -> Sections {
        self.above()
            .over(self.explicit.clone())
            .over(self.project.clone())
            .over(self.below())
    }
}
