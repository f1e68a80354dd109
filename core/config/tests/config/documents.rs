//! What is generated or handed out: the schema, the templates, what `show` prints.

use bottle_api::Registry;
use bottle_config::{init, schema};
use serde_json::{Value, json};

use crate::{samples, world::World};

/// Every key there is.
const EVERYTHING: &str = include_str!("everything.toml");

fn valid(schema: &Value, text: &str) -> Result<(), String> {
    let document: toml::Table = text.parse().unwrap();
    let document = serde_json::to_value(document).unwrap();
    let mut schemas = boon::Schemas::new();
    let mut compiler = boon::Compiler::new();
    compiler
        .add_resource("bottle.json", schema.clone())
        .unwrap();
    let index = compiler.compile("bottle.json", &mut schemas).unwrap();
    schemas
        .validate(&document, index)
        .map_err(|error| format!("{error:#}"))
}

fn user() -> String {
    init::user(&samples::registry())
}

fn whole() -> Value {
    schema(&samples::registry(), &samples::presets())
}

#[test]
fn the_schema_accepts_what_loads() {
    let schema = whole();
    for text in [EVERYTHING, &user(), init::PROJECT, ""] {
        valid(&schema, text).unwrap();
        let world = World::new()
            .user(text)
            .file("home/.config/bottle/base.toml", "");
        if let Err(errors) = world.load() {
            panic!("{}", errors.render(false, 200));
        }
    }
}

/// What the README shows can be pasted.
#[test]
fn documented_examples_load() {
    let readme = include_str!("../../../../README.md");
    let blocks: Vec<&str> = readme
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert!(!blocks.is_empty(), "the README shows a configuration");
    for text in blocks {
        valid(&whole(), text).unwrap();
        World::new().user(text).spec();
    }
}

#[test]
fn the_schema_refuses_what_does_not_load() {
    let schema = whole();
    for text in [
        "agent = 'claude'",
        "[launch]\nagnet = 'x'",
        "[launch]\nbackend = 'zzz'",
        "[launch]\nproxies = ['zzz']",
        "[launch]\nrequire = ['zzz']",
        "[egress]\nallow = [{ methods = ['GET'] }]",
        "[egress]\nallow = [{ host = 'a.b', class = 'zzz' }]",
        "[egress]\ndlp = 'zzz'",
        "[secret.A]\nvalue = 'x'",
        "[secret.A]\nfrom_env = 'A'",
        "[secret.A]\nfrom_env = 'A'\nfrom_file = 'A'\nenv = true",
        "[secret.A]\nfrom_env = 'A'\nenv = true\nfile = '~/x'",
        "[env]\nA = 1",
        "[[mount]]\nsource = 'x'",
        "[agent.x]\nimage = { zzz = 1 }",
        "[limits]\npids = 'many'",
        "[proxy.pipelock]\nzzz = 1",
        "[proxy.pipelock]\nmode = 'zzz'",
        "[proxy.plain]\nmode = 'zzz'",
        "[backend.docker.registry]\nzzz = 1",
        "[zzz]",
    ] {
        assert!(valid(&schema, text).is_err(), "the schema accepts {text:?}");
        assert!(
            World::new().user(text).load().is_err(),
            "the loader accepts {text:?}"
        );
    }
}

/// Every property of the core's schema is in [`EVERYTHING`], which loads: so the schema knows no
/// key that the loader does not.
#[test]
fn the_schema_and_the_loader_know_the_same_keys() {
    let document: toml::Table = EVERYTHING.parse().unwrap();
    let document = serde_json::to_value(document).unwrap();
    let mut missing = Vec::new();
    compare("", &whole(), &[&document], &mut missing);
    assert!(missing.is_empty(), "not in everything.toml: {missing:#?}");
}

fn compare(path: &str, schema: &Value, values: &[&Value], missing: &mut Vec<String>) {
    for (key, part) in schema["properties"].as_object().into_iter().flatten() {
        let below: Vec<&Value> = values.iter().filter_map(|value| value.get(key)).collect();
        let path = format!("{path}.{key}");
        if [".backend", ".proxy", ".provisioner"].contains(&path.as_str()) {
            continue; // the plugins' own
        }
        if below.is_empty() {
            missing.push(path);
        } else {
            compare(&path, part, &below, missing);
        }
    }
    let named = schema
        .get("additionalProperties")
        .filter(|part| part.is_object());
    if let Some(part) = named {
        let below = values.iter().filter_map(|value| value.as_object());
        let below: Vec<&Value> = below.flatten().map(|(_, value)| value).collect();
        compare(&format!("{path}.*"), part, &below, missing);
    }
    if let Some(part) = schema.get("items") {
        let below = values.iter().filter_map(|value| value.as_array());
        let below: Vec<&Value> = below.flatten().collect();
        compare(&format!("{path}[]"), part, &below, missing);
    }
    for word in ["anyOf", "oneOf"] {
        for part in schema[word].as_array().into_iter().flatten() {
            compare(path, part, values, missing);
        }
    }
}

