//! What this engine promises, decided from the probe alone.

use bottle_api::{BackendInfo, Guarantee, Statement};
use bottle_backend_common::has_own_kernel;

use crate::{NAME, client::Api, probe::fact};

/// Every guarantee of a backend, given or withheld.
pub(crate) fn statements(info: &BackendInfo, runtime: &str) -> Vec<Statement> {
    let podman = info.facts.contains_key(fact::PODMAN);
    let own_kernel = own_kernel(info, runtime);
    vec![
        if podman {
            foreign(Guarantee::EgressOnlyByChain)
        } else {
            given(
                Guarantee::EgressOnlyByChain,
                "internal networks have no way out, and every link of the chain is a network of \
                 its own",
            )
        },
        if podman {
            foreign(Guarantee::DnsClosed)
        } else {
            given(
                Guarantee::DnsClosed,
                "the engine's resolver is made to ask nobody (which also closes CVE-2024-29018 \
                 of engines before 25.0.5)",
            )
        },
        if podman {
            foreign(Guarantee::HostClosed)
        } else {
            host_closed(info, own_kernel)
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
                "install gVisor (https://gvisor.dev/docs/user_guide/install/), run `sudo runsc \
                 install`, restart the engine",
            )
        },
        given(
            Guarantee::NoNewPrivs,
            "`no-new-privileges` is set and all capabilities are dropped",
        ),
        limits(info),
        if info.rootless {
            given(Guarantee::Rootless, "the engine runs without root")
        } else {
            withheld(Guarantee::Rootless, "the engine runs as root").remedy(
                "install rootless Docker: https://docs.docker.com/engine/security/rootless/",
            )
        },
    ]
}

fn host_closed(info: &BackendInfo, own_kernel: bool) -> Statement {
    let api = info.facts.get(fact::API).and_then(|api| Api::parse(api));
    let how = match api {
        Some(api) if api.isolated_gateway() => {
            "internal networks are created with an isolated gateway: the host has no address on \
             them"
        }
        Some(_) => {
            "internal networks are created with `inhibit_ipv4`: the host has no address on them"
        }
        None => {
            return withheld(
                Guarantee::HostClosed,
                "the engine's API version is not known",
            );
        }
    };
    // Seen on real engines: with `SO_BINDTODEVICE` and `SO_DONTROUTE` the kernel takes any
    // address for a neighbour, and the host's answers for all of its own. What comes back takes
    // another way and is lost.
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
        .remedy("enable these control groups on the engine's machine; rootless engines need cgroup v2 delegation"),
    }
}

fn own_kernel(info: &BackendInfo, runtime: &str) -> bool {
    if info.runtimes.contains(runtime) {
        info.facts
            .get(fact::OWN_KERNEL)
            .is_some_and(|names| names.split(' ').any(|name| name == runtime))
    } else {
        has_own_kernel(runtime, None)
    }
}

fn given(guarantee: Guarantee, how: &str) -> Statement {
    Statement::given(guarantee, NAME, how)
}
fn withheld(guarantee: Guarantee, why: &str) -> Statement {
    Statement::withheld(guarantee, NAME, why)
}
fn foreign(guarantee: Guarantee) -> Statement {
    withheld(
        guarantee,
        "Podman answers on Docker's API, and its networks behave otherwise",
    )
    .remedy("use the backend `podman`, or a Docker engine")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(facts: &[(&str, &str)]) -> BackendInfo {
        let mut info = BackendInfo::new("Docker 1", "unix:///s", "runc");
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

    #[test]
    fn all_seven_are_said_whatever_the_engine() {
        for info in [
            info(&[]),
            info(&[(fact::API, "1.41")]),
            info(&[(fact::PODMAN, "yes")]),
        ] {
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
    fn the_host_is_closed_by_the_means_the_engine_knows() {
        let old = find(&info(&[(fact::API, "1.47")]), "runc", Guarantee::HostClosed);
        assert!(old.given && old.how.contains("inhibit_ipv4"));
        assert!(old.how.contains("datagrams") && old.remedy.is_some());
        let new = find(&info(&[(fact::API, "1.48")]), "runc", Guarantee::HostClosed);
        assert!(new.given && new.how.contains("isolated gateway"));
        let strict = info(&[(fact::API, "1.41"), (fact::STRICT_PATHS, "yes")]);
        assert!(
            !find(&strict, "runc", Guarantee::HostClosed)
                .how
                .contains("datagrams")
        );
        let gvisor = info(&[(fact::API, "1.41"), (fact::OWN_KERNEL, "runsc")]);
        assert!(
            !find(&gvisor, "runsc", Guarantee::HostClosed)
                .how
                .contains("datagrams")
        );
        let podman = info(&[(fact::API, "1.41"), (fact::PODMAN, "yes")]);
        for guarantee in [
            Guarantee::HostClosed,
            Guarantee::DnsClosed,
            Guarantee::EgressOnlyByChain,
        ] {
            assert!(!find(&podman, "runc", guarantee).given);
        }
    }

    #[test]
    fn kernel_and_limits_depend_on_the_engine() {
        let gvisor = info(&[(fact::API, "1.41"), (fact::OWN_KERNEL, "runsc")]);
        assert!(find(&gvisor, "runsc", Guarantee::OwnKernel).given);
        assert!(!find(&gvisor, "runc", Guarantee::OwnKernel).given);
        let fake = info(&[(fact::API, "1.41")]);
        assert!(
            !find(&fake, "runsc", Guarantee::OwnKernel).given,
            "registered under that name, but another program"
        );
        let weak = info(&[(fact::LIMITS_MISSING, "memory pids")]);
        let limits = find(&weak, "runc", Guarantee::Limits);
        assert!(!limits.given && limits.how.contains("memory pids"));
    }
}
