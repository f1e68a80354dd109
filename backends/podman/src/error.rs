//! The engine's refusals, told apart by status and words.

use bottle_api::{BackendError, BackendErrorKind as Kind};
use bottle_backend_common::{Attempt, Dialect};
use podman_api::Error as PodmanApi;

/// What Podman says, and what its users do.
pub(crate) static DIALECT: Dialect = Dialect {
    program: "podman",
    table: "backend.podman",
    kind_of,
    hint_for,
    no_permission: "use your own Podman (`systemctl --user start podman.socket`), or run as a user \
                    who may use this socket",
    not_reached: "start it (`systemctl --user start podman.socket`), or point at another with \
                  `CONTAINER_HOST` or `[backend.podman] host`",
    not_trusted: "podman's service has no TLS; name it by `tcp://` or forward its socket by ssh",
    free_space: "`podman system df`, `podman system prune`",
};

/// Trying this on that.
pub(crate) fn trying<'a>(operation: &'static str, subject: &'a str) -> Attempt<'a> {
    Attempt::new(&DIALECT, operation, subject)
}

/// podman-api takes for an error that something is as it shall be already.
pub(crate) const SO_ALREADY: &str = "it is so already";

/// What podman-api reports, as this crate's errors.
pub(crate) trait Failed {
    fn failed(&self, error: &PodmanApi) -> BackendError;
}
impl Failed for Attempt<'_> {
    fn failed(&self, error: &PodmanApi) -> BackendError {
        match error {
            PodmanApi::Fault { code, .. } if code.as_u16() == 304 => self.refused(304, SO_ALREADY),
            PodmanApi::Fault { code, message } => self.refused(code.as_u16(), &undoubled(message)),
            PodmanApi::IO(error) => self.io(error),
            PodmanApi::SerdeJsonError(error) => self.not_understood(&error.to_string()),
            PodmanApi::Error(error) => match io_cause(error) {
                Some(error) => self.io(error),
                None => self.lost(error),
            },
            other => self.error(Kind::Other, &other.to_string()),
        }
    }
}

/// The cause that counts: hyper wraps why there was no connection.
fn io_cause<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a std::io::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref() {
            return Some(io);
        }
        next = error.source();
    }
    None
}

/// podman-api appends the cause, which the message ends in already.
fn undoubled(message: &str) -> String {
    match message.rsplit_once(": ") {
        Some((whole, cause)) if whole.ends_with(cause) => whole.to_owned(),
        _ => message.to_owned(),
    }
}

fn kind_of(status: u16, message: &str) -> Kind {
    let text = message.to_lowercase();
    let has = |part: &str| text.contains(part);
    if has("is already used on the host or by another config")
        || has("is already allocated to container")
        || has("subnet overlaps")
        || has("address already in use")
    {
        Kind::AddressInUse
    } else if has("requested oci runtime") || has("default oci runtime") {
        Kind::RuntimeMissing
    } else if has("image not known") || has("no such image") {
        Kind::ImageMissing
    } else if has("that name is already in use")
        || has("network already exists")
        || has("volume already exists")
    {
        Kind::NameConflict
    } else {
        match status {
            401 => Kind::Denied,
            404 if !has("executable file not found") && !has("oci runtime") => Kind::NotFound,
            // Said with a general status when somebody else was quicker.
            _ if has("no such container")
                || has("network not found")
                || has("no such volume")
                || has("no such exec session") =>
            {
                Kind::NotFound
            }
            501 => Kind::Unsupported,
            _ => Kind::Other,
        }
    }
}

fn hint_for(kind: Kind, message: &str) -> Option<String> {
    let text = message.to_lowercase();
    let has = |part: &str| text.contains(part);
    let hint = match kind {
        Kind::RuntimeMissing => RUNTIME_HINT,
        _ if has("statfs") && has("no such file or directory") => {
            "the folder must exist on the machine that the engine runs on"
        }
        _ if has("error setting rlimit") || has("rlimits type") => {
            "the engine may not raise its own limits: lower `nofile` in `[limits]`, or start the \
             service with higher ones"
        }
        _ if has("cgroups in hybrid mode not supported") => {
            "crun wants cgroup v2: set `runtime = \"runc\"` in `[engine]` of \
             /etc/containers/containers.conf, or boot with `systemd.unified_cgroup_hierarchy=1`"
        }
        _ if has("newuidmap") || has("subuid") || has("insufficient uids") => SUBUID_HINT,
        _ if has("aardvark-dns") => {
            "no network of a bottle needs it; `dns_enabled` must be off: is this network bottle's?"
        }
        _ if has("slirp4netns") || has("pasta") => {
            "networks without root need `slirp4netns` or `pasta`, and `/dev/net/tun` open to users"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

/// What to do about an engine that does not know a runtime.
pub(crate) const RUNTIME_HINT: &str = "install it (gVisor: https://gvisor.dev/docs/user_guide/install/), name it in \
     `[engine.runtimes]` of containers.conf; or choose `runtime = \"runc\"`";
/// What to do for Podman without root.
pub(crate) const SUBUID_HINT: &str = "Podman without root needs ranges of subordinate ids: `sudo usermod --add-subuids \
     100000-165535 --add-subgids 100000-165535 $USER`, then `podman system migrate`";

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(status: u16, message: &str) -> Kind {
        trying("try", "it").refused(status, message).kind()
    }

    /// The texts are what engine 4.3.1 answered.
    #[test]
    fn refusals_are_told_apart() {
        for (status, message, expected) in [
            (
                500,
                "creating container storage: the container name \"tb2\" is already in use by 6c2e. You have to remove that container to be able to reuse that name: that name is already in use",
                Kind::NameConflict,
            ),
            (
                409,
                "network name tlink already used: network already exists",
                Kind::NameConflict,
            ),
            (
                500,
                "subnet 10.215.0.0/28 is already used on the host or by another config",
                Kind::AddressInUse,
            ),
            (
                500,
                "IPAM error: requested ip address 10.215.0.4 is already allocated to container ID 1e3e",
                Kind::AddressInUse,
            ),
            (500, "sha256:00: image not known", Kind::ImageMissing),
            (
                404,
                "no container with name or ID \"x\" found: no such container",
                Kind::NotFound,
            ),
            (
                404,
                "unable to find network with name or ID x: network not found",
                Kind::NotFound,
            ),
            (
                500,
                "runc: runc create failed: unable to start container process: exec: \"no\": executable file not found in $PATH: OCI runtime attempted to invoke a command that was not found",
                Kind::Other,
            ),
            (
                500,
                "requested OCI runtime x is not available: invalid argument",
                Kind::RuntimeMissing,
            ),
            (500, "write /x: no space left on device", Kind::DiskFull),
            (500, "boom", Kind::Other),
        ] {
            assert_eq!(kind(status, message), expected, "{message}");
        }
    }

    #[test]
    fn a_cause_is_not_said_twice() {
        assert_eq!(undoubled("a: no such x: no such x"), "a: no such x");
        assert_eq!(undoubled("a: b"), "a: b");
    }

    #[test]
    fn known_troubles_have_hints() {
        for (text, part) in [
            ("statfs /no: no such file or directory", "must exist"),
            ("crun: cgroups in hybrid mode not supported", "cgroup v2"),
            ("exec: \"newuidmap\": not found", "subordinate"),
        ] {
            let error = trying("try", "it").refused(500, text);
            assert!(error.hint().unwrap().contains(part), "{error:?}");
        }
        let denied = trying("try", "it").io(&std::io::ErrorKind::PermissionDenied.into());
        assert!(denied.hint().unwrap().contains("your own Podman"));
    }
}
