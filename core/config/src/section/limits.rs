//! `[limits]` and `[network]`.

use ipnet::Ipv4Net;
use schemars::JsonSchema;

use super::Overlay;
use crate::{node::Node, schema::forms, source::Located, values::Word};

/// What the agent's container may use up. `unlimited` takes a limit away.
#[derive(Clone, Debug, Default, JsonSchema)]
#[schemars(deny_unknown_fields, default)]
pub(crate) struct Limits {
    /// Memory: `4GiB`.
    #[schemars(schema_with = "forms::size")]
    pub(crate) memory: Option<Located<Option<u64>>>,
    /// Processors: `2`, `1.5`. Without it, all of the engine's machine.
    #[schemars(schema_with = "forms::number")]
    pub(crate) cpus: Option<Located<Option<u64>>>,
    /// Processes and threads.
    #[schemars(schema_with = "forms::count")]
    pub(crate) pids: Option<Located<Option<u64>>>,
    /// Open files.
    #[schemars(schema_with = "forms::count")]
    pub(crate) nofile: Option<Located<Option<u64>>>,
}

/// The least memory an agent can start with.
pub(crate) const LEAST_MEMORY: u64 = 16 << 20;
/// The fewest processes an agent can start with.
pub(crate) const FEWEST_PIDS: u64 = 16;
/// The fewest open files an agent can start with.
pub(crate) const FEWEST_FILES: u64 = 64;

impl Limits {
    pub(crate) fn read(node: &Node<'_>) -> Self {
        let sink = node.reading.sink;
        node.fields(|table| {
            let text = |key, expected| table.get(key)?.scalar(expected);
            Self {
                memory: text("memory", "a size such as `4GiB`")
                    .and_then(|text| Word::new(&text, sink).size(LEAST_MEMORY)),
                cpus: text("cpus", "a number").and_then(|text| Word::new(&text, sink).cpus()),
                pids: text("pids", "a whole number")
                    .and_then(|text| Word::new(&text, sink).count("processes", FEWEST_PIDS)),
                nofile: text("nofile", "a whole number")
                    .and_then(|text| Word::new(&text, sink).count("open files", FEWEST_FILES)),
            }
        })
        .unwrap_or_default()
    }
}

impl Overlay for Limits {
    fn over(self, lower: Self) -> Self {
        Self {
            memory: self.memory.over(lower.memory),
            cpus: self.cpus.over(lower.cpus),
            pids: self.pids.over(lower.pids),
            nofile: self.nofile.over(lower.nofile),
        }
    }
}

/// Where the bottle's networks get their addresses from.
#[derive(Clone, Debug, Default, JsonSchema)]
#[schemars(deny_unknown_fields, default)]
pub(crate) struct Network {
    /// An IPv4 network that a /28 per network is cut from: `10.213.0.0/16`.
    #[schemars(with = "Option<String>")]
    pub(crate) pool: Option<Located<Ipv4Net>>,
}

impl Network {
    pub(crate) fn read(node: &Node<'_>) -> Self {
        node.fields(|table| Self {
            pool: table
                .text("pool")
                .and_then(|text| Word::new(&text, node.reading.sink).pool()),
        })
        .unwrap_or_default()
    }
}

impl Overlay for Network {
    fn over(self, lower: Self) -> Self {
        Self {
            pool: self.pool.over(lower.pool),
        }
    }
}
