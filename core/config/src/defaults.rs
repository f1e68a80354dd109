//! What holds when nothing says otherwise. The only place of the core that names a product:
//! the default chain and the runtime that a repository may ask for are data.

use bottle_api::{RuntimeChoice, WorkspaceMode};
use ipnet::Ipv4Net;

use crate::{
    section::{Launch, Network, Sections, Workspace},
    source::{Located, Source},
};

/// The default chain, from the agent outward.
pub(crate) const PROXIES: &[&str] = &["mitmproxy", "pipelock"];

/// A runtime that is known to be no weaker than the automatic choice, on every engine.
pub(crate) const STRONG_RUNTIME: &str = "runsc";

/// Where the working folder is inside.
pub(crate) const TARGET: &str = "/workspace";

/// Where networks get their addresses from: private, and seldom used by anybody.
pub(crate) static POOL: Located<Ipv4Net> = Located {
    value: Ipv4Net::new_assert(std::net::Ipv4Addr::new(10, 213, 0, 0), 16),
    source: Source::NOWHERE,
};

/// The lowest layer.
pub(crate) fn sections() -> Sections {
    let name = |name: &&str| Located::default_value((*name).to_owned());
    Sections {
        launch: Launch {
            runtime: Some(Located::default_value(RuntimeChoice::Auto)),
            proxies: Some(Located::default_value(PROXIES.iter().map(name).collect())),
            ..Launch::default()
        },
        workspace: Workspace {
            mode: Some(Located::default_value(WorkspaceMode::Bind)),
            target: Some(Located::default_value(TARGET.to_owned())),
            include_git: Some(Located::default_value(true)),
            ..Workspace::default()
        },
        network: Network {
            pool: Some(POOL.clone()),
        },
        ..Sections::default()
    }
}
