//! What an engine says about itself, as a [`BackendInfo`].

use std::collections::BTreeSet;

use bollard::models::SystemInfo;
use bottle_api::{BackendInfo, PreferredRuntime};
use bottle_backend_common::{Address, MIN_PIDS_OWN_KERNEL, Machine, has_own_kernel};

use crate::{client::Server, connect::Endpoint};

/// Keys of [`BackendInfo::facts`], for the guarantees.
pub(crate) mod fact {
    pub(crate) const API: &str = "api";
    pub(crate) const PODMAN: &str = "podman";
    /// Names of runtimes with a kernel of their own, separated by blanks.
    pub(crate) const OWN_KERNEL: &str = "own_kernel";
    /// Limits that the engine's machine does not enforce, separated by blanks.
    pub(crate) const LIMITS_MISSING: &str = "limits_missing";
    /// The host drops packets whose answer would take another way.
    pub(crate) const STRICT_PATHS: &str = "strict_paths";
}

/// Puts the answers together.
pub(crate) fn describe(
    server: &Server,
    info: &SystemInfo,
    endpoint: &Endpoint,
    machine: &Machine,
) -> BackendInfo {
    let product = if server.podman { "Podman" } else { "Docker" };
    let default_runtime = info.default_runtime.clone().unwrap_or_default();
    let mut described = BackendInfo::new(
        format!("{product} {}", server.version),
        endpoint.shown.clone(),
        default_runtime,
    );
    let runtimes = info.runtimes.iter().flatten();
    described
        .runtimes
        .extend(runtimes.map(|(name, _)| name.clone()));
    described.preferred_runtime = Some(PreferredRuntime {
        name: "runsc".to_owned(),
        install: "install gVisor (on Debian: `apt-get install runsc`), register it with `sudo \
                  runsc install` and restart the engine"
            .to_owned(),
    });
    let own_kernel = own_kernels(info);
    let least = own_kernel
        .iter()
        .map(|name| (name.clone(), MIN_PIDS_OWN_KERNEL));
    described.min_pids = least.collect();
    described.cpus = info.ncpu.and_then(|cpus| u64::try_from(cpus).ok());
    described.rootless = has_option(info, "rootless");
    described.local = is_local(info, machine);
    described.notes = notes(server, info, endpoint, described.local);

    let own_kernel: Vec<_> = own_kernel.into_iter().collect();
    let mut fact = |key: &str, value: String| {
        if !value.is_empty() {
            described.facts.insert(key.to_owned(), value);
        }
    };
    fact(fact::API, server.api.to_string());
    fact(fact::OWN_KERNEL, own_kernel.join(" "));
    fact(fact::LIMITS_MISSING, limits_missing(info).join(" "));
    if server.podman {
        fact(fact::PODMAN, "yes".to_owned());
    }
    if is_local(info, machine) && machine.rp_filter == Some(1) {
        fact(fact::STRICT_PATHS, "yes".to_owned());
    }
    described
}

/// The runtimes with a kernel of their own.
pub(crate) fn own_kernels(info: &SystemInfo) -> BTreeSet<String> {
    let runtimes = info.runtimes.iter().flatten();
    runtimes
        .filter(|(name, runtime)| has_own_kernel(name, runtime.path.as_deref()))
        .map(|(name, _)| name.clone())
        .collect()
}

/// An engine elsewhere, or in a container, has other paths. Docker Desktop's machine shares the
/// user's folders.
fn is_local(info: &SystemInfo, machine: &Machine) -> bool {
    info.operating_system.as_deref() == Some("Docker Desktop")
        || machine.is(info.name.as_deref(), info.kernel_version.as_deref())
}

fn has_option(info: &SystemInfo, name: &str) -> bool {
    info.security_options.iter().flatten().any(|option| {
        option
            .split(',')
            .any(|part| part.strip_prefix("name=") == Some(name))
    })
}

fn limits_missing(info: &SystemInfo) -> Vec<&'static str> {
    [
        ("memory", info.memory_limit),
        ("pids", info.pids_limit),
        ("cpus", info.cpu_cfs_quota),
    ]
    .into_iter()
    .filter(|(_, there)| *there != Some(true))
    .map(|(name, _)| name)
    .collect()
}

