//! The owner killed with SIGKILL at every step.

use std::io::{BufRead as _, BufReader};

use bottle_e2e::{
    lane::Lane,
    world::{World, assert_code},
};

const CHAIN: &[&str] = &["mitmproxy", "pipelock"];

/// Starts a bottle that reports its events on standard error, and kills it after `n` of them.
/// Returns whether it was still alive then.
fn kill_after(world: &World, n: usize) -> bool {
    let mut child = World::spawn(world.shell(&["--json"], "sleep 600").env("LC_ALL", "C"));
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut running = false;
    for _ in 0..n {
        match lines.next() {
            Some(Ok(line)) => running |= line.contains("\"event\":\"ready\""),
            _ => break,
        }
        if running {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    !running
}

pub(crate) fn the_next_command_leaves_the_engine_empty(lane: Lane) {
    let world = World::chained(lane, CHAIN, "");
    let mut points = 0;
    for n in 1..60 {
        let more = kill_after(&world, n);
        points += 1;
        assert_code(&world.run(&["cleanup"]), 0);
        let left = world.leftovers();
        assert!(left.is_empty(), "killed after event {n}: {left:#?}");
        world.assert_empty();
        if !more {
            break;
        }
    }
    println!("killed at {points} points of a launch");
    assert!(points > 8, "a launch has more than {points} events");
}

pub(crate) fn any_command_sweeps(lane: Lane) {
    let world = World::chained(lane, CHAIN, "");
    kill_after(&world, usize::MAX);
    assert!(
        !world.leftovers().is_empty(),
        "the positive control: a killed session leaves things"
    );
    assert_code(&world.run(&["list"]), 0);
    world.assert_empty();
}

pub(crate) fn a_detached_session_outlives_its_terminal(lane: Lane) {
    let world = World::chained(lane, CHAIN, "");
    assert_code(
        &world
            .shell(&["-d", "--name", "kept"], "sleep 600")
            .output()
            .unwrap(),
        0,
    );
    assert_code(&world.run(&["list"]), 0);
    assert!(
        !world.leftovers().is_empty(),
        "a live session must not be swept"
    );
    assert_code(&world.run(&["exec", "kept", "--", "true"]), 0);
    assert_code(&world.run(&["stop", "kept"]), 0);
    world.assert_empty();
}

pub(crate) fn an_interrupt_ends_with_an_empty_engine(lane: Lane) {
    for n in [2, 6, 10, 14] {
        let world = World::chained(lane, CHAIN, "");
        let mut child = World::spawn(&mut world.shell(&["--json"], "sleep 600"));
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut seen = 0;
        for line in lines {
            if line.is_err() {
                break;
            }
            seen += 1;
            if seen == n {
                let pid = child.id().to_string();
                let done = std::process::Command::new("kill")
                    .args(["-INT", &pid])
                    .status();
                assert!(done.unwrap().success());
            }
        }
        let status = child.wait().unwrap();
        assert_ne!(status.code(), Some(0), "after event {n}");
        world.assert_empty();
    }
}
