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

#[test]
fn each_choice_names_its_place() {
    let world = World::new();
    world.user_config("[launch]\nbackend = 'docker'\n\nproxies = ['pipelock']\n");
    let used = |line: &str| {
        let (code, out, _) = world.run(line);
        assert_eq!(code, 0);
        let document: serde_json::Value = serde_json::from_str(&out).unwrap();
        let plugins = document["plugins"].as_array().unwrap().clone();
        move |name: &str| {
            let found = plugins.iter().find(|plugin| plugin["name"] == name);
            found.unwrap()["used"].as_str().map(str::to_owned)
        }
    };
    let file = world.path("config/bottle/config.toml");
    let by_file = used("plugins --json");
    let at = |line: usize| format!("({}:{line})", file.display());
    assert_eq!(by_file("docker").unwrap(), format!("yes {}", at(2)));
    assert_eq!(by_file("pipelock").unwrap(), format!("hop 1 {}", at(4)));
    assert_eq!(by_file("mitmproxy"), None);
    assert_eq!(by_file("git").unwrap(), "yes (default)");
    let by_flag = used("plugins --json --backend docker");
    assert_eq!(by_flag("docker").unwrap(), "yes (`--backend`)");

    // A broken file hides nothing of what the binary has.
    world.user_config("[launch]\nbackend = 'nope'\n");
    let (code, out, err) = world.run("plugins");
    assert_eq!(code, 0);
    assert!(out.contains("mitmproxy"), "{out}");
    assert!(err.contains("what is used is not known"), "{err}");
}

#[test]
fn a_new_plugin_is_a_crate_with_its_conformance_test() {
    let world = World::new();
    for kind in ["backend", "proxy", "provisioner"] {
        let (code, _, err) = world.run(&format!("plugin new {kind} my-own"));
        assert_eq!(code, 0, "{err}");
        let folder = world.project().join(format!("bottle-{kind}-my-own"));
        for name in ["Cargo.toml", "src/lib.rs", "tests/conformance.rs"] {
            let text = std::fs::read_to_string(folder.join(name)).unwrap();
            let left: Vec<_> = text.lines().filter(|line| line.contains('@')).collect();
            assert!(left.is_empty(), "{kind} {name}: {left:?}");
        }
        let library = std::fs::read_to_string(folder.join("src/lib.rs")).unwrap();
        assert!(library.contains(&format!("register_{kind}!(MyOwn);")));
    }
    let (code, _, err) = world.run("plugin new proxy my-own");
    assert_eq!(code, 125, "{err}");
    assert!(err.contains("is there already"), "{err}");
    let (code, _, err) = world.run("plugin new proxy My_Own");
    assert_eq!(code, 125, "{err}");
    assert!(err.contains("cannot be a plugin's name"), "{err}");
    let (code, _, err) = world.run("plugin new proxy other --checkout /no/such/place");
    assert_eq!(code, 125, "{err}");
    assert!(err.contains("is no checkout of bottle"), "{err}");
    assert!(!world.project().join("bottle-proxy-other").exists());
}
