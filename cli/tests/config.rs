//! Configuration, as the command line shows it.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod common;

use common::World;

#[test]
fn init_writes_what_check_accepts_and_never_overwrites() {
    let world = World::new();
    for (init, file) in [
        ("init", "config/bottle/config.toml"),
        ("init --project", "project/bottle.toml"),
    ] {
        let (code, out, err) = world.run(init);
        assert_eq!(code, 0, "{err}");
        assert!(
            out.contains(&world.path(file).display().to_string()),
            "{out}"
        );
        let (code, _, err) = world.run("config check");
        assert_eq!(code, 0, "{err}");
        let before = std::fs::read(world.path(file)).unwrap();
        let (code, _, err) = world.run(init);
        assert_eq!(code, 125);
        assert!(
            err.contains("is there already") && err.contains("hint:"),
            "{err}"
        );
        assert_eq!(std::fs::read(world.path(file)).unwrap(), before);
    }
}

#[test]
fn init_with_another_agent() {
    let world = World::new();
    assert_eq!(world.run("init --agent codex").0, 0);
    assert!(world.run("config show").1.contains("agent = \"codex\""));
    let (code, _, err) = world.run("init --project --agent clod");
    assert_eq!(code, 125);
    assert!(err.contains("claude, codex"), "{err}");
}

#[test]
fn a_mistake_is_shown_where_it_is() {
    let world = World::new();
    world.user_config("[launch]\nagent = \"shell\"\nruntme = \"runsc\"\n");
    snapshot!(world, "config_unknown_key", "config check");
    snapshot!(world, "config_unknown_key_json", "config check --json");
}

#[test]
fn show_names_every_source() {
    let world = World::new();
    world
        .user_config("[launch]\nagent = \"shell\"\n[egress]\nallow = [\"registry.example.com\"]\n");
    world.project_config("[limits]\nmemory = \"1GiB\"\n");
    let (code, out, err) = world.run("config show --allow files.example.com");
    assert_eq!(code, 0, "{err}");
    for source in ["config.toml:2", "bottle.toml:2", "`--allow`"] {
        assert!(out.contains(source), "no {source} in:\n{out}");
    }
    let (_, out, _) = world.run("config show --json");
    serde_json::from_str::<serde_json::Value>(&out).unwrap();
}

#[test]
fn the_schema_knows_every_plugin() {
    let (code, out, _) = World::new().run("config schema");
    assert_eq!(code, 0);
    let schema: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert!(schema.is_object());
    for name in ["docker", "mitmproxy", "pipelock", "workspace", "ssh"] {
        assert!(out.contains(&format!("\"{name}\"")), "{name}");
    }
}

#[test]
fn a_projects_wish_for_more_needs_trust() {
    let world = World::new();
    world.user_config("[launch]\nagent = \"shell\"\n");
    world.project_config("[egress]\nallow = [\"evil.example\"]\n");
    let (code, _, err) = world.run("plan");
    assert_eq!(code, 125, "{err}");
    assert!(err.contains("bottle trust"), "{err}");
    assert_eq!(world.run("trust --show").0, 1);
    let (code, out, err) = world.run("trust");
    assert_eq!(code, 0, "{err}");
    assert!(
        out.contains("trusted, as it is now") && err.contains("allow"),
        "{out}{err}"
    );
    assert_eq!(world.run("trust --show").0, 0);
    assert_eq!(world.run("config check").0, 0);
    // Any change asks again.
    world.project_config("[egress]\nallow = [\"evil.example\", \"worse.example\"]\n");
    assert_eq!(world.run("trust --show").0, 1);
    assert_eq!(world.run("trust").0, 0);
    assert_eq!(world.run("trust --revoke").0, 0);
    assert_eq!(world.run("trust --show").0, 1);
}

#[test]
fn trust_is_about_project_files_only() {
    let world = World::new();
    let (code, _, err) = world.run("trust");
    assert_eq!(code, 125);
    assert!(err.contains("no `bottle.toml`"), "{err}");
    let (code, _, err) = world.run("trust nowhere");
    assert_eq!(code, 125);
    assert!(err.contains("cannot find"), "{err}");
}
