//! What this engine promises, decided from the probe alone.

use bottle_api::{BackendInfo, Guarantee, Statement};
use bottle_backend_common::has_own_kernel;

use crate::{NAME, probe::fact};

/// Every guarantee of a backend, given or withheld.
pub(crate) fn statements(info: &BackendInfo, runtime: &str) -> Vec<Statement> {
    let netavark = info.facts.get(fact::NETWORKS).map(String::as_str) == Some("netavark");
    let own_kernel = own_kernel(info, runtime);
    vec![
        if netavark {
            given(
                Guarantee::EgressOnlyByChain,
                "internal networks have no way out, and every link of the chain is a network of \
                 its own",
            )
        } else {
            unknown_networks(Guarantee::EgressOnlyByChain)
        },
        given(
            Guarantee::DnsClosed,
            "no network has the engine's resolver, and the container's asks nobody",
        ),
        if netavark {
            host_closed(info, runtime, own_kernel)
        } else {
            unknown_networks(Guarantee::HostClosed)
        },
        if own_kernel {
            given(
                Guarantee::OwnKernel,
                &format!("runtime `{runtime}` brings a kernel of its own"),
            )
        } else {
            withheld(
                Guarantee::OwnKernel,
                &format!("runtime `{runtime}` shares the host's kernel"),
            )
            .remedy(
                "install gVisor (https://gvisor.dev/docs/user_guide/install/) and name it in \
                 `[engine.runtimes]` of containers.conf: `runsc = [\"/usr/bin/runsc\"]`",
            )
        },
        given(
            Guarantee::NoNewPrivs,
            "`no_new_privileges` is set and all capabilities are dropped",
        ),
        limits(info),
        if info.rootless {
            given(Guarantee::Rootless, "the engine runs without root")
        } else {
            withheld(Guarantee::Rootless, "the engine runs as root")
                .remedy("use your own Podman, as a user: `systemctl --user start podman.socket`")
        },
    ]
}

fn host_closed(info: &BackendInfo, runtime: &str, own_kernel: bool) -> Statement {
    let how = "internal networks have no gateway: the host has no address of version 4 on them, \
               and containers have none of version 6";
    if own_kernel && !names(info, fact::SEALED, runtime) {
        return withheld(
            Guarantee::HostClosed,
            &format!(
                "runtime `{runtime}` leaves addresses of version 6 on, and the bridge answers on \
                 its own; only root on the engine's machine can close that"
            ),
        )
        .remedy("run bottle as root on the engine's machine, or choose `runtime = \"runc\"`");
    }
    // As with every bridge: with `SO_BINDTODEVICE` and `SO_DONTROUTE` the kernel takes any address
    // for a neighbour, and the host's answers for all of its own.
    if own_kernel || info.facts.contains_key(fact::STRICT_PATHS) {
        given(Guarantee::HostClosed, how)
    } else {
        given(
            Guarantee::HostClosed,
            &format!(
                "{how}; a program that bypasses routing can still send single datagrams to the \
                 host's UDP services, and never gets an answer"
            ),
        )
        .remedy(
            "to drop those too: `sudo sysctl -w net.ipv4.conf.default.rp_filter=1` on the \
             engine's machine, or use gVisor",
        )
    }
}

fn limits(info: &BackendInfo) -> Statement {
    match info.facts.get(fact::LIMITS_MISSING) {
        None => given(
            Guarantee::Limits,
            "memory, CPU time, processes and open files are bounded by control groups",
        ),
        Some(missing) => withheld(
            Guarantee::Limits,
            &format!("the engine's machine does not enforce: {missing}"),
        )
        .remedy(
            "without root this needs control groups of version 2, and their delegation: \
             https://rootlesscontaine.rs/getting-started/common/cgroup2/",
        ),
    }
}

fn own_kernel(info: &BackendInfo, runtime: &str) -> bool {
    if info.runtimes.contains(runtime) {
        names(info, fact::OWN_KERNEL, runtime)
    } else {
        has_own_kernel(runtime, None)
    }
}

