//! `[launch]`.

use bottle_api::{Guarantee, RuntimeChoice};
use schemars::JsonSchema;

use super::{Overlay, joined};
use crate::{node::Node, source::Located, values::Word};

/// Selects what is run, where and behind what.
#[derive(Clone, Debug, Default, JsonSchema)]
#[schemars(deny_unknown_fields, default)]
pub(crate) struct Launch {
    /// The agent: a preset, or `[agent.NAME]`.
    pub(crate) agent: Option<Located<String>>,
    /// The bottle's name. A pinned name that is taken is an error; without one, names count up.
    pub(crate) name: Option<Located<String>>,
    /// The backend. Without one, the first that answers.
    pub(crate) backend: Option<Located<String>>,
    /// The OCI runtime of the agent. `auto` is the one its backend prefers where the engine has
    /// it, else the engine's default; any other name is required.
    #[schemars(with = "Option<String>")]
    pub(crate) runtime: Option<Located<RuntimeChoice>>,
    /// The proxies, from the agent outward. `[]` is a bottle without network.
    #[schemars(with = "Option<Vec<String>>")]
    pub(crate) proxies: Option<Located<Vec<Located<String>>>>,
    /// The provisioners. Without this, every one this binary has.
    #[schemars(with = "Option<Vec<String>>")]
    pub(crate) provisioners: Option<Located<Vec<Located<String>>>>,
    /// Guarantees without which nothing is started. Layers add up.
    pub(crate) require: Vec<Located<Guarantee>>,
}

impl Launch {
    pub(crate) fn read(node: &Node<'_>) -> Self {
        let sink = node.reading.sink;
        node.fields(|table| Self {
            agent: table.text("agent"),
            name: table
                .text("name")
                .and_then(|text| Word::new(&text, sink).slug()),
            backend: table.text("backend"),
            runtime: table
                .text("runtime")
                .and_then(|text| Word::new(&text, sink).runtime()),
            proxies: table.get("proxies").map(|node| names(&node)),
            provisioners: table.get("provisioners").map(|node| names(&node)),
            require: table.read("require", |node| {
                let texts = node.texts();
                let read = |text| Word::new(text, sink).guarantee();
                texts.iter().filter_map(read).collect()
            }),
        })
        .unwrap_or_default()
    }
}

impl Overlay for Launch {
    fn over(self, lower: Self) -> Self {
        Self {
            agent: self.agent.over(lower.agent),
            name: self.name.over(lower.name),
            backend: self.backend.over(lower.backend),
            runtime: self.runtime.over(lower.runtime),
            proxies: self.proxies.over(lower.proxies),
            provisioners: self.provisioners.over(lower.provisioners),
            require: joined(self.require, lower.require),
        }
    }
}

fn names(node: &Node<'_>) -> Located<Vec<Located<String>>> {
    Located::new(node.texts(), node.source())
}
