//! Identifiers, and the labels that tie every engine resource to its session.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

macro_rules! string_id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps a value without checking it.
            pub fn new(value: impl Into<String>) -> Self {
                Self(value.into())
            }
            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(value: &str) -> Self {
                Self(value.to_owned())
            }
        }
    };
}

string_id!(
    /// One launch: the unit of ownership and of clean-up. Lower-case letters and digits.
    SessionId
);
string_id!(
    /// What a resource is for inside its session: `agent`, `proxy-0-mitmproxy`, `link-0`, `egress`.
    Role
);
string_id!(
    /// The state directory (one per user and machine) a session belongs to. Clean-up never
    /// touches a resource of another instance unless told to.
    InstanceId
);
string_id!(
    /// The engine's own identifier of a container.
    ContainerId
);
string_id!(
    /// The engine's own identifier of a network.
    NetworkId
);
string_id!(
    /// The engine's own identifier of an image.
    ImageId
);

impl Role {
    /// The role of the agent's container.
    pub const AGENT: &'static str = "agent";
    /// The role of the network on which the last hop reaches the outside.
    pub const EGRESS: &'static str = "egress";

    /// The role of the agent's container.
    pub fn agent() -> Self {
        Self::new(Self::AGENT)
    }
    /// The role of the egress network.
    pub fn egress() -> Self {
        Self::new(Self::EGRESS)
    }
    /// The role of the internal network between chain position `n - 1` and `n`
    /// (`link-0` joins the agent and the first hop).
    pub fn link(n: usize) -> Self {
        Self::new(format!("link-{n}"))
    }
    /// The role of the hop at chain position `n`.
    pub fn proxy(n: usize, name: &str) -> Self {
        Self::new(format!("proxy-{n}-{name}"))
    }
}

/// Labels as engines store them.
pub type Labels = BTreeMap<String, String>;

/// Label keys that `bottle` writes.
pub mod label {
    /// The session that owns the resource.
    pub const SESSION: &str = "bottle.session";
    /// The resource's role inside the session.
    pub const ROLE: &str = "bottle.role";
    /// The state directory that owns the session.
    pub const INSTANCE: &str = "bottle.instance";
    /// The version of `bottle` that made the resource.
    pub const VERSION: &str = "bottle.version";
    /// On images that `bottle` built and keeps as a cache: `build` or `derive`.
    pub const IMAGE: &str = "bottle.image";
}

/// Who owns a resource. Written on it as labels in the very request that creates it;
/// the only key clean-up uses.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ownership {
    /// The owning session.
    pub session: SessionId,
    /// What the resource is for.
    pub role: Role,
    /// The state directory the session belongs to.
    pub instance: InstanceId,
}

impl Ownership {
    /// The labels to put on the resource.
    pub fn labels(&self) -> Labels {
        [
            (label::SESSION, self.session.as_str()),
            (label::ROLE, self.role.as_str()),
            (label::INSTANCE, self.instance.as_str()),
            (label::VERSION, env!("CARGO_PKG_VERSION")),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
    }

    /// Reads the owner back from a resource's labels. `None` when it is not one of ours.
    pub fn from_labels<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        Some(Self {
            session: SessionId::new(get(label::SESSION)?),
            role: Role::new(get(label::ROLE)?),
            instance: InstanceId::new(get(label::INSTANCE).unwrap_or_default()),
        })
    }
}
