//! [mitmproxy](https://mitmproxy.org) as a hop: it ends TLS with the session's CA, and an
//! add-on written in Python (`addon/`, read-only in the sidecar) enforces the policy.
//!
//! The add-on judges every request by host, port, method and path, looks for secrets in URL,
//! headers and body, and sends it on in one of these ways:
//!
//! * **inspect** (the default): handed to the next hop in absolute form, `https` included, so
//!   that it can scan what it sees. A next hop that takes tunnels only gets a tunnel, and is
//!   asked through its scan service when it has one.
//! * **credentialed** (hosts with a credential): scanned while it still holds placeholders,
//!   then given the real value, then tunnelled past the next hop. Answers are searched for the
//!   value, which becomes the placeholder again.
//! * **tunnel** (WebSocket, gRPC, and rules that say so): `CONNECT` through the next hop.
//! * **passthrough** (rules that say so): TLS is not opened at all.
//!
//! Nothing is buffered on the way back, every hook fails closed, and a `block_list` refuses
//! everything that the add-on has not marked, so that nothing passes without it.
//!
//! As the last hop it connects by itself, verifies certificates, and refuses addresses and
//! names that resolve to private ones.
//!
//! [`Config`] is the plugin's table, `[proxy.mitmproxy]`.
#![deny(missing_docs)]

mod addon;
mod config;
mod guarantees;
mod hop;
mod log;
mod policy;
mod recipe;

use bottle_api::{
    ConfigError, EgressEvent, EgressPolicy, HopContext, HopPlan, PluginBuild, PluginError, Proxy,
    Readable, register_proxy,
};

pub use config::{Config, Dlp, ForeignCredentials, Mode};

/// The name it is registered under.
pub const NAME: &str = "mitmproxy";

/// The plugin.
#[derive(Clone, Debug)]
pub struct Mitmproxy {
    config: Config,
}

impl PluginBuild<dyn Proxy> for Mitmproxy {
    const NAME: &'static str = NAME;
    const SUMMARY: &'static str = "opens TLS, enforces the whole policy, injects credentials";
    type Config = Config;

    fn build(config: Config) -> Result<Box<dyn Proxy>, ConfigError> {
        config.check()?;
        Ok(Box::new(Self { config }))
    }
}

impl Proxy for Mitmproxy {
    fn name(&self) -> &'static str {
        NAME
    }
    fn chains(&self) -> bool {
        true
    }
    fn hands_over(&self, policy: &EgressPolicy, _: &Readable) -> Readable {
        policy::hands_over(&self.config, policy)
    }
    fn plan(&self, cx: &HopContext<'_>) -> Result<HopPlan, PluginError> {
        hop::plan(&self.config, cx)
    }
    fn parse_log(&self, line: &str) -> Option<EgressEvent> {
        log::parse(line)
    }
}

register_proxy!(Mitmproxy);
