//! The binary holds exactly the plugins it is meant to hold.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod common;

use common::World;

#[test]
fn the_list_is_the_literal_one() {
    let (code, out, _) = World::new().run("plugins --json");
    assert_eq!(code, 0);
    let document: serde_json::Value = serde_json::from_str(&out).unwrap();
    let plugins = document["plugins"].as_array().unwrap();
    let named: Vec<String> = plugins
        .iter()
        .map(|plugin| {
            let text = |key: &str| plugin[key].as_str().unwrap().to_owned();
            assert!(!text("summary").is_empty(), "{plugin}");
            format!("{} {} {}", text("kind"), text("name"), text("package"))
        })
        .collect();
    assert_eq!(
        named,
        [
            "backend docker bottle-backend-docker",
            "backend podman bottle-backend-podman",
            "proxy mitmproxy bottle-proxy-mitmproxy",
            "proxy pipelock bottle-proxy-pipelock",
            "provisioner ca bottle-provisioners",
            "provisioner env bottle-provisioners",
            "provisioner files bottle-provisioners",
            "provisioner git bottle-provisioners",
            "provisioner prompt bottle-provisioners",
            "provisioner skills bottle-provisioners",
            "provisioner ssh bottle-provisioners",
            "provisioner user bottle-provisioners",
            "provisioner workspace bottle-provisioners",
        ]
    );
}

#[test]
fn as_a_table() {
    let world = World::new();
    snapshot!(world, "plugins", "plugins");
}
