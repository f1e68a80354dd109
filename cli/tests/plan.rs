//! A plan, as programs read it, on the real engine.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod common;

use common::World;
use serde_json::Value;

fn plan(world: &World, line: &str) -> Value {
    let (code, out, err) = world.run(line);
    assert_eq!(code, 0, "{err}");
    serde_json::from_str(&out).unwrap()
}

#[test]
fn the_whole_chain() {
    let world = World::new();
    world.user_config("[launch]\nagent = \"shell\"\n");
    let plan = plan(&world, "plan --json --allow registry.example.com");
    let proxies: Vec<&str> = plan["sidecars"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hop| hop["proxy"].as_str().unwrap())
        .collect();
    assert_eq!(proxies, ["pipelock", "mitmproxy"]);
    let roles: Vec<&str> = plan["networks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|network| network["owner"]["role"].as_str().unwrap())
        .collect();
    assert_eq!(roles, ["link-0", "link-1", "egress"]);
    let hosts = plan["egress"]["allow"].as_array().unwrap();
    assert!(
        hosts
            .iter()
            .any(|rule| rule["host"] == "registry.example.com"),
        "{hosts:?}"
    );
    let guarantees = plan["guarantees"].as_array().unwrap();
    assert_eq!(guarantees.len(), 12);
    let limits = guarantees.iter().find(|s| s["guarantee"] == "limits");
    assert_eq!(limits.unwrap()["given"], true, "{limits:?}");
    assert!(plan["agent"]["limits"]["milli_cpus"].as_u64().unwrap() >= 1000);
}

#[test]
fn no_secret_is_in_it() {
    let world = World::new();
    let mut command = world.command("plan shell --json --env TOKEN");
    let output = command.env("TOKEN", "hush-hush-4711").output().unwrap();
    let (code, out, err) = common::done(&output);
    assert_eq!(code, 0, "{err}");
    assert!(
        !out.contains("hush-hush") && out.contains("\"from_env\": \"TOKEN\""),
        "{out}"
    );
}

#[test]
fn what_cannot_be_guaranteed_is_refused_with_the_reason() {
    let world = World::new();
    let (code, _, err) = world.run("plan shell --require rootless,own_kernel --runtime runc");
    assert_eq!(code, 125);
    for part in ["`rootless`", "`own_kernel`", "hint:"] {
        assert!(err.contains(part), "{err}");
    }
}

#[test]
fn a_runtime_that_is_not_there() {
    let world = World::new();
    let (code, _, err) = world.run("plan shell --runtime kata");
    assert_eq!(code, 125);
    assert!(err.contains("kata") && err.contains("hint:"), "{err}");
}
