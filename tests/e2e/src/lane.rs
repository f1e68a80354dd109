//! An engine and a runtime that whole launches are tried on, looked at from outside with the
//! engine's own command.

use std::{fmt, net::IpAddr, os::unix::fs::MetadataExt as _, path::PathBuf, process::Command};

/// What one lane of tests runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lane {
    /// The engine.
    pub engine: Engine,
    /// The OCI runtime; `None` is `bottle`'s own choice.
    pub runtime: Option<&'static str>,
}

/// A container engine of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Docker, as root.
    Docker,
    /// Podman, as root, behind the service that `BOTTLE_TEST_PODMAN` names.
    Podman,
    /// Podman without root, behind the service that `BOTTLE_TEST_PODMAN_ROOTLESS` names; whoever
    /// owns its socket uses it.
    PodmanRootless,
}

impl Engine {
    /// The backend's registered name, which is the name of its command too.
    pub fn backend(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman | Self::PodmanRootless => "podman",
        }
    }

    /// This engine with a runtime.
    pub fn under(self, runtime: &'static str) -> Lane {
        Lane {
            engine: self,
            runtime: Some(runtime),
        }
    }
    /// This engine with the runtime that `bottle` chooses.
    pub fn auto(self) -> Lane {
        Lane {
            engine: self,
            runtime: None,
        }
    }

    /// The engine's own command.
    pub fn command(self) -> Command {
        let mut command = Command::new(self.backend());
        if let Some(service) = self.service() {
            command.args(["--url", &service]);
        }
        command
    }

    /// Where it is reached, when it is not where everybody looks for it.
    ///
    /// # Panics
    /// When the service was not started: a lane that is asked for must run.
    pub(crate) fn service(self) -> Option<String> {
        let variable = match self {
            Self::Docker => return None,
            Self::Podman => "BOTTLE_TEST_PODMAN",
            Self::PodmanRootless => "BOTTLE_TEST_PODMAN_ROOTLESS",
        };
        let service = std::env::var(variable);
        Some(
            service
                .unwrap_or_else(|_| panic!("`{variable}` names no service: see tests/lib/podman")),
        )
    }

    /// Whose engine it is: the owner of its socket. `None` is whoever runs the tests.
    pub(crate) fn user(self) -> Option<(u32, u32)> {
        if self != Self::PodmanRootless {
            return None;
        }
        let service = self.service()?;
        let path = service.strip_prefix("unix://").expect("a unix socket");
        let socket = std::fs::metadata(path).expect("the socket");
        Some((socket.uid(), socket.gid()))
    }

    /// Runs the engine's own command and returns its standard output.
    ///
    /// # Panics
    /// When it fails: a test that cannot see the engine proves nothing.
    pub fn ask(self, args: &[&str]) -> String {
        let output = self.command().args(args).output().expect("the command");
        assert!(
            output.status.success(),
            "{} {args:?}: {}",
            self.backend(),
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs the engine's own command and does not mind failure.
    pub fn ask_quietly(self, args: &[&str]) {
        let _ = self.command().args(args).output();
    }

    /// Everything that carries the labels of `instance`, as `kind name` lines.
    pub fn owned(self, instance: &str) -> Vec<String> {
        let filter = format!("label=bottle.instance={instance}");
        let list = |kind: &str, args: &[&str]| -> Vec<String> {
            let mut all = args.to_vec();
            all.extend(["--filter", &filter]);
            self.ask(&all)
                .lines()
                .map(|name| format!("{kind} {name}"))
                .collect()
        };
        let mut found = list("container", &["ps", "-a", "--format", "{{.Names}}"]);
        found.extend(list("network", &["network", "ls", "--format", "{{.Name}}"]));
        found.extend(list("volume", &["volume", "ls", "--format", "{{.Name}}"]));
        found
    }

    /// Removes what [`owned`](Self::owned) listed.
    pub fn remove(self, owned: &[String]) {
        for line in owned {
            match line.split_once(' ') {
                Some(("container", name)) => self.ask_quietly(&["rm", "-fv", name]),
                Some((kind, name)) => self.ask_quietly(&[kind, "rm", name]),
                None => {}
            }
        }
    }

    /// Where the engine keeps what containers write and say, on this machine.
    pub fn data_folders(self) -> Vec<PathBuf> {
        let (format, kept) = match self {
            Self::Docker => ("{{.DockerRootDir}}", &["containers", "volumes"][..]),
            Self::Podman | Self::PodmanRootless => (
                "{{.Store.GraphRoot}}",
                &["overlay-containers", "volumes", "secrets"][..],
            ),
        };
        let root = PathBuf::from(self.ask(&["info", "-f", format]).trim());
        kept.iter().map(|folder| root.join(folder)).collect()
    }

    /// The address on an internal link of a container.
    ///
    /// # Panics
    /// When it has none.
    pub fn link_address(self, container: &str) -> IpAddr {
        let all = self.ask(&[
            "inspect",
            container,
            "-f",
            "{{range $k, $v := .NetworkSettings.Networks}}{{$k}}={{$v.IPAddress}} {{end}}",
        ]);
        all.split_whitespace()
            .filter_map(|pair| pair.split_once('='))
            .find(|(network, _)| network.contains("link"))
            .and_then(|(_, address)| address.parse().ok())
            .unwrap_or_else(|| panic!("no link address in {all}"))
    }
}

impl Lane {
    /// The beginning of a user's configuration; what follows it is in `[launch]`.
    pub(crate) fn config(self) -> String {
        let runtime = self
            .runtime
            .map(|runtime| format!("runtime = {runtime:?}\n"))
            .unwrap_or_default();
        format!("[launch]\nbackend = {:?}\n{runtime}", self.engine.backend())
    }
}

/// Its name in paths and bottles: `docker-runsc`.
impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.engine {
            Engine::Docker => "docker",
            Engine::Podman => "podman",
            Engine::PodmanRootless => "rootless",
        })?;
        self.runtime.map_or(Ok(()), |name| write!(f, "-{name}"))
    }
}

/// The host's address on Docker's default bridge: every container with egress reaches it, those
/// of other engines too. Engines leave the gateway out when they chose it themselves; it is the
/// subnet's first address then.
pub fn bridge_address() -> IpAddr {
    let config = Engine::Docker.ask(&[
        "network",
        "inspect",
        "bridge",
        "-f",
        "{{with index .IPAM.Config 0}}{{.Subnet}} {{.Gateway}}{{end}}",
    ]);
    let mut words = config.split_whitespace();
    let subnet = words.next().expect("a subnet");
    if let Some(gateway) = words.next().and_then(|text| text.parse().ok()) {
        return gateway;
    }
    let base = subnet.split('/').next().expect("an address");
    let base: std::net::Ipv4Addr = base.parse().expect("an address");
    std::net::Ipv4Addr::from(u32::from(base) + 1).into()
}

/// The OCI runtimes that Docker knows.
pub fn docker_runtimes() -> Vec<String> {
    Engine::Docker
        .ask(&["info", "-f", "{{range $k, $v := .Runtimes}}{{$k}} {{end}}"])
        .split_whitespace()
        .map(str::to_owned)
        .collect()
}
