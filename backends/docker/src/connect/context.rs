//! Docker contexts: the endpoints that `docker context create` stores in the user's folder.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use bottle_api::{BackendError, BackendErrorKind};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::config::TlsFiles;

/// The context that stands for "none".
pub(super) const DEFAULT: &str = "default";
const OPERATION: &str = "read the docker context";

/// What a context says about the engine.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Context {
    pub(super) host: String,
    pub(super) tls: Option<TlsFiles>,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(rename = "Endpoints")]
    endpoints: Endpoints,
}
#[derive(Deserialize)]
struct Endpoints {
    docker: Docker,
}
#[derive(Deserialize)]
struct Docker {
    #[serde(rename = "Host", default)]
    host: String,
    #[serde(rename = "SkipTLSVerify", default)]
    skip_tls_verify: bool,
}

#[derive(Deserialize)]
struct ClientConfig {
    #[serde(rename = "currentContext", default)]
    current_context: String,
}

/// The context chosen by `docker context use`. `folder` is the user's docker folder.
pub(super) fn current(folder: &Path) -> Result<Option<String>, BackendError> {
    let path = folder.join("config.json");
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if absent(&error) => return Ok(None),
        Err(error) => return Err(unreadable(&path, &error)),
    };
    // The rest of the file holds credentials: say where it is wrong, never what it says.
    let config: ClientConfig = serde_json::from_slice(&bytes).map_err(|error| {
        failed(format!(
            "`{}` is not valid JSON (line {}, column {})",
            path.display(),
            error.line(),
            error.column()
        ))
    })?;
    let name = config.current_context;
    Ok((!name.is_empty() && name != DEFAULT).then_some(name))
}

/// Reads a context. Its folders are named by the hash of its name.
pub(super) fn load(folder: &Path, name: &str) -> Result<Context, BackendError> {
    let id = hex::encode(Sha256::digest(name.as_bytes()));
    let path = folder.join("contexts/meta").join(&id).join("meta.json");
    let bytes = fs::read(&path).map_err(|error| {
        if absent(&error) {
            failed(format!(
                "there is no docker context `{name}` in `{}`",
                folder.display()
            ))
            .with_hint("list them with `docker context ls`")
        } else {
            unreadable(&path, &error)
        }
    })?;
    let meta: Meta = serde_json::from_slice(&bytes).map_err(|error| {
        failed(format!(
            "context `{name}`: `{}` names no docker endpoint: {error}",
            path.display()
        ))
    })?;
    let endpoint = meta.endpoints.docker;
    if endpoint.host.is_empty() {
        return Err(failed(format!("context `{name}` names no host")));
    }
    if endpoint.skip_tls_verify {
        return Err(BackendError::new(
            BackendErrorKind::Unsupported,
            OPERATION,
            format!("context `{name}` does not check the engine's certificate"),
        )
        .with_hint(
            "create the context with `ca=...` and without `skip-tls-verify`: secrets travel \
             over this connection",
        ));
    }
    let tls = tls_files(&folder.join("contexts/tls").join(&id).join("docker"));
    Ok(Context {
        host: endpoint.host,
        tls,
    })
}

fn tls_files(folder: &Path) -> Option<TlsFiles> {
    let file = |name: &str| -> Option<PathBuf> {
        let path = folder.join(name);
        path.exists().then_some(path)
    };
    Some(TlsFiles {
        ca: file("ca.pem")?,
        cert: file("cert.pem"),
        key: file("key.pem"),
    })
}

fn absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn unreadable(path: &Path, error: &io::Error) -> BackendError {
    failed(format!("cannot read `{}`: {error}", path.display()))
}

fn failed(message: String) -> BackendError {
    BackendError::new(BackendErrorKind::EngineDown, OPERATION, message)
}
