//! A Podman service of our own: started where none answers, and ended with this process.

use std::{
    fs::{File, Permissions},
    io::{Read, Seek},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Stdio,
    sync::Mutex,
    time::Duration,
};

use bottle_api::{BackendError, BackendErrorKind};
use bottle_backend_common::Address;
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::AsyncWriteExt,
    net::UnixStream,
    process::{Child, Command},
    time::{Instant, sleep},
};

use super::Endpoint;
use crate::error::{SUBUID_HINT, trying};

const OPERATION: &str = "start podman's service";
/// A service nobody asks any more ends by itself after so many seconds: should this process be
/// killed, its lifeline breaks and the service goes too.
const IDLE: &str = "15";
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// Asked for and never answered to the end, this request keeps the service from being idle.
const LIFELINE: &str = "GET /v4.3.1/libpod/events?stream=true&filters=%7B%22container%22%3A%5B%22\
                        bottle-lifeline%22%5D%7D HTTP/1.1\r\nHost: podman\r\n\r\n";

/// A running service. Dropping it asks it to end.
#[derive(Debug)]
pub(crate) struct Service {
    child: Mutex<Child>,
    endpoint: Endpoint,
    /// Holds the socket; only this user may look into it.
    _folder: tempfile::TempDir,
    _lifeline: UnixStream,
}

impl Service {
    /// Starts a service, with this runtime as its default if one is named, and waits until it
    /// listens.
    pub(crate) async fn start(
        program: &str,
        runtime: Option<&str>,
        limit: Duration,
    ) -> Result<Self, BackendError> {
        let attempt = trying(OPERATION, program);
        let io = |error: std::io::Error| attempt.error(BackendErrorKind::Other, &error.to_string());
        let folder = private_folder().map_err(io)?;
        let socket = folder.path().join("podman.sock");
        let mut said = tempfile::tempfile().map_err(io)?;
        let mut child = spawn(program, runtime, &socket, &said).map_err(|error| {
            let (kind, hint) = match error.kind() {
                std::io::ErrorKind::NotFound => (
                    BackendErrorKind::EngineDown,
                    "install Podman (https://podman.io/docs/installation), or point at a service \
                     with `CONTAINER_HOST`",
                ),
                _ => (
                    BackendErrorKind::Denied,
                    "check that the program may be run",
                ),
            };
            attempt.error(kind, &error.to_string()).with_hint(hint)
        })?;
        let lifeline = match listening(&mut child, &socket, limit).await {
            Ok(lifeline) => lifeline,
            Err(why) => {
                end(&child);
                let said = last_words(&mut said);
                let kind = if matches!(why, Silence::Slow) {
                    BackendErrorKind::Timeout
                } else {
                    BackendErrorKind::EngineDown
                };
                let error = attempt.error(kind, &format!("{why}: {said}"));
                return Err(error.with_hint(hint(&said)));
            }
        };
        Ok(Self {
            child: Mutex::new(child),
            endpoint: Endpoint {
                shown: format!("unix://{}", socket.display()),
                address: Address::Unix(socket),
            },
            _folder: folder,
            _lifeline: lifeline,
        })
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Whether it still runs.
    pub(crate) fn runs(&self) -> bool {
        self.child
            .lock()
            .is_ok_and(|mut child| matches!(child.try_wait(), Ok(None)))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Ok(child) = self.child.get_mut() {
            end(child);
        }
    }
}

/// A shell's Ctrl-C is not for the service: it has a group of its own.
fn spawn(
    program: &str,
    runtime: Option<&str>,
    socket: &Path,
    said: &File,
) -> std::io::Result<Child> {
    let mut command = Command::new(program);
    if let Some(runtime) = runtime {
        command.args(["--runtime", runtime]);
    }
    command
        .args(["system", "service", "--time", IDLE])
        .arg(format!("unix://{}", socket.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(said.try_clone()?)
        .process_group(0);
    // Another engine that our own environment names is not what is wanted now.
    for name in ["CONTAINER_HOST", "CONTAINER_CONNECTION"] {
        command.env_remove(name);
    }
    command.spawn()
}

/// In memory where that is, and short enough for a socket's name.
fn private_folder() -> std::io::Result<tempfile::TempDir> {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|folder| Path::new(folder).is_dir());
    let mut builder = tempfile::Builder::new();
    builder
        .prefix("bottle-podman-")
        .permissions(Permissions::from_mode(0o700));
    match runtime {
        Some(folder) => builder.tempdir_in(folder),
        None => builder.tempdir(),
    }
}

/// Why nothing listens.
#[derive(Debug)]
enum Silence {
    Ended(String),
    Slow,
}
impl std::fmt::Display for Silence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ended(how) => write!(f, "it ended at once ({how})"),
            Self::Slow => f.write_str("it does not listen"),
        }
    }
}

async fn listening(
    child: &mut Child,
    socket: &Path,
    limit: Duration,
) -> Result<UnixStream, Silence> {
    let deadline = Instant::now() + limit;
    loop {
        if let Ok(mut stream) = UnixStream::connect(socket).await
            && stream.write_all(LIFELINE.as_bytes()).await.is_ok()
        {
            return Ok(stream);
        }
        if let Ok(Some(status)) = child.try_wait() {
            return Err(Silence::Ended(status.to_string()));
        }
        if Instant::now() >= deadline {
            return Err(Silence::Slow);
        }
        sleep(LOOK_AGAIN).await;
    }
}

fn end(child: &Child) {
    let pid = child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // Gone already is as good.
        let _ = kill_process(pid, Signal::TERM);
    }
}

/// The end of what it said, on one line.
fn last_words(said: &mut File) -> String {
    let mut text = String::new();
    let read = said.rewind().and_then(|()| said.read_to_string(&mut text));
    if read.is_err() || text.trim().is_empty() {
        return "it said nothing".to_owned();
    }
    let lines: Vec<_> = text.trim().lines().collect();
    lines[lines.len().saturating_sub(3)..].join(" ")
}

fn hint(said: &str) -> String {
    let said = said.to_lowercase();
    let about = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if about(&["subuid", "newuidmap", "newgidmap", "uid_map"]) {
        SUBUID_HINT.to_owned()
    } else if about(&["oci runtime", "default runtime"]) {
        crate::error::RUNTIME_HINT.to_owned()
    } else if about(&["clone new user namespace", "user namespaces"]) {
        "this machine forbids user namespaces: `sudo sysctl -w kernel.unprivileged_userns_clone=1`, \
         or use the system's Podman"
            .to_owned()
    } else {
        "see what it says: `podman info`".to_owned()
    }
}

#[cfg(test)]
#[path = "service/tests.rs"]
mod tests;
