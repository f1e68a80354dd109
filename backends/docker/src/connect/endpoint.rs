//! Which engine is meant, decided as the `docker` command decides it.

use std::path::{Path, PathBuf};

use bottle_api::{BackendError, BackendErrorKind};
use bottle_backend_common::Address;

use super::context;
use crate::config::{DockerConfig, TlsFiles};

const OPERATION: &str = "find the engine";
const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// An engine's address, and who says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) address: Address,
    pub(crate) tls: Option<TlsFiles>,
    /// For people: `unix:///var/run/docker.sock`.
    pub(crate) shown: String,
    /// For people: what named it.
    pub(crate) from: String,
}

/// Looks up environment variables; a value in tests.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Decides which engine is meant. Reads files, connects to nothing.
pub(crate) fn resolve(
    config: &DockerConfig,
    env: Environment<'_>,
) -> Result<Endpoint, BackendError> {
    let set = |name: &str| env(name).filter(|value| !value.is_empty());
    let home = set("HOME").map(PathBuf::from);
    let folder = set("DOCKER_CONFIG")
        .map(PathBuf::from)
        .or_else(|| home.as_ref().map(|home| home.join(".docker")));
    let plain = config.allow_plain_tcp;

    if let Some(host) = &config.host {
        let tls = match &config.tls {
            Some(tls) => Some(tls.clone()),
            None => tls_of_environment(env, folder.as_deref())?,
        };
        return endpoint(host, tls, "`host` in `[backend.docker]`".into(), plain);
    }
    if let Some(name) = config.context.as_deref().filter(|n| *n != context::DEFAULT) {
        return of_context(name, folder.as_deref(), "`[backend.docker]`", plain);
    }
    if config.context.is_none() {
        if let Some(host) = set("DOCKER_HOST") {
            let tls = match &config.tls {
                Some(tls) => Some(tls.clone()),
                None => tls_of_environment(env, folder.as_deref())?,
            };
            return endpoint(&host, tls, "`DOCKER_HOST`".into(), plain);
        }
        let named = match set("DOCKER_CONTEXT") {
            Some(name) => Some((name, "`DOCKER_CONTEXT`")),
            None => match &folder {
                Some(folder) => context::current(folder)?.map(|name| (name, "docker's config")),
                None => None,
            },
        };
        if let Some((name, by)) = named.filter(|(name, _)| name != context::DEFAULT) {
            return of_context(&name, folder.as_deref(), by, plain);
        }
    }
    let socket = default_socket(set("XDG_RUNTIME_DIR").as_deref(), home.as_deref());
    endpoint(
        &format!("unix://{}", socket.display()),
        None,
        "the default".into(),
        plain,
    )
}

/// The system's socket, or the user's own where only that one is there.
fn default_socket(runtime: Option<&str>, home: Option<&Path>) -> PathBuf {
    let system = PathBuf::from(DEFAULT_SOCKET);
    let own = [
        runtime.map(|folder| Path::new(folder).join("docker.sock")),
        home.map(|home| home.join(".docker/run/docker.sock")),
    ];
    if system.exists() {
        return system;
    }
    own.into_iter()
        .flatten()
        .find(|socket| socket.exists())
        .unwrap_or(system)
}

fn of_context(
    name: &str,
    folder: Option<&Path>,
    by: &str,
    plain: bool,
) -> Result<Endpoint, BackendError> {
    let Some(folder) = folder else {
        return Err(failed(format!(
            "context `{name}` (named by {by}) cannot be looked up: `HOME` is not set"
        )));
    };
    let context = context::load(folder, name)?;
    let from = format!("context `{name}` (named by {by})");
    endpoint(&context.host, context.tls, from, plain)
}

/// `DOCKER_TLS_VERIFY` and `DOCKER_CERT_PATH`.
fn tls_of_environment(
    env: Environment<'_>,
    folder: Option<&Path>,
) -> Result<Option<TlsFiles>, BackendError> {
    let set = |name: &str| env(name).filter(|value| !value.is_empty());
    if set("DOCKER_TLS_VERIFY").is_none() {
        return Ok(None);
    }
    let folder = set("DOCKER_CERT_PATH")
        .map(PathBuf::from)
        .or_else(|| folder.map(Path::to_owned))
        .ok_or_else(|| {
            failed("`DOCKER_TLS_VERIFY` is set, but neither `DOCKER_CERT_PATH` nor `HOME`".into())
        })?;
    let pair = [folder.join("cert.pem"), folder.join("key.pem")];
    let both = pair.iter().all(|path| path.exists());
    let [cert, key] = pair.map(|path| both.then_some(path));
    Ok(Some(TlsFiles {
        ca: folder.join("ca.pem"),
        cert,
        key,
    }))
}

fn endpoint(
    host: &str,
    tls: Option<TlsFiles>,
    from: String,
    plain: bool,
) -> Result<Endpoint, BackendError> {
    let Some((scheme, rest)) = host.split_once("://") else {
        return Err(no_address(host, &from));
    };
    let (address, tls) = match scheme {
        "unix" if rest.starts_with('/') => (Address::Unix(rest.into()), None),
        "tcp" | "http" | "https" => {
            let port = if tls.is_some() || scheme == "https" {
                2376
            } else {
                2375
            };
            let tcp = Address::parse_tcp(rest, port).ok_or_else(|| no_address(host, &from))?;
            (tcp, tls)
        }
        "ssh" => {
            return Err(unsupported(host, &from).with_hint(format!(
                "forward the socket yourself: `ssh -nNT -L /tmp/docker.sock:{DEFAULT_SOCKET} {}`, \
                 then `host = \"unix:///tmp/docker.sock\"`",
                rest.trim_end_matches('/')
            )));
        }
        "npipe" | "fd" => return Err(unsupported(host, &from)),
        _ => return Err(no_address(host, &from)),
    };
    let endpoint = Endpoint {
        address,
        tls,
        shown: host.to_owned(),
        from,
    };
    if scheme == "https" && endpoint.tls.is_none() {
        return Err(failed(format!(
            "`{host}` wants TLS, but no certificate of its authority is given"
        ))
        .with_hint("set `[backend.docker.tls] ca = \"...\"`"));
    }
    refuse_plain(&endpoint, plain)?;
    Ok(endpoint)
}

/// Environment and files of a launch hold secrets: not over a network as they are.
fn refuse_plain(endpoint: &Endpoint, allowed: bool) -> Result<(), BackendError> {
    if endpoint.tls.is_some() || allowed || !endpoint.address.crosses_a_network() {
        return Ok(());
    }
    Err(BackendError::new(
        BackendErrorKind::Denied,
        OPERATION,
        format!(
            "`{}` ({}) would carry secrets over the network without TLS",
            endpoint.shown, endpoint.from
        ),
    )
    .with_hint(
        "set `DOCKER_TLS_VERIFY=1` and `DOCKER_CERT_PATH`, or, if the network is trusted, \
         `allow_plain_tcp = true` in `[backend.docker]`",
    ))
}

fn no_address(host: &str, from: &str) -> BackendError {
    failed(format!("`{host}` ({from}) is no engine address"))
        .with_hint("write `unix:///path/to/docker.sock` or `tcp://host:port`")
}

fn unsupported(host: &str, from: &str) -> BackendError {
    BackendError::new(
        BackendErrorKind::Unsupported,
        OPERATION,
        format!("`{host}` ({from}): only unix:// and tcp:// are supported"),
    )
}

fn failed(message: String) -> BackendError {
    BackendError::new(BackendErrorKind::EngineDown, OPERATION, message)
}

#[cfg(test)]
mod tests;
