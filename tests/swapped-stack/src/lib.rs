//! [Squid](http://www.squid-cache.org) of Debian as a hop: an allowlist of hosts and ports.
//!
//! It takes `CONNECT` and plain `http`, never opens TLS, and either connects by itself (last) or
//! hands everything to one parent (in front of another hop).
//!
//! [`Config`] is the plugin's table, `[proxy.squid]`.
#![deny(missing_docs)]

mod acl;
mod config;
mod hop;
mod log;

use bottle_api::{
    ConfigError, EgressEvent, HopContext, HopPlan, PluginBuild, PluginError, Proxy, register_proxy,
};

pub use config::Config;

/// The name it is registered under.
pub const NAME: &str = "squid";

/// The plugin.
#[derive(Clone, Debug)]
pub struct Squid {
    config: Config,
}

impl PluginBuild<dyn Proxy> for Squid {
    const NAME: &'static str = NAME;
    const SUMMARY: &'static str = "allowlist of hosts and ports; leaves TLS closed";
    type Config = Config;

    fn build(config: Config) -> Result<Box<dyn Proxy>, ConfigError> {
        config.check()?;
        Ok(Box::new(Self { config }))
    }
}

impl Proxy for Squid {
    fn name(&self) -> &'static str {
        NAME
    }
    fn chains(&self) -> bool {
        true
    }
    fn plan(&self, cx: &HopContext<'_>) -> Result<HopPlan, PluginError> {
        hop::plan(&self.config, cx)
    }
    fn parse_log(&self, line: &str) -> Option<EgressEvent> {
        log::parse(line)
    }
}

register_proxy!(Squid);
