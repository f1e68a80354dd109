//! Which engine is meant.

use std::path::{Path, PathBuf};

use bottle_api::{BackendError, BackendErrorKind};
use bottle_backend_common::Address;

use super::{
    Environment,
    connections::{Settings, settings},
};
use crate::config::PodmanConfig;

const OPERATION: &str = "find the engine";
const SYSTEM_SOCKET: &str = "/run/podman/podman.sock";
/// The port in Podman's own examples.
const DEFAULT_PORT: u16 = 8080;

/// An engine's address, and who says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) address: Address,
    /// For people: `unix:///run/podman/podman.sock`.
    pub(crate) shown: String,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Somebody named it: this one or none.
    Named(Endpoint),
    /// A socket at one of the usual places, which may be stale.
    Usual(Endpoint),
    /// None; where one would be.
    Nothing(Endpoint),
}

/// Decides which engine is meant. Reads files, connects to nothing.
pub(crate) fn resolve(
    config: &PodmanConfig,
    env: Environment<'_>,
    root: bool,
) -> Result<Found, BackendError> {
    let set = |name: &str| env(name).filter(|value| !value.is_empty());
    let plain = config.allow_plain_tcp;
    if let Some(host) = &config.host {
        return endpoint(host, "`host` in `[backend.podman]`", plain).map(Found::Named);
    }
    if let Some(name) = &config.connection {
        let by = "`connection` in `[backend.podman]`";
        return connection(&settings(env)?, name, by, plain).map(Found::Named);
    }
    if let Some(host) = set("CONTAINER_HOST") {
        return endpoint(&host, "`CONTAINER_HOST`", plain).map(Found::Named);
    }
    let settings = settings(env)?;
    if let Some(name) = set("CONTAINER_CONNECTION") {
        return connection(&settings, &name, "`CONTAINER_CONNECTION`", plain).map(Found::Named);
    }
    let usual = usual_socket(set("XDG_RUNTIME_DIR").as_deref(), root);
    let here = usual.exists();
    if let Some(name) = &settings.default {
        let by = "the default of `podman system connection`";
        let uri = settings.destinations.get(name);
        // The `podman` command of this machine does not mind a default elsewhere either.
        let elsewhere = uri.is_some_and(|uri| uri.starts_with("ssh://"));
        if !elsewhere || !(here || program_exists(&config.program, env)) {
            return connection(&settings, name, by, plain).map(Found::Named);
        }
    }
    let endpoint = Endpoint {
        shown: format!("unix://{}", usual.display()),
        address: Address::Unix(usual),
    };
    Ok(if here {
        Found::Usual(endpoint)
    } else {
        Found::Nothing(endpoint)
    })
}

/// The user's own socket, or the system's for root.
fn usual_socket(runtime: Option<&str>, root: bool) -> PathBuf {
    match runtime {
        Some(folder) if !root => Path::new(folder).join("podman/podman.sock"),
        _ => SYSTEM_SOCKET.into(),
    }
}

