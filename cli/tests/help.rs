//! What every command says about itself.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod common;

use common::World;

const COMMANDS: [&str; 17] = [
    "",
    "run",
    "plan",
    "exec",
    "attach",
    "list",
    "logs",
    "stop",
    "cleanup",
    "doctor",
    "plugins",
    "init",
    "config",
    "config check",
    "config show",
    "trust",
    "completions",
];

#[test]
fn every_command_has_long_help() {
    let world = World::new();
    for command in COMMANDS {
        let name = format!("help_{}", command.replace(' ', "_"));
        snapshot!(world, name, &format!("{command} --help"));
    }
}

#[test]
fn help_needs_neither_home_nor_engine() {
    let world = World::new();
    let mut command = world.command("run --help");
    command
        .env_remove("HOME")
        .env("DOCKER_HOST", "unix:///nowhere");
    assert!(command.output().unwrap().status.success());
}

#[test]
fn completions_for_every_shell() {
    let world = World::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (code, out, err) = world.run(&format!("completions {shell}"));
        assert_eq!((code, err.as_str()), (0, ""), "{shell}");
        assert!(out.contains("cleanup"), "{shell}");
        assert!(!out.contains("__own"), "{shell} offers a hidden command");
    }
}

#[test]
fn a_bash_script_that_bash_accepts() {
    let world = World::new();
    let (_, script, _) = world.run("completions bash");
    let path = world.write("completions.bash", &script);
    let checked = std::process::Command::new("bash")
        .arg("-n")
        .arg(path)
        .status();
    assert!(checked.unwrap().success());
}

#[test]
fn a_manual_page_per_command() {
    let world = World::new();
    let (code, page, _) = world.run("man");
    assert_eq!(code, 0);
    assert!(page.contains(".TH bottle 1"), "{page}");
    assert_eq!(world.run("man --out pages").0, 0);
    for name in ["bottle", "bottle-run", "bottle-config-check"] {
        let page = world.project().join(format!("pages/{name}.1"));
        let text = std::fs::read_to_string(&page).unwrap();
        assert!(text.contains("Examples:"), "{name}");
    }
    assert!(!world.project().join("pages/bottle-__own.1").exists());
}
