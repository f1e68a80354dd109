//! What an engine says about itself, as a [`BackendInfo`].

use std::{fs, path::Path};

use bottle_api::{BackendInfo, PreferredRuntime};
use bottle_backend_common::{Address, MIN_PIDS_OWN_KERNEL, Machine};

use crate::{
    client::{Client, parse_version},
    container,
    raw::Info,
};

/// Keys of [`BackendInfo::facts`], for the guarantees.
pub(crate) mod fact {
    /// Names of runtimes with a kernel of their own, separated by blanks.
    pub(crate) const OWN_KERNEL: &str = "own_kernel";
    /// Those of them whose network can be closed from here.
    pub(crate) const SEALED: &str = "sealed";
    /// Limits that the engine's machine does not enforce, separated by blanks.
    pub(crate) const LIMITS_MISSING: &str = "limits_missing";
    /// The host drops packets whose answer would take another way.
    pub(crate) const STRICT_PATHS: &str = "strict_paths";
    /// Version of the control groups.
    pub(crate) const CGROUPS: &str = "cgroups";
    /// What makes the networks: only netavark's are known.
    pub(crate) const NETWORKS: &str = "networks";
    /// The size of an exec's terminal is given before it starts, as with every release.
    pub(crate) const API: &str = "api";
}

/// What this process knows about the engine's machine, if that is this one.
#[derive(Clone, Debug)]
pub(crate) struct EngineMachine {
    /// An init is installed.
    pub(crate) init: bool,
    /// The kernel knows version six.
    pub(crate) ipv6: bool,
    /// What the service may have, and give.
    pub(crate) max_files: u64,
    pub(crate) max_processes: u64,
}

/// Where distributions put the init.
const INITS: [&str; 5] = [
    "/usr/libexec/podman/catatonit",
    "/usr/local/libexec/podman/catatonit",
    "/usr/local/lib/podman/catatonit",
    "/usr/lib/podman/catatonit",
    "/usr/bin/catatonit",
];

impl EngineMachine {
    /// By the service's process, if it is one of this machine.
    pub(crate) fn of(pid: Option<i32>) -> Self {
        let Some(pid) = pid.filter(|pid| *pid > 0) else {
            return Self {
                init: true,
                ipv6: true,
                max_files: u64::MAX,
                max_processes: u64::MAX,
            };
        };
        let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap_or_default();
        Self {
            init: INITS.iter().any(|path| Path::new(path).exists()),
            ipv6: Path::new("/proc/sys/net/ipv6").exists(),
            max_files: hard_limit(&limits, "Max open files"),
            max_processes: hard_limit(&limits, "Max processes"),
        }
    }
}

/// `Max open files  1024  524288  files`.
fn hard_limit(limits: &str, name: &str) -> u64 {
    limits
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_whitespace().nth(1))
        .and_then(|hard| hard.parse().ok())
        .unwrap_or(u64::MAX)
}

/// Puts the answers together.
pub(crate) fn describe(client: &Client, machine: &Machine) -> BackendInfo {
    let info = &client.info;
    let host = &info.host;
    let default = client.default_runtime();
    let mut described = BackendInfo::new(
        format!("Podman {}", info.version.version),
        client.endpoint.shown.clone(),
        default,
    );
    let others = client.runtimes.others();
    described.runtimes.extend(others.iter().cloned());
    described.rootless = host.security.rootless;
    described.local = machine.is(Some(&host.hostname), Some(&host.kernel));
    described.notes = notes(client, described.local);

    let mut own_kernels: Vec<&str> = client.runtimes.own_kernels().map(String::as_str).collect();
    if client.has_own_kernel(None) {
        own_kernels.push(default);
    }
    described.preferred_runtime = Some(PreferredRuntime {
        name: "runsc".to_owned(),
        install: "install gVisor (on Debian: `apt-get install runsc`) and name it under \
                  `[engine.runtimes]` of containers.conf: `runsc = [\"/usr/bin/runsc\"]`"
            .to_owned(),
    });
    let least = own_kernels
        .iter()
        .map(|&name| (name.to_owned(), MIN_PIDS_OWN_KERNEL));
    described.min_pids = least.collect();
    described.cpus = Some(host.cpus).filter(|&cpus| cpus > 0);
    let sealed = if container::can_seal(client) {
        own_kernels.join(" ")
    } else {
        String::new()
    };
    let mut fact = |key: &str, value: String| {
        if !value.is_empty() {
            described.facts.insert(key.to_owned(), value);
        }
    };
    fact(fact::API, info.version.version.clone());
    fact(fact::CGROUPS, host.cgroup_version.clone());
    fact(fact::NETWORKS, host.network_backend.clone());
    fact(fact::OWN_KERNEL, own_kernels.join(" "));
    fact(fact::SEALED, sealed);
    fact(fact::LIMITS_MISSING, info.limits_missing().join(" "));
    if machine.is(Some(&host.hostname), Some(&host.kernel)) && machine.rp_filter == Some(1) {
        fact(fact::STRICT_PATHS, "yes".to_owned());
    }
    described
}

