//! Where a forwarded secret is, and where it must not be.

use std::process::Command;

use bottle_e2e::{
    lane::{Lane, bridge_address},
    origin::Origin,
    world::{World, assert_code, folder_holds, stderr, stdout},
};

const REAL: &str = "real-value-of-the-key-0123456789";
const SECRET: &str = r#"
[secret.PROBE_KEY]
from_env = "PROBE_KEY"
inject = { hosts = ["origin.test"], header = "x-api-key", env = ["PROBE_KEY"] }
"#;

fn world(lane: Lane) -> World {
    World::chained(lane, &["mitmproxy", "pipelock"], SECRET)
}

pub(crate) fn forwarded_secrets_are_nowhere_else(lane: Lane) {
    let world = world(lane);
    let path = format!("/inject-{lane}");
    let name = format!("inject-{lane}");
    let started = world
        .shell(&["-d", "--name", &name, "-v"], "sleep 600")
        .env("PROBE_KEY", REAL)
        .output()
        .unwrap();
    assert_code(&started, 0);
    let inside = world.run(&[
        "exec",
        &name,
        "--",
        "sh",
        "-c",
        &format!(
            "env; cat /proc/1/environ | tr '\\0' '\\n'; \
             curl -s -H \"x-api-key: $PROBE_KEY\" https://origin.test{path}; \
             curl -s -o /dev/null -w 'elsewhere %{{http_code}}\\n' \
               -H \"x-api-key: $PROBE_KEY\" https://second.origin.test{path}-elsewhere"
        ),
    ]);
    assert_code(&inside, 0);
    assert!(
        stdout(&inside).contains("PROBE_KEY=bottle-placeholder-"),
        "{}",
        stdout(&inside)
    );
    assert!(
        stdout(&inside).contains("elsewhere 403"),
        "{}",
        stdout(&inside)
    );
    let seen = Origin::shared(bridge_address()).seen(&path);
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(seen[0].header("x-api-key"), Some(REAL));

    let mut places = vec![
        (
            "output",
            stdout(&started) + &stderr(&started) + &stdout(&inside),
        ),
        ("plan", stdout(&world.run(&["plan", "shell", "--json"]))),
        (
            "log",
            stdout(&world.run(&["logs", &name]))
                + &stdout(&world.run(&["logs", &name, "--egress"])),
        ),
        (
            "argv",
            text(Command::new("ps").args(["axww", "-o", "args="])),
        ),
    ];
    for line in world.leftovers() {
        if let Some(container) = line.strip_prefix("container ") {
            places.push(("inspect", lane.engine.ask(&["inspect", container])));
            let logs = lane
                .engine
                .command()
                .args(["logs", container])
                .output()
                .unwrap();
            places.push(("container log", stdout(&logs) + &stderr(&logs)));
        }
    }
    assert!(places.iter().filter(|(what, _)| *what == "inspect").count() >= 3);
    for (what, text) in &places {
        assert!(!text.contains(REAL), "the secret is in {what}");
    }
    assert_eq!(
        folder_holds(&world.path("."), REAL),
        Vec::<std::path::PathBuf>::new()
    );
    assert_code(&world.run(&["stop", &name]), 0);
    assert_eq!(
        folder_holds(&world.path("."), REAL),
        Vec::<std::path::PathBuf>::new()
    );
    world.assert_empty();
}

pub(crate) fn a_reflected_credential_does_not_come_back(lane: Lane) {
    let world = world(lane);
    let output = world
        .shell(
            &[],
            &format!("curl -s -H \"x-api-key: $PROBE_KEY\" https://origin.test/{lane}/reflect"),
        )
        .env("PROBE_KEY", REAL)
        .output()
        .unwrap();
    assert_code(&output, 0);
    assert!(stdout(&output).contains("you_sent"), "{}", stdout(&output));
    assert!(
        !stdout(&output).contains(REAL),
        "the origin's echo brought the key inside"
    );
    world.assert_empty();
}

pub(crate) fn a_missing_secret_is_one_clear_error(lane: Lane) {
    let world = world(lane);
    let output = world
        .shell(&[], "true")
        .env_remove("PROBE_KEY")
        .output()
        .unwrap();
    assert_code(&output, 125);
    let text = stderr(&output);
    assert!(text.contains("PROBE_KEY"), "{text}");
    assert!(!text.contains("panicked"), "{text}");
    world.assert_empty();
}

fn text(command: &mut Command) -> String {
    stdout(&command.output().unwrap())
}