#[test]
fn the_schema_names_what_there_is() {
    let schema = whole();
    let launch = &schema["properties"]["launch"]["properties"];
    assert_eq!(launch["backend"]["enum"], json!(["docker", "other"]));
    assert_eq!(
        launch["proxies"]["items"]["enum"],
        json!(["mitmproxy", "pipelock", "plain"])
    );
    assert_eq!(
        launch["agent"]["examples"],
        json!(["claude", "codex", "shell"])
    );
    let docker = &schema["properties"]["backend"]["properties"]["docker"];
    assert_eq!(docker["description"], "a sample engine");
    assert_eq!(docker["properties"]["certificates"]["x-bottle-path"], true);
    assert!(!schema.to_string().contains("\"null\""), "TOML has no null");
}

#[test]
fn templates_load_and_name_the_agent() {
    for (template, user) in [(&*user(), true), (init::PROJECT, false)] {
        let text = init::with_agent(template, "codex");
        let world = World::new();
        let world = if user {
            world.user(&text)
        } else {
            world.project(&text)
        };
        assert_eq!(world.spec().agent.name, "codex");
        assert!(world.config().widenings().is_empty());
    }
}

/// A third party's command offers its own plugins, and none that it has not.
#[test]
fn the_template_names_the_plugins_there_are() {
    let mut registry = Registry::empty();
    registry.add_backend(&samples::OTHER).unwrap();
    let text = init::user(&registry);
    assert!(text.contains("# backend = \"other\" "), "{text}");
    assert!(text.contains("# [backend.other] "), "{text}");
    for foreign in [
        "docker",
        "mitmproxy",
        "pipelock",
        "runsc",
        "{backend",
        "{proxies",
        "{tables",
    ] {
        assert!(!text.contains(foreign), "{foreign}: {text}");
    }
    let full = user();
    let line = "# proxies = [\"mitmproxy\", \"pipelock\"]   # from the agent outward";
    assert!(full.contains(line), "{full}");
    assert!(full.contains("# [proxy.pipelock] "), "{full}");
}

/// Lines that a user would uncomment are right, too.
#[test]
fn commented_examples_load() {
    for template in [&user(), init::PROJECT] {
        let uncomment = |line: &str| {
            let bare = line.trim_start().strip_prefix("# ").unwrap_or(line);
            let example = bare.starts_with('[')
                || bare.starts_with(['"', '{'])
                || bare
                    .split_once(" = ")
                    .is_some_and(|(key, _)| !key.contains(' '));
            if example {
                bare.to_owned()
            } else {
                line.to_owned()
            }
        };
        let lines: Vec<String> = template.lines().map(uncomment).collect();
        let text = lines.join("\n");
        assert!(text.matches("\n#").count() < template.matches("\n#").count() / 2);
        let world = World::new()
            .user(&text)
            .file("home/.config/bottle/tools/bottle-base.toml", "");
        if let Err(errors) = world.load() {
            panic!("{}\n{text}", errors.render(false, 200));
        }
    }
}

#[test]
fn files_are_written_once() {
    let world = World::new();
    let path = world.dirs().user_config();
    init::write(&path, "a = 1").unwrap();
    let again = init::write(&path, "b = 2").unwrap_err();
    assert_eq!(again.kind(), std::io::ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read_to_string(path).unwrap(), "a = 1");
}

#[test]
fn show_says_what_holds_and_who_said_so() {
    let world = World::new()
        .user("[env]\nGH_TOKEN = 'hunter2'\nLOG = 'sk-ant-0123456789abcdef'\nA = 'b'\n[egress]\nallow = ['a.b', { host = 'c.d', ports = [1], methods = ['GET'], paths = ['/x'] }]\n[secret.S]\nfrom_command = ['pass', 'hunter2']\ninject = { hosts = ['a.b'] }\n[proxy.pipelock]\nport = 1\n")
        .project("[launch]\nagent = 'claude'\n[limits]\nmemory = '1GiB'\n")
        .env("BOTTLE_RUNTIME", "runsc");
    let shown = world.config().show();
    let text = world.clean(&shown.to_string());
    assert!(
        !text.contains("hunter2") && !text.contains("sk-ant"),
        "{text}"
    );
    insta::with_settings!({ omit_expression => true }, {
        insta::assert_snapshot!(text);
    });
    let data = serde_json::to_value(&shown).unwrap();
    assert_eq!(data["rows"][0]["key"], "launch.agent");
}
