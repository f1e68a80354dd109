//! The same resources by one `docker` call after the other, as the Python original makes them.

use std::{
    io::Write as _,
    process::{Command, Stdio},
    time::Instant,
};

use bottle_e2e::lane::Engine;

use crate::{
    Round,
    floor::{address, extra_hosts, subnet},
    template::{Container, Template},
};

/// One launch.
pub(crate) fn round(template: &Template, number: usize) -> Round {
    let prefix = format!("bench-cli-{}-{number}", std::process::id());
    let begin = Instant::now();
    for (at, network) in template.networks.iter().enumerate() {
        let [a, b, c, d] = subnet(number, at);
        let mut args = vec!["network".into(), "create".into()];
        args.extend(["--subnet".into(), format!("{a}.{b}.{c}.{d}/28")]);
        if network.internal {
            args.push("--internal".into());
        }
        for (key, value) in network.options.as_object().into_iter().flatten() {
            args.extend([
                "-o".into(),
                format!("{key}={}", value.as_str().unwrap_or_default()),
            ]);
        }
        args.push(format!("{prefix}-{}", network.role));
        run(&args);
    }
    for container in &template.containers {
        bring_up(&prefix, template, container, number);
    }
    let up = begin.elapsed();
    let begin = Instant::now();
    for container in &template.containers {
        Engine::Docker.ask(&["rm", "-fv", &format!("{prefix}-{}", container.role)]);
    }
    for network in &template.networks {
        Engine::Docker.ask(&["network", "rm", &format!("{prefix}-{}", network.role)]);
    }
    Round {
        up,
        ready: None,
        down: begin.elapsed(),
    }
}

fn bring_up(prefix: &str, template: &Template, container: &Container, number: usize) {
    let address = |role: &str, host: u8| address(template, number, role, host);
    let name = format!("{prefix}-{}", container.role);
    let (first, host) = container.networks.first().expect("a network");
    let mut args: Vec<String> = vec!["create".into(), "--name".into(), name.clone()];
    args.extend(["--network".into(), format!("{prefix}-{first}")]);
    args.extend(["--ip".into(), address(first, *host)]);
    args.extend(["--cap-drop", "ALL", "--security-opt", "no-new-privileges"].map(String::from));
    for line in extra_hosts(template, container, number) {
        args.extend(["--add-host".into(), line]);
    }
    if container.host_config["ReadonlyRootfs"] == true {
        args.push("--read-only".into());
    }
    if let Some(runtime) = container.host_config["Runtime"].as_str() {
        args.extend(["--runtime".into(), runtime.into()]);
    }
    for mount in container.host_config["Mounts"]
        .as_array()
        .into_iter()
        .flatten()
    {
        if mount["Type"] == "volume" {
            args.extend([
                "-v".into(),
                mount["Target"].as_str().unwrap_or_default().into(),
            ]);
        }
    }
    for text in container.config["Env"].as_array().into_iter().flatten() {
        args.extend(["-e".into(), text.as_str().unwrap_or_default().into()]);
    }
    if let Some(user) = container.config["User"]
        .as_str()
        .filter(|user| !user.is_empty())
    {
        args.extend(["--user".into(), user.into()]);
    }
    let words = |key: &str| -> Vec<String> {
        container.config[key]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|word| word.as_str().map(str::to_owned))
            .collect()
    };
    let mut command = words("Entrypoint");
    if let Some(program) = command.first().cloned() {
        args.extend(["--entrypoint".into(), program]);
        command.remove(0);
    }
    args.push(
        container.config["Image"]
            .as_str()
            .unwrap_or_default()
            .into(),
    );
    args.extend(command);
    args.extend(words("Cmd"));
    run(&args);
    for (role, host) in container.networks.iter().skip(1) {
        let (address, network) = (address(role, *host), format!("{prefix}-{role}"));
        Engine::Docker.ask(&["network", "connect", "--ip", &address, &network, &name]);
    }
    if let Some((path, files)) = &container.files {
        let mut child = Command::new("docker")
            .args(["cp", "-", &format!("{name}:{path}")])
            .stdin(Stdio::piped())
            .spawn()
            .expect("docker");
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all(files).expect("written");
        drop(stdin);
        assert!(child.wait().expect("docker").success(), "docker cp");
    }
    Engine::Docker.ask(&["start", &name]);
}

fn run(args: &[String]) {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    Engine::Docker.ask(&args);
}
