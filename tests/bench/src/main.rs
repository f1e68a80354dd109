//! Launch and teardown of a default bottle against the same resources made by sequential
//! `docker` calls and by the bare engine API in parallel. Prints a table; asserts nothing.
//!
//! Every round runs all contenders one after the other, so that a slow moment of the machine
//! hits all of them.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark prints and fails loudly"
)]

mod bottle;
mod cli;
mod floor;
mod template;

use std::time::Duration;

use bottle_e2e::{
    lane::{Engine, docker_runtimes},
    world::World,
};

/// What one contender took in one round.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Round {
    /// Until every container is started, waits for readiness left out.
    pub(crate) up: Duration,
    /// Until the chain answers; `None` where nobody waits for that.
    pub(crate) ready: Option<Duration>,
    /// Until the engine is empty again.
    pub(crate) down: Duration,
}

#[tokio::main]
async fn main() {
    let rounds: usize = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(10);
    println!("launch of agent + 2 hops + 3 networks, milliseconds, median (min) of n = {rounds}\n");
    println!(
        "{:<5} {:<6} {:<22} {:>15} {:>15} {:>15}",
        "cache", "agent", "contender", "up", "ready", "down"
    );
    for runtime in ["runc", "runsc"] {
        if !docker_runtimes().iter().any(|known| known == runtime) {
            println!("skipped: the engine has no `{runtime}`");
            continue;
        }
        let world = World::chained(
            Engine::Docker.under(runtime),
            &["mitmproxy", "pipelock"],
            "",
        );
        let template = template::take(&world, runtime).await;
        for cold in [false, true] {
            measure(&world, &template, runtime, rounds, cold).await;
        }
    }
}

async fn measure(
    world: &World,
    template: &template::Template,
    runtime: &str,
    rounds: usize,
    cold: bool,
) {
    if cold && std::fs::write("/proc/sys/vm/drop_caches", "1").is_err() {
        println!("cold: skipped, the page cache can be dropped by root only");
        return;
    }
    let mut all: [Vec<Round>; 3] = Default::default();
    let mut starts = Vec::new();
    for number in 0..rounds {
        let chill = || {
            if cold {
                let _ = std::fs::write("/proc/sys/vm/drop_caches", "3");
            }
        };
        chill();
        all[0].push(cli::round(template, number));
        chill();
        let (round, start) = floor::round(template, number).await;
        all[1].push(round);
        starts.push(start);
        chill();
        all[2].push(bottle::round(world, runtime));
    }
    let cache = if cold { "cold" } else { "warm" };
    let names = ["docker CLI, sequential", "API, parallel (floor)", "bottle"];
    for (name, rounds) in names.iter().zip(&all) {
        println!(
            "{cache:<5} {runtime:<6} {name:<22} {:>15} {:>15} {:>15}",
            summary(rounds.iter().map(|round| Some(round.up))),
            summary(rounds.iter().map(|round| round.ready)),
            summary(rounds.iter().map(|round| Some(round.down))),
        );
    }
    verdict(&all, &starts);
}

fn verdict(all: &[Vec<Round>; 3], starts: &[Duration]) {
    let up = |n: usize| median(all[n].iter().map(|round| round.up).collect());
    let ready = median(all[2].iter().filter_map(|round| round.ready).collect());
    let start = median(starts.to_vec());
    let bar = up(1).mul_f64(1.25) + start;
    println!(
        "      bottle up = {:.2} x CLI (bar 0.80: {}), {:.2} x floor; slowest hop's own start {} ms; \
         ready = {} ms (bar 1.25 x floor + start = {} ms: {})\n",
        ratio(up(2), up(0)),
        met(ratio(up(2), up(0)) <= 0.8),
        ratio(up(2), up(1)),
        start.as_millis(),
        ready.as_millis(),
        bar.as_millis(),
        met(ready <= bar),
    );
}

fn met(is: bool) -> &'static str {
    if is { "met" } else { "MISSED" }
}

fn ratio(a: Duration, b: Duration) -> f64 {
    a.as_secs_f64() / b.as_secs_f64()
}

fn median(mut values: Vec<Duration>) -> Duration {
    values.sort();
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn summary(values: impl Iterator<Item = Option<Duration>>) -> String {
    let values: Vec<_> = values.flatten().collect();
    match values.iter().min() {
        None => "-".into(),
        Some(min) => format!(
            "{} ({})",
            median(values.clone()).as_millis(),
            min.as_millis()
        ),
    }
}
