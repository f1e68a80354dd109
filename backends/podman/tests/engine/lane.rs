//! What is Podman's own in the tests that all engines share, with root and without.

use std::{os::unix::fs::MetadataExt, path::Path};

use bottle_api::{BackendError, BackendErrorKind, BackendInfo};
use bottle_backend_podman::{Podman, PodmanConfig};

use crate::{
    ROOTLESS, SERVICE,
    harness::{Network, skip},
};

pub(crate) type Backend = Podman;

/// What a hint about a missing runtime holds.
pub(crate) const RUNTIME_HINT: &str = "[engine.runtimes]";
/// What a hint about a full disk holds.
pub(crate) const FREE_SPACE: &str = "podman system";
/// What is said against removing a network that is used.
pub(crate) const NETWORK_IN_USE: &str = "network is being used";
/// The engine's init.
pub(crate) const INIT: &str = "catatonit";
/// What the names of images built here begin with.
pub(crate) const LOCAL: &str = "localhost/";

/// What a hint says when nobody answers.
pub(crate) const START_HINT: &str = "systemctl --user start podman.socket";
/// What a hint says about a closed socket.
pub(crate) const DENIED_HINT: &str = "your own Podman";

/// The engine at this address.
pub(crate) fn at(host: &str, timeout_secs: Option<u64>) -> Podman {
    let mut config = PodmanConfig::default();
    config.host = Some(host.to_owned());
    config.timeout_secs = timeout_secs.unwrap_or(config.timeout_secs);
    Podman::new(config).unwrap()
}

pub(crate) fn connect() -> Result<Podman, BackendError> {
    match std::env::var(SERVICE) {
        Ok(host) => Ok(at(&host, None)),
        Err(_) => Err(BackendError::new(
            BackendErrorKind::EngineDown,
            "find the engine",
            format!("`{SERVICE}` names no service; see tests/lib/podman"),
        )),
    }
}

pub(crate) fn socket() -> String {
    let host = std::env::var(SERVICE).unwrap();
    let path = host.strip_prefix("unix://");
    path.expect("these tests need a unix socket").to_owned()
}

pub(crate) fn runtimes(info: &BackendInfo) -> Vec<String> {
    let mut runtimes = vec!["runc".to_owned()];
    if info.runtimes.contains("runsc") {
        runtimes.push("runsc".to_owned());
    } else if ROOTLESS {
        eprintln!("not tried with gVisor: the service is another user's, and takes its default");
    } else {
        skip("gVisor: the engine has no runtime `runsc`");
    }
    runtimes
}

/// Limits are tried wherever the backend promises them; with root it must.
pub(crate) fn limits_hold(info: &BackendInfo) -> bool {
    !ROOTLESS || !info.facts.contains_key("limits_missing")
}

/// Podman 4 does not see it on control groups of version 1.
pub(crate) fn tells_lack_of_memory(info: &BackendInfo) -> bool {
    info.facts["cgroups"] == "v2" || !info.engine.starts_with("Podman 4.")
}

/// Every release gives an exec's terminal its size from the start.
pub(crate) fn size_at_start(_: &BackendInfo) -> bool {
    true
}

pub(crate) fn check_log(config: &serde_json::Value) {
    // What Docker's API calls `k8s-file`.
    assert_eq!(config["Type"], "json-file");
}

/// The engine's user must own what is bound, as a user owns a working folder.
pub(crate) fn give(folder: &Path) {
    let owner = std::fs::metadata(socket()).unwrap();
    let files = std::fs::read_dir(folder)
        .unwrap()
        .map(|it| it.unwrap().path());
    for path in files.chain([folder.to_owned()]) {
        std::os::unix::fs::chown(path, Some(owner.uid()), Some(owner.gid())).unwrap();
    }
}

/// Where the host is, for a container on a network that leads out. Without root, networks have a
/// machine of their own in between.
pub(crate) fn host_on(egress: &Network) -> std::net::IpAddr {
    if !ROOTLESS {
        return egress.address(1);
    }
    // The address that leads out: bridges of other tests come and go.
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.connect("192.0.2.1:9").unwrap();
    socket.local_addr().unwrap().ip()
}