fn notes(server: &Server, info: &SystemInfo, endpoint: &Endpoint, local: bool) -> Vec<String> {
    let mut notes = Vec::new();
    let mut note = |when: bool, text: &str| {
        if when {
            notes.push(text.to_owned());
        }
    };
    note(
        server.podman,
        "Podman answers on Docker's API; several guarantees are withheld",
    );
    note(
        !server.init,
        "`docker-init` is not installed with the engine: containers run without an init, so \
         zombies are not reaped",
    );
    note(
        !has_option(info, "seccomp"),
        "the engine has no seccomp: system calls are not filtered under runc",
    );
    note(
        has_option(info, "userns"),
        "the engine maps user ids (userns-remap): files of a bound folder belong to other users \
         inside",
    );
    note(
        !local,
        "the engine runs on another machine or in a container: folders of this one cannot be \
         bound",
    );
    note(
        matches!(endpoint.address, Address::Tcp { .. }) && endpoint.tls.is_none(),
        "the engine is reached over TCP without TLS",
    );
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Api;
    use bollard::models::Runtime;
    use std::collections::HashMap;

    fn endpoint() -> Endpoint {
        Endpoint {
            address: Address::Unix("/s".into()),
            tls: None,
            shown: "unix:///s".into(),
            from: "the default".into(),
        }
    }
    fn server() -> Server {
        Server {
            api: Api(1, 41),
            version: "20.10.24".into(),
            podman: false,
            init: true,
        }
    }
    fn info() -> SystemInfo {
        let runtime = |path: &str| Runtime {
            path: Some(path.into()),
            ..Default::default()
        };
        SystemInfo {
            name: Some("here".into()),
            kernel_version: Some("6.1".into()),
            default_runtime: Some("runc".into()),
            runtimes: Some(HashMap::from([
                ("runc".into(), runtime("runc")),
                ("gv".into(), runtime("/usr/bin/runsc")),
                ("runsc-fake".into(), runtime("/usr/bin/runc")),
            ])),
            security_options: Some(vec!["name=seccomp,profile=default".into()]),
            memory_limit: Some(true),
            pids_limit: Some(true),
            cpu_cfs_quota: Some(true),
            ncpu: Some(2),
            ..Default::default()
        }
    }
    fn machine() -> Machine {
        Machine {
            name: "here".into(),
            kernel: "6.1".into(),
            rp_filter: Some(2),
        }
    }

    #[test]
    fn a_plain_engine_has_no_notes() {
        let described = describe(&server(), &info(), &endpoint(), &machine());
        assert_eq!(described.engine, "Docker 20.10.24");
        assert_eq!(described.endpoint, "unix:///s");
        assert_eq!(described.default_runtime, "runc");
        assert!(described.runtimes.contains("gv") && described.local && !described.rootless);
        assert_eq!(described.notes, Vec::<String>::new());
        assert_eq!(described.facts[fact::API], "1.41");
        assert_eq!(described.facts[fact::OWN_KERNEL], "gv");
        assert_eq!(described.min_pids, [("gv".to_owned(), 512)].into());
        assert_eq!(described.cpus, Some(2));
        assert_eq!(described.auto_runtime(), "runc", "`gv` has another name");
        assert!(!described.facts.contains_key(fact::STRICT_PATHS));
        assert!(!described.facts.contains_key(fact::LIMITS_MISSING));
    }

    #[test]
    fn what_is_odd_is_noted() {
        let mut info = info();
        info.security_options = Some(vec!["name=rootless".into(), "name=userns".into()]);
        info.name = Some("elsewhere".into());
        info.pids_limit = None;
        let server = Server {
            init: false,
            podman: true,
            ..server()
        };
        let endpoint = Endpoint {
            address: Address::Tcp {
                host: "127.0.0.1".into(),
                port: 1,
            },
            ..endpoint()
        };
        let described = describe(&server, &info, &endpoint, &machine());
        assert!(described.rootless && !described.local);
        assert_eq!(described.facts[fact::LIMITS_MISSING], "pids");
        assert_eq!(described.notes.len(), 6, "{:#?}", described.notes);
    }

    #[test]
    fn desktop_shares_its_folders() {
        let mut info = info();
        info.name = Some("docker-desktop".into());
        info.operating_system = Some("Docker Desktop".into());
        assert!(describe(&server(), &info, &endpoint(), &machine()).local);
    }
}
