//! The engine's refusals, told apart by status and words.

use bollard::errors::Error as Bollard;
use bottle_api::{BackendError, BackendErrorKind as Kind};
use bottle_backend_common::{Attempt, Dialect};

/// What Docker says, and what its users do.
pub(crate) static DIALECT: Dialect = Dialect {
    program: "docker",
    table: "backend.docker",
    kind_of,
    hint_for,
    no_permission: "join the group that owns it: `sudo usermod -aG docker $USER`, then log in again",
    not_reached: "start it (`sudo systemctl start docker`), or point at another with `DOCKER_HOST` or \
                  `[backend.docker] host`",
    not_trusted: "check the certificates of `[backend.docker.tls]`, or `DOCKER_CERT_PATH`",
    free_space: "`docker system df`, `docker system prune`",
};

/// Trying this on that.
pub(crate) fn trying<'a>(operation: &'static str, subject: &'a str) -> Attempt<'a> {
    Attempt::new(&DIALECT, operation, subject)
}

/// What bollard reports, as this crate's errors.
pub(crate) trait Failed {
    fn failed(&self, error: &Bollard) -> BackendError;
}
impl Failed for Attempt<'_> {
    fn failed(&self, error: &Bollard) -> BackendError {
        match error {
            Bollard::DockerResponseServerError {
                status_code,
                message,
            } => self.refused(*status_code, message),
            Bollard::DockerStreamError { error } => self.refused(500, error),
            Bollard::IOError { err } => self.io(err),
            Bollard::HyperResponseError { err } => self.lost(err),
            // Nothing of these repeats a request.
            Bollard::JsonDataError { message, .. } => self.not_understood(message),
            other => self.error(Kind::Other, &other.to_string()),
        }
    }
}

fn kind_of(status: u16, message: &str) -> Kind {
    let text = message.to_lowercase();
    let has = |part: &str| text.contains(part);
    if has("pool overlaps with other one")
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

fn hint_for(kind: Kind, message: &str) -> Option<String> {
    let hint = match kind {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(status: u16, message: &str) -> Kind {
        trying("try", "it").refused(status, message).kind()
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
        let missing = trying("t", "x").refused(400, "unknown or invalid runtime name: x");
        assert!(missing.hint().unwrap().contains("runsc install"));
    }

    #[test]
    fn a_closed_door_and_a_dead_engine_say_what_to_do() {
        let attempt = trying("contact", "unix:///x");
        let denied = attempt.io(&std::io::ErrorKind::PermissionDenied.into());
        assert!(denied.hint().unwrap().contains("usermod -aG docker"));
        let down = attempt.io(&std::io::ErrorKind::NotFound.into());
        assert!(down.hint().unwrap().contains("systemctl start docker"));
    }
}
