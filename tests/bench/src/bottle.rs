//! The real command, timed from its start by the events it reports.

use std::{
    io::{BufRead as _, BufReader},
    time::{Duration, Instant},
};

use bottle_e2e::world::World;
use serde_json::Value;

use crate::Round;

/// One launch of the real command.
pub(crate) fn round(world: &World, runtime: &str) -> Round {
    let begin = Instant::now();
    let mut child = World::spawn(&mut world.shell(&["--runtime", runtime, "--json"], "true"));
    let lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    let (mut round, mut exited) = (Round::default(), None);
    for line in lines.map_while(Result::ok) {
        let Ok(event) = serde_json::from_str::<Value>(&line) else {
            continue;
        };
        match (event["event"].as_str(), event["phase"].as_str()) {
            (Some("phase_finished"), Some("sidecars" | "agent")) => {
                round.up = round.up.max(begin.elapsed());
            }
            // The agent is started when the chain has answered: its own start counts, the wait
            // before it does not.
            (Some("phase_finished"), Some("running")) => {
                let ms = event["ms"].as_u64().unwrap_or_default();
                round.up += Duration::from_millis(ms);
            }
            (Some("ready"), _) => round.ready = Some(begin.elapsed()),
            (Some("exited"), _) => exited = Some(Instant::now()),
            (Some("finished"), _) => {
                round.down = exited.map(|at| at.elapsed()).unwrap_or_default();
            }
            _ => {}
        }
    }
    let status = child.wait().expect("the command");
    assert!(status.success(), "a bottle failed during the benchmark");
    round
}
