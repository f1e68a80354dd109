//! The engine's refusals, told apart by status and words.

use std::{io, time::Duration};

use bollard::errors::Error as Bollard;
use bottle_api::{BackendError, BackendErrorKind as Kind, ExposeSecret, SecretString};
use bottle_backend_common::PackError;

use crate::connect::Refusal;

/// Longer texts of an engine are cut.
const MAX_TEXT: usize = 2000;
/// Shorter values would blank out half of any text.
const MIN_SECRET: usize = 4;

/// What is being tried, on what: the first half of an error's text.
#[derive(Clone, Debug)]
pub(crate) struct Attempt<'a> {
    pub(crate) operation: &'static str,
    pub(crate) subject: &'a str,
    hidden: Vec<&'a SecretString>,
}

impl<'a> Attempt<'a> {
    pub(crate) fn new(operation: &'static str, subject: &'a str) -> Self {
        Self {
            operation,
            subject,
            hidden: vec![],
        }
    }
    /// Values that must not come back in the engine's words, should it repeat the request.
    pub(crate) fn hiding(mut self, values: impl IntoIterator<Item = &'a SecretString>) -> Self {
        self.hidden.extend(values);
        self
    }

    pub(crate) fn error(&self, kind: Kind, message: &str) -> BackendError {
        BackendError::new(
            kind,
            self.operation,
            format!("`{}`: {}", self.subject, self.clean(message)),
        )
    }

    pub(crate) fn timeout(&self, limit: Duration) -> BackendError {
        self.error(
            Kind::Timeout,
            &format!("no answer from the engine within {} s", limit.as_secs()),
        )
        .with_hint("if the engine is only slow, raise `timeout_secs` in `[backend.docker]`")
    }

