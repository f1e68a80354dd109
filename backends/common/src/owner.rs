//! The owner's labels, as engines store and filter them.

use std::{collections::HashMap, hash::BuildHasher};

use bottle_api::{Labels, OwnedResource, OwnedSelector, Ownership, ResourceKind, label};

use crate::Digest;

/// Values of an engine's `label` filter that select what matches, and never what is not ours.
pub fn label_filters(selector: &OwnedSelector) -> Vec<String> {
    let mut filters = match &selector.session {
        Some(session) => vec![format!("{}={session}", label::SESSION)],
        // The key alone: whatever carries it, of any session.
        None => vec![label::SESSION.to_owned()],
    };
    if let Some(instance) = &selector.instance {
        filters.push(format!("{}={instance}", label::INSTANCE));
    }
    if let Some(role) = &selector.role {
        filters.push(format!("{}={role}", label::ROLE));
    }
    filters
}

/// A resource as listed, if its labels make it ours and match. Engines have ignored filters they
/// did not understand, so the selector is applied here again.
pub fn owned_resource<S: BuildHasher>(
    kind: ResourceKind,
    id: String,
    name: String,
    running: bool,
    labels: &HashMap<String, String, S>,
    selector: &OwnedSelector,
) -> Option<OwnedResource> {
    let owner = Ownership::from_labels(|key| labels.get(key).map(String::as_str))?;
    let OwnedSelector {
        instance,
        session,
        role,
    } = selector;
    let matches = instance.as_ref().is_none_or(|it| *it == owner.instance)
        && session.as_ref().is_none_or(|it| *it == owner.session)
        && role.as_ref().is_none_or(|it| *it == owner.role);
    matches.then_some(OwnedResource {
        kind,
        id,
        name,
        owner,
        running,
    })
}

/// Labels of an image that `bottle` builds; `kind` is `build` or `derive`.
pub fn image_labels(kind: &str) -> Labels {
    [
        (label::IMAGE, kind),
        (label::VERSION, env!("CARGO_PKG_VERSION")),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

/// The tag of an image with this content.
pub fn image_tag(repository: &str, digest: &Digest) -> String {
    format!("bottle/{repository}:{}", digest.short())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bottle_api::{InstanceId, Role, SessionId};

    fn owner() -> Ownership {
        Ownership {
            session: SessionId::new("s1"),
            role: Role::agent(),
            instance: InstanceId::new("i1"),
        }
    }

    #[test]
    fn filters_always_name_the_session_label() {
        assert_eq!(label_filters(&OwnedSelector::default()), ["bottle.session"]);
        let selector = OwnedSelector {
            instance: Some(InstanceId::new("i")),
            session: Some(SessionId::new("s")),
            role: Some(Role::new("r")),
        };
        assert_eq!(
            label_filters(&selector),
            ["bottle.session=s", "bottle.instance=i", "bottle.role=r"]
        );
    }

    #[test]
    fn what_carries_no_session_or_another_is_not_selected() {
        let labels: HashMap<_, _> = owner().labels().into_iter().collect();
        let find = |labels: &HashMap<String, String>, selector: &OwnedSelector| {
            owned_resource(
                ResourceKind::Volume,
                "id".into(),
                "n".into(),
                false,
                labels,
                selector,
            )
        };
        let found = find(&labels, &OwnedSelector::default()).unwrap();
        assert_eq!(found.owner, owner());
        assert!(find(&HashMap::new(), &OwnedSelector::default()).is_none());
        for other in [
            OwnedSelector {
                session: Some(SessionId::new("s2")),
                ..Default::default()
            },
            OwnedSelector {
                instance: Some(InstanceId::new("i2")),
                ..Default::default()
            },
            OwnedSelector {
                role: Some(Role::egress()),
                ..Default::default()
            },
        ] {
            assert!(find(&labels, &other).is_none(), "{other:?}");
        }
    }
}
