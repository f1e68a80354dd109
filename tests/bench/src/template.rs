//! What a default launch makes, read off a real one, so that all contenders make the same.

use std::time::Duration;

use bottle_e2e::{
    lane::Engine,
    world::{World, assert_code},
};
use bytes::Bytes;
use serde_json::Value;

/// One container of a launch.
#[derive(Clone, Debug)]
pub(crate) struct Container {
    /// Its role in the launch.
    pub(crate) role: String,
    /// `Config` of its inspection.
    pub(crate) config: Value,
    /// `HostConfig` of its inspection.
    pub(crate) host_config: Value,
    /// Lines of its hosts file that name a container of the launch: name, network, host number.
    pub(crate) hosts: Vec<(String, String, u8)>,
    /// Roles of its networks and its host number on each.
    pub(crate) networks: Vec<(String, u8)>,
    /// Its volume's path and files, as an archive for that path.
    pub(crate) files: Option<(String, Bytes)>,
    /// Its addresses in the real launch, with the network's role.
    addresses: Vec<(String, String)>,
    /// The readiness check of a hop.
    pub(crate) ready: Option<Vec<String>>,
}

/// A network of a launch.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    /// Its role.
    pub(crate) role: String,
    /// Without a route out.
    pub(crate) internal: bool,
    /// Driver options.
    pub(crate) options: Value,
}

/// Everything a default launch makes. Containers from the outside in.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    /// Networks.
    pub(crate) networks: Vec<Network>,
    /// Containers.
    pub(crate) containers: Vec<Container>,
}

/// Launches one bottle and reads it off.
pub(crate) async fn take(world: &World, runtime: &str) -> Template {
    let name = format!("bench-{runtime}");
    let flags = ["--runtime", runtime, "-d", "--name", &name];
    let output = world.shell(&flags, "sleep 600").output().expect("bottle");
    assert_code(&output, 0);
    // A moment for the hops' logs; nothing here is timed.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let plan = plan(world);
    let owned = world.leftovers();
    let of_kind = |kind: &str| -> Vec<String> {
        owned
            .iter()
            .filter_map(|line| line.strip_prefix(kind).map(|name| name.trim().to_owned()))
            .collect()
    };
    let networks: Vec<Network> = of_kind("network ")
        .iter()
        .map(|name| network(name))
        .collect();
    let mut containers: Vec<Container> = of_kind("container ")
        .iter()
        .map(|name| container(name, &plan))
        .collect();
    containers.sort_by(|a, b| b.role.cmp(&a.role));
    resolve_hosts(&mut containers);
    assert_eq!((networks.len(), containers.len()), (3, 3), "{owned:?}");
    assert_code(&world.run(&["stop", &name]), 0);
    Template {
        networks,
        containers,
    }
}

fn plan(world: &World) -> Value {
    let sessions = world.path("state/bottle/sessions");
    let folder = std::fs::read_dir(sessions)
        .expect("sessions")
        .flatten()
        .find(|entry| entry.path().join("plan.json").exists())
        .expect("a session");
    let text = std::fs::read(folder.path().join("plan.json")).expect("a plan");
    serde_json::from_slice(&text).expect("JSON")
}

fn inspect(kind: &str, name: &str) -> Value {
    let all: Value =
        serde_json::from_str(&Engine::Docker.ask(&[kind, "inspect", name])).expect("JSON");
    all[0].clone()
}

fn network(name: &str) -> Network {
    let seen = inspect("network", name);
    Network {
        role: seen["Labels"]["bottle.role"]
            .as_str()
            .expect("a role")
            .into(),
        internal: seen["Internal"].as_bool().unwrap_or_default(),
        options: seen["Options"].clone(),
    }
}

fn container(name: &str, plan: &Value) -> Container {
    let seen = inspect("container", name);
    let role = seen["Config"]["Labels"]["bottle.role"]
        .as_str()
        .expect("a role")
        .to_owned();
    let mut addresses = Vec::new();
    let mut networks: Vec<(String, u8)> = seen["NetworkSettings"]["Networks"]
        .as_object()
        .expect("networks")
        .iter()
        .map(|(network, endpoint)| {
            let address: std::net::Ipv4Addr = endpoint["IPAddress"]
                .as_str()
                .and_then(|text| text.parse().ok())
                .expect("an address");
            let role = inspect("network", network)["Labels"]["bottle.role"]
                .as_str()
                .expect("a role")
                .to_owned();
            addresses.push((address.to_string(), role.clone()));
            (role, address.octets()[3] % 16)
        })
        .collect();
    networks.sort();
    let sidecar = plan["sidecars"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|sidecar| sidecar["container"]["owner"]["role"] == role.as_str());
    Container {
        hosts: extra_hosts(&seen["HostConfig"]),
        files: volumes(name, &seen),
        ready: sidecar.and_then(|sidecar| {
            let argv = sidecar["ready"]["exec"]["argv"].as_array()?;
            Some(
                argv.iter()
                    .filter_map(|word| word.as_str().map(str::to_owned))
                    .collect(),
            )
        }),
        addresses,
        role,
        config: seen["Config"].clone(),
        host_config: seen["HostConfig"].clone(),
        networks,
    }
}

/// The path and content of the container's volume. The agent has none, and its files are few.
fn volumes(name: &str, seen: &Value) -> Option<(String, Bytes)> {
    let mount = seen["Mounts"]
        .as_array()?
        .iter()
        .find(|mount| mount["Type"] == "volume")?;
    let target = mount["Destination"].as_str()?;
    let output = std::process::Command::new("docker")
        .args(["cp", "-a", &format!("{name}:{target}/."), "-"])
        .output()
        .expect("docker cp");
    assert!(output.status.success(), "docker cp {name}:{target}");
    Some((target.to_owned(), Bytes::from(output.stdout)))
}

/// Names and addresses of the container's hosts file.
fn extra_hosts(host_config: &Value) -> Vec<(String, String, u8)> {
    host_config["ExtraHosts"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|line| line.as_str()?.split_once(':'))
        .map(|(name, address)| (name.to_owned(), address.to_owned(), 0))
        .collect()
}

/// Puts places on networks where the hosts files name addresses of the real launch.
fn resolve_hosts(containers: &mut [Container]) {
    let known: Vec<(String, String)> = containers
        .iter()
        .flat_map(|container| container.addresses.clone())
        .collect();
    for container in containers {
        container.hosts.retain_mut(|(_, place, host)| {
            let Some((address, role)) = known.iter().find(|(address, _)| address == place) else {
                return false;
            };
            let last: u8 = address
                .rsplit('.')
                .next()
                .and_then(|text| text.parse().ok())
                .unwrap_or_default();
            *host = last % 16;
            place.clone_from(role);
            true
        });
    }
}
