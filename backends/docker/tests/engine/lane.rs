//! What is Docker's own in the tests that all engines share.

use std::path::Path;

use bottle_api::{BackendError, BackendInfo};
use bottle_backend_docker::{Docker, DockerConfig};

use crate::harness::{Network, skip};

pub(crate) type Backend = Docker;

/// What a hint about a missing runtime holds.
pub(crate) const RUNTIME_HINT: &str = "runsc install";
/// What a hint about a full disk holds.
pub(crate) const FREE_SPACE: &str = "docker system";
/// What is said against removing a network that is used.
pub(crate) const NETWORK_IN_USE: &str = "active endpoints";
/// The engine's init.
pub(crate) const INIT: &str = "docker-init";
/// What the names of images built here begin with.
pub(crate) const LOCAL: &str = "";

/// What a hint says when nobody answers.
pub(crate) const START_HINT: &str = "systemctl start docker";
/// What a hint says about a closed socket.
pub(crate) const DENIED_HINT: &str = "usermod -aG docker";

/// The engine at this address.
pub(crate) fn at(host: &str, timeout_secs: Option<u64>) -> Docker {
    let mut config = DockerConfig::default();
    config.host = Some(host.to_owned());
    config.timeout_secs = timeout_secs.unwrap_or(config.timeout_secs);
    Docker::new(config).unwrap()
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "other engines may not have been started for the tests"
)]
pub(crate) fn connect() -> Result<Docker, BackendError> {
    Ok(Docker::new(DockerConfig::default()).unwrap())
}

pub(crate) fn socket() -> String {
    let host = std::env::var("DOCKER_HOST").unwrap_or_default();
    match host.strip_prefix("unix://") {
        Some(path) => path.to_owned(),
        None if host.is_empty() => "/var/run/docker.sock".to_owned(),
        None => panic!("these tests need a unix socket, not {host}"),
    }
}

pub(crate) fn runtimes(info: &BackendInfo) -> Vec<String> {
    let mut runtimes = vec!["runc".to_owned()];
    if info.runtimes.contains("runsc") {
        runtimes.push("runsc".to_owned());
    } else {
        skip("gVisor: the engine has no runtime `runsc`");
    }
    runtimes
}

/// Limits are tried on every engine.
pub(crate) fn limits_hold(_: &BackendInfo) -> bool {
    true
}

/// Every release says so.
pub(crate) fn tells_lack_of_memory(_: &BackendInfo) -> bool {
    true
}

/// Whether an exec's terminal has its size from the start: API 1.42.
pub(crate) fn size_at_start(info: &BackendInfo) -> bool {
    info.facts["api"].as_str() >= "1.42"
}

pub(crate) fn check_log(config: &serde_json::Value) {
    assert_eq!(config["Type"], "json-file");
    assert_eq!(config["Config"]["max-size"], "10m");
}

/// The engine's user may look everywhere.
pub(crate) fn give(_: &Path) {}

/// Where the host is, for a container on a network that leads out.
pub(crate) fn host_on(egress: &Network) -> std::net::IpAddr {
    egress.address(1)
}
