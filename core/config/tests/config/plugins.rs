//! Plugins built from their tables.

use bottle_config::{Flags, PluginFlag, PluginKind, PluginValue, backend_from_toml};

use crate::world::World;

fn flag(plugin: &str, key: &str, value: PluginValue) -> PluginFlag {
    PluginFlag {
        flag: format!("--{key}"),
        kind: PluginKind::Provisioner,
        plugin: plugin.to_owned(),
        key: key.to_owned(),
        value,
    }
}

/// What a sample provisioner was built from.
fn built(world: &World, name: &str) -> String {
    let all = world.config().build_provisioners(&world.registry).unwrap();
    let one = all.iter().find(|one| one.name() == name).unwrap();
    // Samples answer with their configuration, whatever they are asked.
    world.clean(&format!("{one:?}"))
}

#[test]
fn names_choose_and_tables_configure() {
    let world = World::new().user(
        "[launch]\nproxies = ['pipelock', 'pipelock', 'mitmproxy']\nprovisioners = ['skills']\n\
         [proxy.pipelock]\nport = 1\n",
    );
    let config = world.config();
    let proxies = config.build_proxies(&world.registry).unwrap();
    let names: Vec<_> = proxies
        .iter()
        .map(|proxy| (proxy.name(), proxy.chains()))
        .collect();
    assert_eq!(
        names,
        [("pipelock", true), ("pipelock", true), ("mitmproxy", false)]
    );
    assert_eq!(config.build_provisioners(&world.registry).unwrap().len(), 1);
    let all = World::new()
        .config()
        .build_provisioners(&world.registry)
        .unwrap();
    assert_eq!(all.len(), 2, "without a choice, all there are");
}

#[test]
fn paths_are_absolute_before_a_plugin_sees_them() {
    let world = World::new()
        .user("[provisioner.skills]\nfolders = ['one', '~/two', '/three']\ntext = 'one'\n");
    let text = built(&world, "skills");
    assert!(text.contains(r#"text: Some("one")"#), "{text}");
    assert!(
        text.contains(r#"["/home/.config/bottle/one", "/home/two", "/three"]"#),
        "{text}"
    );
}

#[test]
fn flags_lie_over_a_table() {
    let flags = Flags {
        plugins: vec![
            flag(
                "skills",
                "folders",
                PluginValue::Items(vec!["here".into(), "/b".into()]),
            ),
            flag("skills", "text", PluginValue::Text("from the flag".into())),
            flag("prompt", "text", PluginValue::Text("no table".into())),
        ],
        ..Flags::default()
    };
    let world = World::new()
        .user("[provisioner.skills]\nfolders = ['/a']\ntext = 'x'\nroot = true\n")
        .flags(flags);
    let text = built(&world, "skills");
    assert!(
        text.contains(r#"folders: ["/a", "/home/repo/here", "/b"]"#),
        "{text}"
    );
    assert!(text.contains(r#"text: Some("from the flag"), "#), "{text}");
    assert!(text.contains("root: true"), "{text}");
    assert!(built(&world, "prompt").contains(r#"text: Some("no table")"#));
}

#[test]
fn a_flag_that_is_wrong_is_pointed_at() {
    for user in ["", "[provisioner.prompt]\ntext = 'x'\n"] {
        let world = World::new().user(user).flags(Flags {
            plugins: vec![
                flag("prompt", "text", PluginValue::Text("fine".into())),
                flag("prompt", "root", PluginValue::Text("perhaps".into())),
            ],
            ..Flags::default()
        });
        let text = world.errors();
        assert!(text.contains("--root perhaps"), "{text}");
        assert!(text.contains("expected a boolean"), "{text}");
    }
}

#[test]
fn a_binary_without_the_default_chain_says_so_when_it_is_used() {
    let mut world = World::new();
    world.registry = bottle_api::Registry::empty();
    let errors = world.config().build_proxies(&world.registry).unwrap_err();
    let text = errors.render(false, 200);
    assert!(text.contains("unknown proxy `mitmproxy`"), "{text}");
    assert!(text.contains("this binary has: none"), "{text}");
    assert!(
        world
            .config()
            .build_backend("docker", &world.registry)
            .is_err()
    );
}

#[test]
fn a_backend_is_reached_again_from_its_text() {
    let world = World::new()
        .user("[backend.docker]\nhost = 'unix:///x'\ncertificates = '~/certs'\nregistry = { mirror = 'm' }\n");
    let config = world.config();
    let text = config.backend_toml("docker");
    assert!(
        world
            .clean(&text)
            .contains("certificates = \"/home/certs\""),
        "{text}"
    );
    let waiter = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let runtimes = |backend: Box<dyn bottle_api::Backend>| {
        let info = waiter.block_on(backend.probe()).unwrap();
        format!("{:?}", info.runtimes)
    };
    let first = runtimes(config.build_backend("docker", &world.registry).unwrap());
    let again = runtimes(backend_from_toml("docker", &text, &world.registry).unwrap());
    assert!(first.contains("/home/certs"), "{first}");
    assert_eq!(first, again);
    assert_eq!(config.backend_toml("other"), "");
    assert!(backend_from_toml("other", "", &world.registry).is_ok());
    assert!(backend_from_toml("docker", "x = 1", &world.registry).is_err());
    assert!(backend_from_toml("zzz", "", &world.registry).is_err());
}
