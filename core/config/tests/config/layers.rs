//! Which layer wins, and what each value remembers of it.

use bottle_config::{Flags, Layer, VARIABLES};

use crate::world::World;

/// The value of a key and where it came from.
fn shown(world: &World, key: &str) -> Vec<(String, String)> {
    let rows = world.config().show().rows.into_iter();
    let rows = rows.filter(|row| row.key == key);
    rows.map(|row| (row.value, world.clean(&row.source)))
        .collect()
}

/// A key, the TOML that sets it to a value, a variable, and a value per layer.
struct Case {
    key: &'static str,
    toml: fn(&str) -> String,
    variable: &'static str,
    flag: fn(&mut Flags, &str),
    values: [&'static str; 5],
}

fn text(section: &str, key: &str, value: &str) -> String {
    format!("[{section}]\n{key} = '{value}'\n")
}

const CASES: &[Case] = &[
    Case {
        key: "launch.agent",
        toml: |value| text("launch", "agent", value),
        variable: "BOTTLE_AGENT",
        flag: |flags, value| flags.agent = Some(value.to_owned()),
        values: ["claude", "codex", "shell", "claude", "codex"],
    },
    Case {
        key: "launch.runtime",
        toml: |value| text("launch", "runtime", value),
        variable: "BOTTLE_RUNTIME",
        flag: |flags, value| flags.runtime = Some(value.to_owned()),
        values: ["runc", "runsc", "kata", "auto", "crun"],
    },
    Case {
        key: "launch.backend",
        toml: |value| text("launch", "backend", value),
        variable: "BOTTLE_BACKEND",
        flag: |flags, value| flags.backend = Some(value.to_owned()),
        values: ["docker", "other", "docker", "other", "docker"],
    },
    Case {
        key: "egress.dlp",
        toml: |value| text("egress", "dlp", value),
        variable: "BOTTLE_DLP",
        flag: |flags, value| flags.dlp = Some(value.to_owned()),
        values: ["warn", "off", "block", "warn", "off"],
    },
    Case {
        key: "workspace.mode",
        toml: |value| text("workspace", "mode", value),
        variable: "BOTTLE_WORKSPACE_MODE",
        flag: |flags, value| flags.workspace_mode = Some(value.to_owned()),
        values: ["copy", "bind", "clone", "worktree", "none"],
    },
    Case {
        key: "launch.name",
        toml: |value| text("launch", "name", value),
        variable: "BOTTLE_NAME",
        flag: |flags, value| flags.name = Some(value.to_owned()),
        values: ["a", "b", "c", "d", "e"],
    },
];

#[test]
fn the_later_layer_wins() {
    for case in CASES {
        let mut world = World::new().reporting();
        let sources = [
            "/home/.config/bottle/config.toml:2",
            "/home/repo/bottle.toml:2",
            "/home/.config/bottle/profiles/p.toml:2",
            &format!("`{}`", case.variable),
            "",
        ];
        for (layer, value) in case.values.iter().enumerate() {
            world = match layer {
                0 => world.user(&(case.toml)(value)),
                1 => world.project(&(case.toml)(value)),
                2 => world
                    .profile("p", &(case.toml)(value))
                    .env("BOTTLE_PROFILE", "p"),
                3 => world.env(case.variable, value),
                _ => {
                    let mut flags = Flags::default();
                    (case.flag)(&mut flags, value);
                    world.flags(flags)
                }
            };
            let found = shown(&world, case.key);
            let [(shown, source)] = found.as_slice() else {
                panic!("{}: {found:?}", case.key);
            };
            assert_eq!(
                shown.trim_matches('"'),
                *value,
                "{} of layer {layer}",
                case.key
            );
            if layer < 4 {
                assert_eq!(source, sources[layer]);
            }
        }
    }
}

#[test]
fn every_variable_and_its_flag_are_read() {
    for variable in VARIABLES {
        let value = match variable.name {
            "BOTTLE_CONFIG" | "BOTTLE_PROFILE" => continue, // other tests
            "BOTTLE_AGENT" => "codex",
            "BOTTLE_BACKEND" => "docker",
            "BOTTLE_PROXY" => "pipelock",
            "BOTTLE_PROVISIONERS" => "skills,prompt",
            "BOTTLE_REQUIRE" => "dns_closed",
            "BOTTLE_ALLOW" | "BOTTLE_DENY" => "x.example.com",
            "BOTTLE_DLP" => "warn",
            "BOTTLE_WORKSPACE" => "src",
            "BOTTLE_WORKSPACE_MODE" => "copy",
            "BOTTLE_MEMORY" => "1GiB",
            "BOTTLE_CPUS" => "2",
            "BOTTLE_PIDS" => "64",
            _ => "word",
        };
        let from = |world: World, source: &str| {
            let rows = world.config().show().rows;
            let source = format!("`{source}`");
            assert!(
                rows.iter().any(|row| row.source == source),
                "{source} is read: {rows:?}"
            );
        };
        from(World::new().env(variable.name, value), variable.name);
        let some = Some(value.to_owned());
        let list = vec![value.to_owned()];
        let mut flags = Flags::default();
        match variable.flag {
            "AGENT" => flags.agent = some,
            "--name" => flags.name = some,
            "--image" => flags.image = some,
            "--backend" => flags.backend = some,
            "--runtime" => flags.runtime = some,
            "--proxy" => flags.proxies = some,
            "--provisioner" => flags.provisioners = some,
            "--require" => flags.require = list,
            "--allow" => flags.allow = list,
            "--deny" => flags.deny = list,
            "--dlp" => flags.dlp = some,
            "--workspace" => flags.workspace = Some(value.into()),
            "--workspace-mode" => flags.workspace_mode = some,
            "--memory" => flags.memory = some,
            "--cpus" => flags.cpus = some,
            "--pids" => flags.pids = some,
            other => panic!("no flag is known for {other}"),
        }
        from(World::new().flags(flags), variable.flag);
    }
}

#[test]
fn permissions_and_requirements_add_up() {
    let spec = World::new()
        .reporting()
        .user("[launch]\nagent = 'claude'\nrequire = ['dlp']\n[egress]\nallow = ['a.b']\ndeny = ['d.e']")
        .project("[launch]\nrequire = ['dns_closed']\n[egress]\nallow = ['a.c', 'a.b']\ndeny = ['d.f']")
        .env("BOTTLE_ALLOW", "a.d,,a.e")
        .flags(Flags {
            allow: vec!["a.f".into()],
            require: vec!["limits".into()],
            ..Flags::default()
        })
        .spec();
    let allow: Vec<&str> = spec.allow.iter().map(|rule| rule.host.as_str()).collect();
    assert_eq!(
        allow,
        ["a.b", "a.c", "a.d", "a.e", "a.f", "api.anthropic.com"]
    );
    let deny: Vec<&str> = spec
        .deny
        .iter()
        .map(bottle_api::HostPattern::as_str)
        .collect();
    assert_eq!(deny, ["d.e", "d.f"]);
    let require: Vec<String> = spec.require.iter().map(ToString::to_string).collect();
    assert_eq!(require.len(), 3, "{require:?}");
}

#[test]
fn no_network_can_be_said_everywhere() {
    for value in ["none", ""] {
        let world = World::new().env("BOTTLE_PROXY", value);
        assert!(world.config().proxies().is_empty(), "{value:?}");
    }
    let world = World::new().project("[launch]\nproxies = []");
    assert!(world.config().proxies().is_empty());
    assert_eq!(
        World::new().config().proxies().value,
        ["mitmproxy", "pipelock"]
    );
}

#[test]
fn a_file_by_name_replaces_the_nearest() {
    let world = World::new()
        .project("[launch]\nagent = 'codex'\nruntime = 'runc'\n")
        .file(
            "home/repo/other.toml",
            "[launch]\nagent = 'shell'\n[egress]\nallow = ['x.y']\n",
        )
        .env("BOTTLE_CONFIG", "other.toml");
    let config = world.config();
    assert_eq!(config.agent().unwrap().value, "shell");
    assert_eq!(config.runtime().source.layer(), Layer::Default);
    assert!(
        config.project().is_none(),
        "a named file is the user's word"
    );
    let flags = Flags {
        config: Some(world.path("home/none.toml")),
        ..Flags::default()
    };
    let world = world.file("home/none.toml", "").flags(flags);
    assert!(world.config().agent().is_none(), "the flag wins");
}

#[test]
fn a_table_of_a_plugin_comes_whole_from_one_file() {
    let world = World::new()
        .reporting()
        .user("[proxy.pipelock]\nport = 1\nmode = 'balanced'\n[agent.x]\nextends = 'claude'\ncommand = ['u']\n")
        .project("[proxy.pipelock]\nimage = 'i'\n[agent.x]\nextends = 'codex'\n");
    let config = world.config();
    let proxies = config.build_proxies(&world.registry).unwrap();
    assert!(
        !proxies[1].chains(),
        "the user's `port` is gone with the user's table"
    );
    let (agent, _) = config
        .agents()
        .find(|(agent, _)| agent.name == "x")
        .unwrap();
    assert_eq!(agent.command, ["codex"]);
}

#[test]
fn profiles_named_later_win() {
    let world = World::new()
        .profile("a", "[launch]\nruntime = 'a'\nname = 'a'\n")
        .profile("b", "[launch]\nruntime = 'b'\n")
        .env("BOTTLE_PROFILE", "a")
        .flags(Flags {
            profiles: vec!["b".into()],
            ..Flags::default()
        });
    assert_eq!(shown(&world, "launch.runtime")[0].0, "\"b\"");
    assert_eq!(shown(&world, "launch.name")[0].0, "\"a\"");
}
