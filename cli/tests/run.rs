//! Bottles on the real engine, as small as they get: no network, a plain image.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod common;

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use common::{World, done};
use rustix::process::{Pid, Signal, kill_process};

const SHELL: &str = "run shell --image debian:bookworm-slim --proxy none --workspace-mode none";

/// `bottle run` of a shell command.
fn shell(world: &World, flags: &str, script: &str) -> Command {
    let mut command = world.command(&format!("{SHELL} {flags} --"));
    command.args(["sh", "-c", script]);
    command
}

/// What the engine holds of this world's sessions.
fn left(world: &World) -> String {
    let instance = std::fs::read_to_string(world.state().join("instance")).unwrap();
    let filter = format!("label=bottle.instance={}", instance.trim());
    let ask = |args: &[&str]| {
        let output = Command::new("docker")
            .args(args)
            .args(["--filter", &filter])
            .output();
        done(&output.unwrap()).1
    };
    format!("{}{}", ask(&["ps", "-aq"]), ask(&["network", "ls", "-q"]))
}

fn assert_nothing_left(world: &World) {
    assert_eq!(left(world), "");
    let sessions = std::fs::read_dir(world.state().join("sessions")).unwrap();
    assert_eq!(sessions.count(), 0);
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_mins(1);
    while !done() {
        assert!(Instant::now() < end, "not in a minute: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[test]
fn output_is_apart_and_clean_and_the_code_is_the_programs() {
    let world = World::new();
    let mut command = shell(&world, "--no-tty", "echo out; echo err >&2; exit 42");
    let (code, out, err) = done(&command.output().unwrap());
    assert_eq!((code, out.as_str()), (42, "out\n"), "{err}");
    assert!(err.lines().any(|line| line == "err"), "{err}");
    assert_nothing_left(&world);
}

#[test]
fn input_is_piped_and_its_end_is_passed_on() {
    let world = World::new();
    let mut child = shell(&world, "", "cat; echo after")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let payload = "x".repeat(300_000);
    child
        .stdin
        .take()
        .unwrap()
        .write_all(payload.as_bytes())
        .unwrap();
    let mut out = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut out)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(out, format!("{payload}after\n"));
    assert_nothing_left(&world);
}

#[test]
fn a_reader_that_goes_ends_the_bottle() {
    let world = World::new();
    let mut child = shell(&world, "", "while :; do echo y; done")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line, "y\n");
    assert_eq!(child.wait().unwrap().code(), Some(141));
    assert_nothing_left(&world);
}

#[test]
fn signals_end_it_with_their_code_and_leave_nothing() {
    for (kind, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let world = World::new();
        let mut child = shell(&world, "", "echo started; sleep 300")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        signal(&child, kind);
        assert_eq!(child.wait().unwrap().code(), Some(code));
        assert_nothing_left(&world);
    }
}

#[test]
fn a_signal_during_the_launch_leaves_nothing() {
    // A different moment each time; what matters holds at all of them.
    for delay in [0, 20, 60, 120, 200, 400] {
        let world = World::new();
        let mut child = shell(&world, "", "sleep 300")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_until("state", || world.state().join("instance").exists());
        std::thread::sleep(Duration::from_millis(delay));
        signal(&child, Signal::INT);
        assert_eq!(child.wait().unwrap().code(), Some(130));
        assert_nothing_left(&world);
    }
}

#[test]
fn a_time_limit() {
    let world = World::new();
    let mut command = shell(&world, "--timeout 1s", "sleep 300");
    let (code, _, err) = done(&command.stdin(Stdio::null()).output().unwrap());
    assert_eq!(code, 124);
    assert!(err.contains("ended after 1s"), "{err}");
    assert_nothing_left(&world);
}

#[test]
fn in_the_background() {
    let world = World::new();
    let name = format!("cli-back-{}", std::process::id());
    let script = "trap 'exit 0' TERM; echo hello; while :; do sleep 0.1; done";
    let mut command = shell(&world, &format!("--detach --no-tty --name {name}"), script);
    let (code, out, err) = done(&command.output().unwrap());
    assert_eq!((code, out.trim()), (0, name.as_str()), "{err}");

    let (_, out, _) = world.run("list --json");
    let list: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(list[0]["name"], name.as_str());
    assert_eq!(list[0]["state"], "running");
    assert_eq!(list[0]["agent"], "shell");
    assert_eq!(world.run("list --quiet").1.trim(), name);
    assert!(world.run("list").1.starts_with("NAME"), "a table");

    wait_until("the log", || world.run("logs").1 == "hello\n");

    let (code, out, err) = world.run("exec -- sh -c exit${IFS}7");
    assert_eq!((code, out.as_str()), (7, ""), "{err}");
    // Which of the two it is, is up to the engine and its runtime, as with docker.
    let (code, _, _) = world.run(&format!("exec {name} -- /nowhere/program"));
    assert!([126, 127].contains(&code), "{code}");
    let mut exec = world.command(&format!("exec {name} -- cat"));
    let mut child = exec
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"piped").unwrap();
    assert_eq!(done(&child.wait_with_output().unwrap()).1, "piped");

    // A second one of that name is refused, and the first is left alone.
    let mut again = shell(&world, &format!("--name {name}"), "true");
    let (code, _, err) = done(&again.stdin(Stdio::null()).output().unwrap());
    assert_eq!(code, 125);
    assert!(err.contains(&name) && err.contains("hint:"), "{err}");

    let (code, out, err) = world.run(&format!("stop {name}"));
    assert_eq!((code, out.trim()), (0, name.as_str()), "{err}");
    assert_nothing_left(&world);
    assert!(!world.run("logs --events").1.is_empty());
    let (code, _, err) = world.run(&format!("attach {name}"));
    assert_eq!(code, 125, "{err}");
}