fn names(info: &BackendInfo, key: &str, runtime: &str) -> bool {
    info.facts
        .get(key)
        .is_some_and(|names| names.split(' ').any(|name| name == runtime))
}

fn given(guarantee: Guarantee, how: &str) -> Statement {
    Statement::given(guarantee, NAME, how)
}
fn withheld(guarantee: Guarantee, why: &str) -> Statement {
    Statement::withheld(guarantee, NAME, why)
}
fn unknown_networks(guarantee: Guarantee) -> Statement {
    withheld(
        guarantee,
        "the engine's networks are not made by netavark, and theirs are not known",
    )
    .remedy("set `network_backend = \"netavark\"` in containers.conf, then `podman system reset`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(facts: &[(&str, &str)]) -> BackendInfo {
        let mut info = BackendInfo::new("Podman 1", "unix:///s", "runc");
        info.runtimes.insert("runsc".into());
        info.facts = facts
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        info
    }
    fn find(info: &BackendInfo, runtime: &str, guarantee: Guarantee) -> Statement {
        let all = statements(info, runtime);
        let found: Vec<_> = all.iter().filter(|s| s.guarantee == guarantee).collect();
        assert_eq!(found.len(), 1, "{guarantee} is said once");
        found[0].clone()
    }
    const NETAVARK: (&str, &str) = (fact::NETWORKS, "netavark");

    #[test]
    fn all_seven_are_said_whatever_the_engine() {
        for info in [info(&[]), info(&[NETAVARK])] {
            let mut said: Vec<_> = statements(&info, "runc")
                .iter()
                .map(|s| s.guarantee)
                .collect();
            said.sort();
            assert_eq!(
                said,
                [
                    Guarantee::DnsClosed,
                    Guarantee::HostClosed,
                    Guarantee::EgressOnlyByChain,
                    Guarantee::OwnKernel,
                    Guarantee::Rootless,
                    Guarantee::NoNewPrivs,
                    Guarantee::Limits
                ]
            );
        }
    }

    #[test]
    fn the_host_is_closed_only_where_it_was_tried() {
        let closed = |facts: &[_], runtime| find(&info(facts), runtime, Guarantee::HostClosed);
        let plain = closed(&[NETAVARK], "runc");
        assert!(plain.given && plain.how.contains("datagrams") && plain.remedy.is_some());
        assert!(
            !closed(&[NETAVARK, (fact::STRICT_PATHS, "yes")], "runc")
                .how
                .contains("datagrams")
        );
        assert!(!closed(&[(fact::NETWORKS, "cni")], "runc").given);
        let gvisor = [NETAVARK, (fact::OWN_KERNEL, "runsc")];
        let open = closed(&gvisor, "runsc");
        assert!(!open.given && open.remedy.is_some(), "{open:?}");
        let sealed = [
            NETAVARK,
            (fact::OWN_KERNEL, "runsc"),
            (fact::SEALED, "runsc"),
        ];
        assert!(closed(&sealed, "runsc").given);
        assert!(closed(&gvisor, "runc").given);
    }

    #[test]
    fn kernel_limits_and_root_depend_on_the_engine() {
        let gvisor = info(&[(fact::OWN_KERNEL, "runsc")]);
        assert!(find(&gvisor, "runsc", Guarantee::OwnKernel).given);
        assert!(!find(&gvisor, "runc", Guarantee::OwnKernel).given);
        let mut weak = info(&[(fact::LIMITS_MISSING, "memory pids")]);
        let limits = find(&weak, "runc", Guarantee::Limits);
        assert!(!limits.given && limits.how.contains("memory pids"));
        assert!(!find(&weak, "runc", Guarantee::Rootless).given);
        weak.rootless = true;
        assert!(find(&weak, "runc", Guarantee::Rootless).given);
    }
}
