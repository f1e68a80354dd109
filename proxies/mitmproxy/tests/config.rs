//! The table `[proxy.mitmproxy]`.
#![expect(clippy::unwrap_used, reason = "tests")]

use bottle_api::{ConfigError, PluginBuild, PluginTable, Proxy};
use bottle_proxy_mitmproxy::{Config, Mitmproxy, Mode};

fn read(text: &str) -> Result<Config, ConfigError> {
    let table = toml::de::DeTable::parse(text).unwrap();
    let span = table.span();
    let value = toml::Spanned::new(span, toml::de::DeValue::Table(table.into_inner()));
    let config: Config = PluginTable::new(&value).deserialize()?;
    let _: Box<dyn Proxy> = Mitmproxy::build(config.clone())?;
    Ok(config)
}

#[test]
fn nothing_is_needed() {
    assert_eq!(read("").unwrap(), Config::default());
}

#[test]
fn everything_can_be_set() {
    let config = read(
        r#"
        image = "mine:1"
        mode = "upstream"
        tunnel = ["*.files.test"]
        passthrough = ["pinned.test"]
        foreign_credentials = "allow"
        body_limit_mb = 128
        upstream_ca = "/etc/company/ca.pem"
        memory_mb = 2048
        ready_seconds = 90
        [dlp]
        url = "warn"
        headers = "off"
        inspect = "warn"
        credentialed = "block"
        tunnel = "off"
        skip_headers = ["authorization"]
        "#,
    )
    .unwrap();
    assert_eq!(config.mode, Mode::Upstream);
    assert_ne!(config, Config::default());
}

#[test]
fn mistakes_are_named() {
    for (text, part) in [
        ("imgae = \"x\"", "imgae"),
        ("[dlp]\nbody = \"warn\"", "body"),
        ("mode = \"fast\"", "handoff"),
        ("tunnel = [\"*.com\"]", "*.com"),
        ("tunnel = [\"10.0.0.1\"]", "10.0.0.1"),
        ("body_limit_mb = 0", "`body_limit_mb`"),
        ("memory_mb = 0", "`memory_mb`"),
        ("ready_seconds = 4000", "`ready_seconds`"),
        ("upstream_ca = \"ca.pem\"", "absolute"),
        (
            "tunnel = [\"a.test\"]\npassthrough = [\"a.test\"]",
            "`a.test`",
        ),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.message.contains(part), "{text}: {error}");
    }
}
