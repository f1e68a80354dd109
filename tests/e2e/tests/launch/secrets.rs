//! Where a forwarded secret is, and where it must not be.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

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
    let arguments = Arguments::watched(REAL);
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

    assert!(arguments.seen() > 100, "processes were looked at");
    assert_eq!(arguments.found(), Vec::<String>::new());
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
    assert_eq!(folder_holds(&world.path("."), REAL), Vec::<PathBuf>::new());
    assert_code(&world.run(&["stop", &name]), 0);
    for folder in lane.engine.data_folders().iter().chain([&world.path(".")]) {
        assert_eq!(folder_holds(folder, REAL), Vec::<PathBuf>::new());
    }
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

/// Looks at the arguments of every process of this machine, again and again.
struct Arguments {
    stop: Arc<AtomicBool>,
    seen: Arc<AtomicUsize>,
    watching: JoinHandle<BTreeSet<String>>,
}

impl Arguments {
    fn watched(needle: &'static str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::new(AtomicUsize::new(0));
        let (over, count) = (Arc::clone(&stop), Arc::clone(&seen));
        let watching = std::thread::spawn(move || {
            let mut found = BTreeSet::new();
            while !over.load(Ordering::Relaxed) {
                for entry in std::fs::read_dir("/proc").unwrap().flatten() {
                    let arguments = std::fs::read(entry.path().join("cmdline"));
                    let text = String::from_utf8_lossy(&arguments.unwrap_or_default()).into_owned();
                    count.fetch_add(usize::from(!text.is_empty()), Ordering::Relaxed);
                    if text.contains(needle) {
                        found.insert(text.replace('\0', " "));
                    }
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            found
        });
        Self {
            stop,
            seen,
            watching,
        }
    }
    fn seen(&self) -> usize {
        self.seen.load(Ordering::Relaxed)
    }
    fn found(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.watching.join().unwrap().into_iter().collect()
    }
}