/// Whether a program is on the `PATH`.
pub(crate) fn program_exists(program: &str, env: Environment<'_>) -> bool {
    if program.contains('/') {
        return Path::new(program).exists();
    }
    let path = env("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn connection(
    settings: &Settings,
    name: &str,
    by: &str,
    plain: bool,
) -> Result<Endpoint, BackendError> {
    let Some(uri) = settings.destinations.get(name) else {
        return Err(failed(format!(
            "there is no podman connection `{name}` (named by {by})"
        ))
        .with_hint("list them with `podman system connection list`"));
    };
    endpoint(uri, &format!("connection `{name}`, named by {by}"), plain)
}

fn endpoint(host: &str, from: &str, plain: bool) -> Result<Endpoint, BackendError> {
    let no_address = || {
        failed(format!("`{host}` ({from}) is no engine address"))
            .with_hint("write `unix:///path/to/podman.sock` or `tcp://host:port`")
    };
    let (scheme, rest) = host.split_once("://").ok_or_else(no_address)?;
    let address = match scheme {
        "unix" if rest.starts_with('/') => Address::Unix(rest.into()),
        "tcp" | "http" => Address::parse_tcp(rest, DEFAULT_PORT).ok_or_else(no_address)?,
        "ssh" => return Err(no_ssh(rest, from)),
        _ => return Err(no_address()),
    };
    if !plain && address.crosses_a_network() {
        return Err(BackendError::new(
            BackendErrorKind::Denied,
            OPERATION,
            format!("`{host}` ({from}) would carry secrets over the network without TLS"),
        )
        .with_hint(
            "forward its socket by ssh, or, if the network is trusted, `allow_plain_tcp = true` \
             in `[backend.podman]`",
        ));
    }
    Ok(Endpoint {
        address,
        shown: host.to_owned(),
    })
}

fn no_ssh(rest: &str, from: &str) -> BackendError {
    let (machine, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, port) = match machine.rsplit_once(':') {
        Some((user, port)) if port.parse::<u16>().is_ok() => (user, format!(" -p {port}")),
        _ => (machine, String::new()),
    };
    let path = if path.is_empty() {
        SYSTEM_SOCKET.to_owned()
    } else {
        format!("/{path}")
    };
    BackendError::new(
        BackendErrorKind::Unsupported,
        OPERATION,
        format!("`ssh://{rest}` ({from}): only unix:// and tcp:// are supported"),
    )
    .with_hint(format!(
        "forward the socket yourself: `ssh -nNT{port} -L /tmp/podman.sock:{path} {user}`, then \
         `host = \"unix:///tmp/podman.sock\"`"
    ))
}

fn failed(message: String) -> BackendError {
    BackendError::new(BackendErrorKind::EngineDown, OPERATION, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    /// A folder for all that is read, and variables.
    struct World(tempfile::TempDir, HashMap<&'static str, String>);

    impl World {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().to_str().unwrap().to_owned();
            let all = [
                ("XDG_CONFIG_HOME", path.clone()),
                ("XDG_RUNTIME_DIR", path),
                ("CONTAINERS_CONF", "/dev/null".into()),
            ];
            Self(folder, all.into())
        }
        fn set(mut self, name: &'static str, value: &str) -> Self {
            self.1.insert(name, value.to_owned());
            self
        }
        fn connections(self, default: &str, uri: &str) -> Self {
            let folder = self.0.path().join("containers");
            std::fs::create_dir_all(&folder).unwrap();
            let text = format!(
                r#"{{"Connection":{{"Default":"{default}","Connections":{{"c":{{"URI":"{uri}"}}}}}}}}"#
            );
            std::fs::write(folder.join("podman-connections.json"), text).unwrap();
            self
        }
        fn socket(self) -> Self {
            let folder = self.0.path().join("podman");
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("podman.sock"), "").unwrap();
            self
        }
        fn resolve(&self, config: &PodmanConfig) -> Result<Found, BackendError> {
            resolve(config, &|name| self.1.get(name).cloned(), false)
        }
        fn shown(&self) -> String {
            match self.resolve(&PodmanConfig::default()).unwrap() {
                Found::Named(it) => format!("named {}", it.shown),
                Found::Usual(it) => format!("usual {}", it.shown),
                Found::Nothing(_) => "nothing".into(),
            }
        }
    }

    #[test]
    fn what_is_named_more_closely_wins() {
        assert_eq!(World::new().shown(), "nothing");
        assert!(World::new().socket().shown().starts_with("usual unix://"));
        let world = World::new().socket().connections("c", "unix:///c");
        assert_eq!(world.shown(), "named unix:///c");
        let world = world
            .connections("", "unix:///c")
            .set("CONTAINER_CONNECTION", "c");
        assert_eq!(world.shown(), "named unix:///c");
        let world = world.set("CONTAINER_HOST", "unix:///h");
        assert_eq!(world.shown(), "named unix:///h");
        let config = PodmanConfig {
            host: Some("unix:///own".into()),
            ..PodmanConfig::default()
        };
        let Found::Named(own) = world.resolve(&config).unwrap() else {
            panic!("not named")
        };
        assert_eq!(own.shown, "unix:///own");
    }

    #[test]
    fn a_default_by_ssh_counts_only_where_nothing_is_here() {
        let uri = "ssh://me@far:2222/run/user/1000/podman/podman.sock";
        let world = World::new().connections("c", uri);
        let error = world.resolve(&PodmanConfig::default()).unwrap_err();
        assert_eq!(error.kind(), BackendErrorKind::Unsupported);
        let hint = error.hint().unwrap();
        let wanted =
            "ssh -nNT -p 2222 -L /tmp/podman.sock:/run/user/1000/podman/podman.sock me@far";
        assert!(hint.contains(wanted), "{hint}");
        assert!(world.socket().shown().starts_with("usual"));
    }

    #[test]
    fn nonsense_and_open_networks_are_refused() {
        for (host, kind) in [
            ("nonsense", BackendErrorKind::EngineDown),
            ("unix://relative", BackendErrorKind::EngineDown),
            ("tcp://far:1", BackendErrorKind::Denied),
            ("tcp://user@far:1", BackendErrorKind::EngineDown),
            ("ssh://far", BackendErrorKind::Unsupported),
        ] {
            let world = World::new().set("CONTAINER_HOST", host);
            let error = world.resolve(&PodmanConfig::default()).unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.hint().is_some(), "{error}");
        }
        assert_eq!(
            World::new()
                .set("CONTAINER_HOST", "tcp://127.0.0.1")
                .shown(),
            "named tcp://127.0.0.1"
        );
        let world = World::new().set("CONTAINER_CONNECTION", "gone");
        let error = world.resolve(&PodmanConfig::default()).unwrap_err();
        assert!(error.to_string().contains("`gone`"), "{error}");
    }
}