#[test]
fn the_end_of_an_agent_in_the_background_is_cleaned_up_without_anybody() {
    let world = World::new();
    let mut command = shell(&world, "--detach", "sleep 1");
    assert_eq!(done(&command.output().unwrap()).0, 0);
    let sessions = world.state().join("sessions");
    wait_until("the owner's clean-up", || {
        std::fs::read_dir(&sessions).unwrap().count() == 0
    });
    assert_nothing_left(&world);
}

#[test]
fn what_a_killed_owner_leaves_the_next_command_removes() {
    let world = World::new();
    let mut child = shell(&world, "", "echo started; sleep 300")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    signal(&child, Signal::KILL);
    child.wait().unwrap();
    assert!(!left(&world).is_empty());
    let (code, out, _) = world.run("cleanup --dry-run");
    assert_eq!(code, 0);
    assert!(out.contains("would remove container"), "{out}");
    assert!(!left(&world).is_empty());
    let (code, out, _) = world.run("list");
    assert_eq!(code, 0);
    assert!(out.contains("orphaned"), "{out}");
    assert_nothing_left(&world);
}

#[test]
fn events_as_json_beside_clean_output() {
    let world = World::new();
    let mut command = shell(&world, "--json --no-tty", "echo out");
    let (code, out, err) = done(&command.stdin(Stdio::null()).output().unwrap());
    assert_eq!((code, out.as_str()), (0, "out\n"));
    let mut seen = vec![];
    for line in err.lines() {
        let event: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        seen.push(event["event"].as_str().unwrap().to_owned());
    }
    for event in ["started", "ready", "exited", "finished"] {
        assert!(
            seen.iter().any(|name| name == event),
            "no {event} in {seen:?}"
        );
    }
}

#[test]
fn a_dry_run_creates_nothing() {
    let world = World::new();
    let (code, out, err) = world.run(&format!("{SHELL} --dry-run"));
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("the agent has no network at all"), "{out}");
    assert_nothing_left(&world);
}
