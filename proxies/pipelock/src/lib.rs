//! [pipelock](https://github.com/luckyPipewrench/pipelock) as a hop: an egress firewall with a
//! strict allowlist and content scanning.
//!
//! pipelock resolves names and connects by itself and cannot hand over to another proxy, so it
//! is always the last hop. What it sees decides what it can promise:
//!
//! * Behind a hop that decrypts (`["mitmproxy", "pipelock"]`) it is handed requests in
//!   absolute form, `https` included, and scans URL, headers, body and response.
//! * Alone, a `CONNECT` is opaque: only the host and the TLS server name are checked, unless
//!   `tls_interception = true` lets it decrypt with the session's CA.
//!
//! It enforces hosts, not ports, methods or paths: rules that need those need a hop in front.
//!
//! [`Config`] is the plugin's table, `[proxy.pipelock]`.
#![deny(missing_docs)]

mod config;
mod guarantees;
mod hop;
mod hosts;
mod keys;
mod log;
mod yaml;

use bottle_api::{
    ConfigError, EgressEvent, HopContext, HopPlan, PluginBuild, PluginError, Proxy, register_proxy,
};

pub use config::{Config, Dlp, Limits, Pattern, Responses};
pub use hosts::{HostLists, HostListsError};
pub use yaml::{Paths, Token, Yaml};

/// The name it is registered under.
pub const NAME: &str = "pipelock";

/// The plugin.
#[derive(Clone, Debug)]
pub struct Pipelock {
    config: Config,
}

impl PluginBuild<dyn Proxy> for Pipelock {
    const NAME: &'static str = NAME;
    const SUMMARY: &'static str = "egress firewall: strict allowlist and content scanning";
    type Config = Config;

    fn build(config: Config) -> Result<Box<dyn Proxy>, ConfigError> {
        config.check()?;
        Ok(Box::new(Self { config }))
    }
}

impl Proxy for Pipelock {
    fn name(&self) -> &'static str {
        NAME
    }
    fn chains(&self) -> bool {
        false
    }
    fn plan(&self, cx: &HopContext<'_>) -> Result<HopPlan, PluginError> {
        hop::plan(&self.config, cx)
    }
    fn parse_log(&self, line: &str) -> Option<EgressEvent> {
        log::parse(line)
    }
}

register_proxy!(Pipelock);
