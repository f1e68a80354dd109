//! Everything that can be wrong: one clear error, the next step, 125, nothing of a secret.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod common;

use common::{World, done};

/// Runs it and checks the form of the error.
fn fails(world: &World, line: &str, with: &[&str]) -> String {
    let (code, out, err) = world.run(line);
    assert_eq!((code, out.as_str()), (125, ""), "`{line}` said:\n{err}");
    for part in with {
        assert!(err.contains(part), "`{line}`: no {part:?} in:\n{err}");
    }
    assert!(!err.contains("panicked"), "{err}");
    err
}

#[test]
fn usage_errors_are_ours() {
    let world = World::new();
    fails(&world, "rum", &["run"]);
    fails(&world, "run --workspace-mode telepathy", &["bind"]);
    fails(&world, "exec name", &["COMMAND"]);
    fails(&world, "run --detach-keys ctrl-ä", &["ctrl-p"]);
    fails(&world, "run --timeout soon", &["soon"]);
    assert_eq!(world.run("--version").0, 0);
}

#[test]
fn values_nobody_can_mean_are_refused_before_the_launch() {
    let world = World::new();
    for (flags, said) in [
        ("--image UPPER//x", "`UPPER//x` is not an image"),
        (
            "--memory 99999999999999999999GiB",
            "more than any machine has",
        ),
        ("--memory -1", "`-1` is not a size"),
        ("--cpus -1", "`-1` is not a number of processors"),
        ("--pids -1", "`-1` is not a number of processes"),
    ] {
        fails(
            &world,
            &format!("plan shell {flags}"),
            &[said, "hint: write"],
        );
    }
}

#[test]
fn no_engine() {
    let world = World::new();
    for (host, said) in [
        ("unix:///nowhere/docker.sock", "/nowhere/docker.sock"),
        ("tcp://127.0.0.1:9", "127.0.0.1:9"),
    ] {
        let mut command = world.command("run shell -- true");
        let output = command.env("DOCKER_HOST", host).output().unwrap();
        let (code, out, err) = done(&output);
        assert_eq!((code, out.as_str()), (125, ""));
        assert!(
            err.starts_with("error: ") && err.contains("\n\nhint: "),
            "{err}"
        );
        assert!(err.contains(said), "{err}");
    }
}

#[test]
fn unknown_names() {
    let world = World::new();
    fails(&world, "plan --backend warp shell", &["warp", "docker"]);
    fails(
        &world,
        "plan --proxy mitmprxy shell",
        &["mitmprxy", "mitmproxy"],
    );
    fails(&world, "plan shel", &["shel", "shell"]);
    fails(
        &world,
        "attach nobody",
        &["no bottle `nobody`", "hint: no bottle is running"],
    );
    fails(&world, "exec nobody -- true", &["no bottle `nobody`"]);
    fails(&world, "stop nobody", &["no bottle `nobody`"]);
    fails(&world, "logs nobody", &["no bottle `nobody`"]);
    fails(&world, "attach", &["no bottle is running", "hint: "]);
    fails(&world, "logs", &["none ran lately"]);
}

#[test]
fn bad_values() {
    let world = World::new();
    fails(
        &world,
        "plan shell --allow http://a.b/",
        &["--allow", "not a host pattern"],
    );
    fails(&world, "plan shell --memory lots", &["--memory", "lots"]);
    fails(
        &world,
        "plan shell --config nowhere.toml",
        &["nowhere.toml"],
    );
    fails(&world, "plan shell --workspace /nowhere", &["/nowhere"]);
}

#[test]
fn errors_as_json() {
    let world = World::new();
    let err = fails(&world, "attach nobody --json", &[]);
    let error: serde_json::Value = serde_json::from_str(err.trim()).unwrap();
    assert_eq!(error["event"], "error");
    assert_eq!(error["exit_code"], 125);
    assert!(error["message"].as_str().unwrap().contains("nobody"));
}

#[test]
fn a_state_folder_that_cannot_be_made() {
    let world = World::new();
    let file = world.write("file", "");
    let mut command = world.command("list");
    let output = command.env("XDG_STATE_HOME", file).output().unwrap();
    let (code, _, err) = done(&output);
    assert_eq!(code, 125);
    assert!(err.contains("cannot create"), "{err}");
}

#[test]
fn a_literal_secret_on_the_command_line_is_not_repeated() {
    let world = World::new();
    let (code, _, err) = world.run("plan nobody --env TOKEN=hush-hush-4711 -vv");
    assert_eq!(code, 125);
    assert!(!err.contains("hush-hush"), "{err}");
}

#[test]
fn a_reader_that_goes_is_no_error() {
    let world = World::new();
    let script = format!(
        "{} config schema | head -c 10 >/dev/null; echo ${{PIPESTATUS[0]}}",
        env!("CARGO_BIN_EXE_bottle")
    );
    let mut command = std::process::Command::new("bash");
    command
        .args(["-c", &script])
        .env("HOME", world.path("home"));
    let (_, out, err) = done(&command.output().unwrap());
    assert_eq!((out.trim(), err.as_str()), ("0", ""));
}

#[test]
fn colours_only_when_asked_for() {
    let world = World::new();
    let plain = world.run("attach nobody").2;
    assert!(!plain.contains('\u{1b}'));
    let coloured = world.run("attach nobody --color always").2;
    assert!(coloured.contains('\u{1b}'));
    let stripped = coloured
        .replace("\u{1b}[1m", "")
        .replace("\u{1b}[31m", "")
        .replace("\u{1b}[0m", "");
    assert_eq!(stripped, plain);
}