fn notes(client: &Client, local: bool) -> Vec<String> {
    let mut notes = from_info(&client.info, client.machine.init);
    let mut note = |when: bool, text: &str| {
        if when {
            notes.push(text.to_owned());
        }
    };
    note(
        client.has_service(),
        "no service was running: one was started, and ends with this command",
    );
    note(
        !client.is_own(),
        "the service is another user's: runtimes besides its default cannot be used",
    );
    note(
        !local,
        "the engine runs on another machine or in a container: folders of this one cannot be \
         bound",
    );
    note(
        matches!(client.endpoint.address, Address::Tcp { .. }),
        "the engine is reached over TCP without TLS",
    );
    notes
}

/// What the engine's own words give away.
fn from_info(info: &Info, init: bool) -> Vec<String> {
    let host = &info.host;
    let mut notes = Vec::new();
    let mut note = |when: bool, text: &str| {
        if when {
            notes.push(text.to_owned());
        }
    };
    note(
        !init,
        "`catatonit` is not installed with the engine: containers run without an init, so zombies \
         are not reaped",
    );
    note(
        !host.security.seccomp_enabled,
        "the engine has no seccomp: system calls are not filtered under runc and crun",
    );
    note(
        host.security.selinux_enabled,
        "SELinux does not confine containers that a folder is bound into: the folder keeps its \
         labels",
    );
    note(
        host.network_backend != "netavark",
        "networks are made by CNI, not by netavark: several guarantees are withheld",
    );
    note(
        host.security.rootless && host.cgroup_version != "v2",
        "the engine runs without root on control groups of version 1: limits are not enforced \
         (boot with `systemd.unified_cgroup_hierarchy=1`)",
    );
    note(
        !host.security.rootless
            && host.cgroup_version == "v1"
            && parse_version(&info.version.version).is_some_and(|version| version < (5, 0)),
        "control groups of version 1: that a container ended for lack of memory is not told",
    );
    note(
        host.oci_runtime.name == "crun" && host.cgroup_version != "v2",
        "crun does not run on hybrid control groups: if containers do not start, set `runtime = \
         \"runc\"` in `[engine]` of containers.conf",
    );
    note(
        parse_version(&info.version.version).is_some_and(|version| version > NEWEST),
        "this release of Podman is newer than those this was written for",
    );
    notes
}
/// By its sources and its notes of release.
const NEWEST: (u32, u32) = (5, 99);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hard_limits_are_read() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max processes             96365                unlimited            processes \n\
                      Max open files            1024                 20000                files     \n";
        assert_eq!(hard_limit(limits, "Max open files"), 20000);
        assert_eq!(hard_limit(limits, "Max processes"), u64::MAX);
        assert_eq!(hard_limit("", "Max processes"), u64::MAX);
    }

    #[test]
    fn odd_machines_are_noted_and_plain_ones_are_not() {
        let mut info = Info::default();
        info.version.version = "4.3.1".into();
        info.host.network_backend = "netavark".into();
        info.host.cgroup_version = "v2".into();
        info.host.cgroup_controllers = ["memory", "pids", "cpu"].map(str::to_owned).to_vec();
        info.host.security.seccomp_enabled = true;
        assert_eq!(from_info(&info, true), Vec::<String>::new());
        assert!(info.limits_missing().is_empty());

        info.host.cgroup_version = "v1".into();
        assert!(info.limits_missing().is_empty(), "root owns version 1");
        info.host.security.rootless = true;
        assert_eq!(info.limits_missing(), ["memory", "pids", "cpus"]);
        info.host.network_backend = "cni".into();
        info.host.oci_runtime.name = "crun".into();
        info.host.security.seccomp_enabled = false;
        assert_eq!(from_info(&info, false).len(), 5);

        info.host.cgroup_version = "v2".into();
        info.host.cgroup_controllers = vec!["memory".into(), "pids".into()];
        assert_eq!(info.limits_missing(), ["cpus"], "not delegated");
    }
}
