//! Every secret that a plan refers to.

use std::collections::BTreeSet;

use bottle_api::{Content, EnvValue, LaunchPlan, Piece, SecretRef};

/// The references of a plan, each once.
pub(crate) fn references(plan: &LaunchPlan) -> BTreeSet<SecretRef> {
    let mut found = BTreeSet::new();
    for container in plan.containers() {
        for value in container.env.values() {
            if let EnvValue::Secret(reference) = value {
                found.insert(reference.clone());
            }
        }
        for file in &container.files {
            match &file.content {
                Content::Template(pieces) => {
                    found.extend(pieces.iter().filter_map(|piece| match piece {
                        Piece::Secret(reference) | Piece::JsonSecret(reference) => {
                            Some(reference.clone())
                        }
                        Piece::Text(_) => None,
                    }));
                }
                Content::SecretMap(map) => found.extend(map.values().cloned()),
                Content::Text(_)
                | Content::HostFile(_)
                | Content::HostFolder(_)
                | Content::Directory
                | Content::Ca(_) => {}
            }
        }
    }
    found
}
