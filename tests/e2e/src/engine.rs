//! The engine, looked at from outside with its own command.

use std::{net::IpAddr, process::Command};

/// Runs `docker ARGS` and returns its standard output.
///
/// # Panics
/// When it fails: a test that cannot see the engine proves nothing.
pub fn docker(args: &[&str]) -> String {
    let output = Command::new("docker")
        .args(args)
        .output()
        .expect("the docker command");
    assert!(
        output.status.success(),
        "docker {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs `docker ARGS` and does not mind failure.
pub fn docker_quiet(args: &[&str]) {
    let _ = Command::new("docker").args(args).output();
}

/// The host's address on the default bridge: every container with egress reaches it. Engines
/// leave the gateway out when they chose it themselves; it is the subnet's first address then.
pub fn bridge_address() -> IpAddr {
    let config = docker(&[
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

/// Everything that carries the labels of `instance`, as `kind name` lines.
pub fn owned(instance: &str) -> Vec<String> {
    let filter = format!("label=bottle.instance={instance}");
    let list = |kind: &str, args: &[&str]| -> Vec<String> {
        let mut all = args.to_vec();
        all.extend(["--filter", &filter]);
        docker(&all)
            .lines()
            .map(|name| format!("{kind} {name}"))
            .collect()
    };
    let mut found = list("container", &["ps", "-a", "--format", "{{.Names}}"]);
    found.extend(list("network", &["network", "ls", "--format", "{{.Name}}"]));
    found.extend(list("volume", &["volume", "ls", "--format", "{{.Name}}"]));
    found
}

/// The OCI runtimes the engine knows.
pub fn runtimes() -> Vec<String> {
    docker(&["info", "-f", "{{range $k, $v := .Runtimes}}{{$k}} {{end}}"])
        .split_whitespace()
        .map(str::to_owned)
        .collect()
}
