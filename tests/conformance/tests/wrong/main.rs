//! Deliberately wrong backends, each with one fault: the suite finds it, and names it.
//!
//! The table is printed. `WRONG=part-of-a-fault` tries those only.

mod containers;
mod engine;
mod files;
mod images;
mod life;
mod logs;
mod naming;
mod network;
mod ownership;
mod removal;
mod secrets;
mod streams;

use std::{
    collections::BTreeSet,
    io::Write as _,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bottle_backend_memory::MemoryConfig;
use bottle_conformance::{BackendSuite, Json, Layer, Layered, simulated};

/// Prints past the test's own capture: the table is for everybody who runs the tests.
macro_rules! say {
    ($($text:tt)+) => {{
        // A closed output is no fault of a backend.
        let _ = writeln!(std::io::stdout().lock(), $($text)+);
    }};
}

/// A backend with a fault, and the sentences that must fail for it.
struct Wrong {
    fault: &'static str,
    suite: BackendSuite,
    fails: &'static [&'static str],
}

/// They wait more than they work.
const AT_ONCE: usize = 16;

fn config() -> MemoryConfig {
    MemoryConfig {
        missing_images: vec!["127.0.0.1:1/bottle/none:1".into()],
        names: [("outside.test".into(), [192, 0, 2, 1].into())].into(),
        ..MemoryConfig::default()
    }
}

fn suite(suite: BackendSuite) -> BackendSuite {
    suite
        .dialect(Json)
        .open_name("outside.test")
        .limit(Duration::from_secs(8))
        .at_once(12)
}

/// A layer around an engine in memory that is right.
fn wrong<L: Layer>(
    fault: &'static str,
    layer: impl Fn() -> L + Send + Sync + 'static,
    fails: &'static [&'static str],
) -> Wrong {
    wrong_over(fault, config(), layer, fails)
}
/// The same around an engine of this kind.
fn wrong_over<L: Layer>(
    fault: &'static str,
    config: MemoryConfig,
    layer: impl Fn() -> L + Send + Sync + 'static,
    fails: &'static [&'static str],
) -> Wrong {
    let build = move || {
        let backend = Layered::new(simulated(config.clone()), layer());
        Ok::<Box<dyn bottle_api::Backend>, String>(Box::new(backend))
    };
    Wrong {
        fault,
        suite: suite(BackendSuite::new(build)),
        fails,
    }
}

fn all() -> Vec<Wrong> {
    let mut all = Vec::new();
    all.extend(engine::all());
    all.extend(ownership::all());
    all.extend(naming::all());
    all.extend(removal::all());
    all.extend(life::all());
    all.extend(containers::all());
    all.extend(files::all());
    all.extend(network::all());
    all.extend(secrets::all());
    all.extend(streams::all());
    all.extend(logs::all());
    all.extend(images::all());
    all
}

/// Sentences without the runtime they were tried under.
fn broken(wrong: &Wrong) -> Vec<(String, String)> {
    let report = wrong.suite.report();
    assert!(report.passed() > 60, "{}: {report}", wrong.fault);
    let plain = |name: &str| name.strip_prefix("runc::").unwrap_or(name).to_owned();
    let broken = report.broken();
    broken
        .map(|(name, why)| (plain(name), why.to_owned()))
        .collect()
}

#[test]
fn each_fault_fails_exactly_the_sentences_that_name_it() {
    let all = all();
    let only = std::env::var("WRONG").ok();
    let next = AtomicUsize::new(0);
    let lines = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    let Some(wrong) = all.get(n) else { return };
                    if only
                        .as_ref()
                        .is_some_and(|only| !wrong.fault.contains(only.as_str()))
                    {
                        continue;
                    }
                    let found = broken(wrong);
                    let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
                    lines.push((n, found));
                }
            });
        }
    });
    let mut lines = lines.into_inner().unwrap_or_else(PoisonError::into_inner);
    lines.sort_by_key(|(n, _)| *n);
    let mut amiss = Vec::new();
    say!("{:<58} failing cases", "wrong backend");
    for (n, found) in &lines {
        let wrong = &all[*n];
        let names: BTreeSet<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        let mut fault = wrong.fault;
        for name in &names {
            say!("{fault:<58} {name}");
            fault = "";
        }
        let wanted: BTreeSet<&str> = wrong.fails.iter().copied().collect();
        if names != wanted {
            amiss.push(format!(
                "{}\n  not found: {:?}\n  beside it: {:?}",
                wrong.fault,
                wanted.difference(&names).collect::<Vec<_>>(),
                found
                    .iter()
                    .filter(|(name, _)| !wanted.contains(name.as_str()))
                    .collect::<Vec<_>>(),
            ));
        }
    }
    say!("{} wrong backends", lines.len());
    assert!(amiss.is_empty(), "{}", amiss.join("\n"));
}

/// The table says something only if the same engine without a fault passes.
#[test]
fn without_a_fault_nothing_fails() {
    #[derive(Debug)]
    struct Right;
    impl Layer for Right {}
    let right = wrong("right", || Right, &[]);
    assert_eq!(broken(&right), []);
}