    /// An answer with an error status.
    pub(crate) fn refused(&self, status: u16, message: &str) -> BackendError {
        let kind = kind_of(status, message);
        let error = self.error(kind, message);
        match hint_for(kind, message) {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }

    pub(crate) fn failed(&self, error: &Bollard) -> BackendError {
        match error {
            Bollard::DockerResponseServerError {
                status_code,
                message,
            } => self.refused(*status_code, message),
            Bollard::DockerStreamError { error } => self.refused(500, error),
            Bollard::IOError { err } => self.io(err),
            Bollard::HyperResponseError { err } => self.lost(err),
            // Nothing of these repeats a request.
            Bollard::JsonDataError { message, .. } => self.error(
                Kind::Other,
                &format!("the engine's answer is not understood: {message}"),
            ),
            other => self.error(Kind::Other, &other.to_string()),
        }
    }

    pub(crate) fn refusal(&self, refusal: &Refusal) -> BackendError {
        match refusal {
            Refusal::Connect(error) => self.io(error),
            Refusal::Http(error) => self.lost(error),
            Refusal::Status(status, message) => self.refused(status.as_u16(), message),
        }
    }

    pub(crate) fn packing(&self, error: &PackError) -> BackendError {
        let kind = if error.is_disk_full() {
            Kind::DiskFull
        } else {
            Kind::Other
        };
        self.error(kind, &error.to_string())
    }

    fn io(&self, error: &io::Error) -> BackendError {
        if error.kind() == io::ErrorKind::PermissionDenied {
            return self
                .error(Kind::Denied, "no permission on the engine's socket")
                .with_hint(
                    "join the group that owns it: `sudo usermod -aG docker $USER`, then log in \
                     again",
                );
        }
        let message = format!("the engine is not reached: {error}");
        let hint = match error.kind() {
            // How rustls reports a certificate it does not trust.
            io::ErrorKind::InvalidData => {
                "check the certificates of `[backend.docker.tls]`, or `DOCKER_CERT_PATH`"
            }
            _ => {
                "start it (`sudo systemctl start docker`), or point at another with `DOCKER_HOST` or `[backend.docker] host`"
            }
        };
        self.error(Kind::EngineDown, &message).with_hint(hint)
    }

    fn lost(&self, error: &hyper::Error) -> BackendError {
        self.error(
            Kind::EngineDown,
            &format!("the connection to the engine broke: {error}"),
        )
        .with_hint("see whether the engine still runs: `docker version`")
    }

    /// One line, of bearable length, without the values to hide.
    fn clean(&self, text: &str) -> String {
        let mut text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for secret in &self.hidden {
            // As it is in this text: its blanks are joined too.
            let value = secret.expose_secret();
            let joined = value.split_whitespace().collect::<Vec<_>>().join(" ");
            for shape in [value, joined.as_str()] {
                if shape.len() >= MIN_SECRET {
                    text = text.replace(shape, "***");
                }
            }
        }
        if let Some((at, _)) = text.char_indices().nth(MAX_TEXT) {
            text.truncate(at);
            text.push('…');
        }
        text
    }
}

fn kind_of(status: u16, message: &str) -> Kind {
    let text = message.to_lowercase();
    let has = |part: &str| text.contains(part);
    if is_disk_full(message) {
        Kind::DiskFull
    } else if has("pool overlaps with other one")
        || has("networks have overlapping")
        || has("address already in use")
    {
        Kind::AddressInUse
    } else if has("unknown runtime specified") || has("unknown or invalid runtime name") {
        Kind::RuntimeMissing
    } else if has("no such image") {
        Kind::ImageMissing
    } else if has("authorization denied by plugin") {
        Kind::Denied
    } else if status == 409 && (has("is already in use by container") || has("already exists")) {
        Kind::NameConflict
    } else if has("client version") && has("api version") {
        Kind::Unsupported
    } else {
        match status {
            401 => Kind::Denied,
            // The program of a container is reported missing under the same status.
            404 if !has("executable file not found") && !has("oci runtime") => Kind::NotFound,
            501 => Kind::Unsupported,
            _ => Kind::Other,
        }
    }
}

pub(crate) fn is_disk_full(message: &str) -> bool {
    let text = message.to_lowercase();
    text.contains("no space left on device") || text.contains("disk quota exceeded")
}

fn hint_for(kind: Kind, message: &str) -> Option<String> {
    let hint = match kind {
        Kind::DiskFull => {
            "free some space on the engine's disk: `docker system df`, `docker system prune`"
        }
        Kind::RuntimeMissing => {
            "install gVisor (https://gvisor.dev/docs/user_guide/install/), register it with \
             `sudo runsc install` and restart the engine; or choose `runtime = \"runc\"`"
        }
        Kind::Unsupported => "use a Docker engine of version 20.10 or later, and a current bottle",
        _ if message.contains("HTTP request to an HTTPS server") => {
            "the engine wants TLS: set `DOCKER_TLS_VERIFY=1` and `DOCKER_CERT_PATH`"
        }
        _ if message.contains("bind source path does not exist") => {
            "the folder must exist on the machine that the engine runs on"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

/// Whether the engine says that this is gone, or was never there.
pub(crate) fn is_gone(error: &BackendError) -> bool {
    error.kind() == Kind::NotFound
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(status: u16, message: &str) -> Kind {
        Attempt::new("try", "it").refused(status, message).kind()
    }

    /// The texts are what engines 20.10, 26.1 and 28.5 answered.
    #[test]
    fn refusals_are_told_apart() {
        for (status, message, expected) in [
            (
                409,
                "Conflict. The container name \"/x\" is already in use by container \"ab\". You have to remove (or rename) that container to be able to reuse that name.",
                Kind::NameConflict,
            ),
            (
                409,
                "network with name x already exists",
                Kind::NameConflict,
            ),
            (
                403,
                "Pool overlaps with other one on this address space",
                Kind::AddressInUse,
            ),
            (
                400,
                "invalid pool request: Pool overlaps with other one on this address space",
                Kind::AddressInUse,
            ),
            (
                403,
                "cannot create network a (br-a): conflicts with network b (br-b): networks have overlapping IPv4",
                Kind::AddressInUse,
            ),
            (500, "Address already in use", Kind::AddressInUse),
            (400, "Unknown runtime specified nope", Kind::RuntimeMissing),
            (
                400,
                "unknown or invalid runtime name: nope",
                Kind::RuntimeMissing,
            ),
            (404, "No such image: nope:latest", Kind::ImageMissing),
            (404, "No such container: abc", Kind::NotFound),
            (404, "network abc not found", Kind::NotFound),
            (404, "get abc: no such volume", Kind::NotFound),
            (
                404,
                "OCI runtime create failed: exec: \"nope\": executable file not found in $PATH: unknown",
                Kind::Other,
            ),
            (
                400,
                "client version 1.52 is too new. Maximum supported API version is 1.41",
                Kind::Unsupported,
            ),
            (403, "authorization denied by plugin opa: no", Kind::Denied),
            (
                500,
                "write /var/lib/docker/tmp/x: no space left on device",
                Kind::DiskFull,
            ),
            (500, "boom", Kind::Other),
            (403, "container rootfs is marked read-only", Kind::Other),
            (
                409,
                "removal of container abc is already in progress",
                Kind::Other,
            ),
            (501, "not implemented", Kind::Unsupported),
        ] {
            assert_eq!(kind(status, message), expected, "{message}");
        }
        let missing = Attempt::new("t", "x").refused(400, "unknown or invalid runtime name: x");
        assert!(missing.hint().unwrap().contains("runsc install"));
    }

    #[test]
    fn values_to_hide_never_come_back() {
        let secret = SecretString::from("s3cret value");
        let short = SecretString::from("a");
        let error = Attempt::new("create container", "x")
            .hiding([&secret, &short])
            .refused(
                400,
                "invalid environment variable: =s3cret  value\nand more",
            );
        assert_eq!(
            error.to_string(),
            "create container: `x`: invalid environment variable: =*** and more"
        );
        assert!(!format!("{error:?}").contains("s3cret"));
    }

    #[test]
    fn a_closed_door_and_a_dead_engine_say_what_to_do() {
        let attempt = Attempt::new("contact", "unix:///x");
        let denied = attempt.io(&io::ErrorKind::PermissionDenied.into());
        assert_eq!(denied.kind(), Kind::Denied);
        assert!(denied.hint().unwrap().contains("usermod -aG docker"));
        let down = attempt.io(&io::ErrorKind::NotFound.into());
        assert_eq!(down.kind(), Kind::EngineDown);
        assert!(down.hint().unwrap().contains("systemctl start docker"));
    }

    #[test]
    fn long_texts_are_cut() {
        let error = Attempt::new("a", "b").refused(500, &"ü".repeat(5000));
        assert!(error.to_string().chars().count() < 2100);
    }
}
