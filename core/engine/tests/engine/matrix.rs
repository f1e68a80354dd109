//! Every call of a launch and of a teardown, failing in every way: nothing is left, the first
//! error is reported, teardown failures are listed and never hide it.

use std::time::Duration;

use bottle_backend_memory::{Call, Fault, Memory, Script};
use bottle_engine::{CleanOptions, LaunchError, Outcome, SessionState, clean};

use crate::support::{Rig, chain_text, silence_injected_panics};

/// Chains of two, one and no hops; with and without programs to apply.
const SETUPS: [&[&str]; 4] = [
    &["front", "back", "trust", "helper"],
    &["front", "back"],
    &["front", "trust"],
    &["trust"],
];
const FAULTS: [Fault; 4] = [
    Fault::Error,
    Fault::Panic,
    Fault::Hang,
    Fault::ErrorAfterEffect,
];
/// An engine that takes its time, but less than it is given.
const SLOW: Fault = Fault::Late(Duration::from_secs(3));

/// No limit of the engine is longer.
const FOREVER: Duration = Duration::from_hours(24);

fn memory() -> Memory {
    let lines = Script::writes(["up"]);
    Memory::default()
        .image_file("/etc/ssl/store.pem", "ROOTS\n")
        .script(bottle_api::Role::new("proxy-1-back"), lines)
}
fn rig(memory: Memory, plugins: &[&'static str]) -> Rig {
    let mut rig = Rig::new(memory, plugins);
    rig.attach = true;
    rig
}

/// The calls of a launch that succeeds, and those of its teardown.
async fn calls(plugins: &[&'static str]) -> (Vec<Call>, Vec<Call>) {
    let rig = rig(memory(), plugins);
    let session = rig.launch("s").await;
    settle().await;
    let setup = rig.memory.calls();
    let _ = session.shutdown().await;
    rig.launcher.finish().await;
    let teardown = rig.memory.calls().split_off(setup.len());
    assert!(
        setup.len() > 5 && teardown.len() > 1,
        "{setup:?} {teardown:?}"
    );
    (setup, teardown)
}
/// Lets what runs in the background come to rest.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(500)).await;
}

/// Reading logs and sweeping debris are not worth a session.
fn is_tolerated(call: &Call) -> bool {
    call.what.starts_with("logs ") || call.what.starts_with("list_owned ")
}

fn assert_reported(outcome: &Outcome, call: &Call, fault: Fault, case: &str) {
    let error = outcome.result.as_ref().expect_err(case);
    let text = chain_text(error);
    match (fault, error) {
        (Fault::Hang, LaunchError::NotReady { .. } | LaunchError::Provision { .. }) => {
            let by_plugin = ["exec ", "get_archive ", "put_archive "];
            assert!(
                by_plugin.iter().any(|verb| call.what.starts_with(verb)),
                "{case}: {text}"
            );
        }
        (Fault::Hang, _) => {
            let waited = ["does not answer", "did not end within"];
            let waited = waited.iter().any(|why| text.contains(why));
            assert!(waited, "{case}: {text}");
        }
        (Fault::Panic, LaunchError::Panicked(what)) => {
            assert!(what.contains(&call.what), "{case}: {text}");
        }
        (_, LaunchError::Panicked(_)) => panic!("{case}: {text}"),
        _ => assert!(text.contains(&format!("`{}`", call.what)), "{case}: {text}"),
    }
}

/// The injected failure is in the report; it may have led to others.
fn assert_listed(outcome: &Outcome, call: &Call, case: &str) {
    let listed = outcome.teardown.failures().any(|step| {
        let why = step.error.as_deref().unwrap_or_default();
        why.contains(&call.what) || why.contains("no end after") || why.contains("not answer")
    });
    assert!(listed, "{case}: {outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn whatever_call_of_a_launch_fails_nothing_is_left() {
    silence_injected_panics();
    let mut cases = 0;
    for plugins in SETUPS {
        for call in calls(plugins).await.0 {
            for fault in FAULTS {
                let case = format!("{plugins:?} {call} {fault:?}");
                let rig = rig(memory().fault(call.clone(), fault), plugins);
                // A broken connection is taken up again; waiting long is what a session does.
                let goes_on = is_tolerated(&call)
                    || (call.what == "wait agent"
                        && matches!(fault, Fault::ErrorAfterEffect | Fault::Hang));
                let launching = tokio::time::timeout(FOREVER, rig.try_launch("s"));
                let outcome = match launching.await.expect(&case) {
                    Err(outcome) => outcome,
                    Ok(session) if call.what == "wait agent" && !goes_on => session.wait().await,
                    Ok(session) => {
                        settle().await;
                        session.shutdown().await
                    }
                };
                if goes_on {
                    assert!(matches!(outcome.result, Ok(None)), "{case}: {outcome:?}");
                } else {
                    assert_reported(&outcome, &call, fault, &case);
                }
                assert!(outcome.teardown.is_clean(), "{case}: {outcome:?}");
                // Each step finds its own: the last look had nothing to make good.
                assert_eq!(
                    outcome.teardown.failures().count(),
                    0,
                    "{case}: {outcome:?}"
                );
                rig.launcher.finish().await;
                rig.assert_nothing_left(&case);
                cases += 1;
            }
        }
    }
    println!("{cases} cases: every call of a launch fails");
    assert!(cases > 250, "{cases}");
}

/// The engine acts three seconds after it was asked; the user gives up after none.
#[tokio::test(start_paused = true)]
async fn whenever_a_launch_is_cancelled_nothing_is_left() {
    let mut cases = 0;
    for plugins in SETUPS {
        for call in calls(plugins).await.0 {
            for by_drop in [false, true] {
                let case = format!("{plugins:?} {call} by drop: {by_drop}");
                let rig = rig(memory().fault(call.clone(), SLOW), plugins);
                let parts = rig.parts();
                let stop = parts.stop.clone();
                let mut launching = Box::pin(rig.launcher.launch(rig.plan("s").await, parts));
                let early = tokio::select! {
                    biased;
                    () = rig.memory.fault_met() => None,
                    up = &mut launching => Some(up),
                };
                match early {
                    None if by_drop => drop(launching),
                    None => {
                        stop.cancel();
                        cancelled(launching.await, &call, &case).await;
                    }
                    Some(Ok(session)) => {
                        rig.memory.fault_met().await;
                        drop(session);
                    }
                    Some(Err(outcome)) => panic!("{case}: {outcome:?}"),
                }
                rig.launcher.finish().await;
                settle_engine().await;
                rig.assert_nothing_left(&case);
                cases += 1;
            }
        }
    }
    println!("{cases} cases: cancelled in every call of a launch");
    assert!(cases > 120, "{cases}");
}
/// Longer than the slowest call.
async fn settle_engine() {
    tokio::time::sleep(Duration::from_secs(10)).await;
}
async fn cancelled(launched: Result<bottle_engine::Session, Outcome>, call: &Call, case: &str) {
    match launched {
        Err(outcome) => {
            let cancelled = matches!(outcome.result, Err(LaunchError::Cancelled));
            assert!(cancelled, "{case}: {outcome:?}");
        }
        // It was up by the time the user gave up.
        Ok(session) => {
            assert!(is_tolerated(call) || call.what == "wait agent", "{case}");
            assert!(matches!(session.wait().await.result, Ok(None)), "{case}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_call_of_a_teardown_fails_the_rest_goes_and_the_failure_is_listed() {
    silence_injected_panics();
    let mut cases = 0;
    for plugins in SETUPS {
        for call in calls(plugins).await.1 {
            for fault in FAULTS {
                let case = format!("{plugins:?} teardown {call} {fault:?}");
                let rig = rig(memory().fault(call.clone(), fault), plugins);
                let session = rig.launch("s").await;
                settle().await;
                let outcome = session.shutdown().await;
                assert!(matches!(outcome.result, Ok(None)), "{case}: {outcome:?}");
                assert_listed(&outcome, &call, &case);
                assert!(outcome.teardown.is_clean(), "{case}: {outcome:?}");
                rig.launcher.finish().await;
                rig.assert_nothing_left(&case);
                cases += 1;
            }
        }
    }
    println!("{cases} cases: every call of a teardown fails");
    assert!(cases > 50, "{cases}");
}

/// The agent does not start, and then a clean-up call fails too.
#[tokio::test(start_paused = true)]
async fn a_failing_teardown_never_hides_why_the_launch_failed() {
    silence_injected_panics();
    let mut cases = 0;
    for plugins in SETUPS {
        let why = Call::first("start agent");
        let broken = || rig(memory().fault(why.clone(), Fault::Error), plugins);
        let clean_run = broken();
        let _ = clean_run.try_launch("s").await.expect_err("no start");
        let all = clean_run.memory.calls();
        let at = all.iter().position(|c| *c == why).unwrap();
        for call in &all[at + 1..] {
            for fault in FAULTS {
                let case = format!("{plugins:?} start, then {call} {fault:?}");
                let memory = memory().fault(why.clone(), Fault::Error);
                let rig = rig(memory.fault(call.clone(), fault), plugins);
                let outcome = rig.try_launch("s").await.expect_err(&case);
                assert_reported(&outcome, &why, Fault::Error, &case);
                assert_listed(&outcome, call, &case);
                rig.launcher.finish().await;
                rig.assert_nothing_left(&case);
                cases += 1;
            }
        }
    }
    println!("{cases} cases: a launch and its teardown both fail");
    assert!(cases > 50, "{cases}");
}

/// A removal that fails every time is told, and tried again by the next command.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_removed_is_told_and_found_again() {
    let mut memory = memory();
    for nth in 0..4 {
        let what = "remove proxy-1-back".to_owned();
        memory = memory.fault(Call { what, nth }, Fault::Error);
    }
    let rig = rig(memory, SETUPS[1]);
    let outcome = rig.launch("s").await.shutdown().await;
    assert!(!outcome.teardown.is_clean());
    let left: Vec<_> = outcome
        .teardown
        .left
        .iter()
        .map(|r| r.name.as_str())
        .collect();
    assert!(left[0].ends_with("-proxy-1-back"), "{left:?}");
    let record = rig.store.find("work").unwrap().unwrap();
    assert_eq!(record.state, SessionState::Dead);

    let options = CleanOptions::default();
    let report = clean(&rig.memory, &rig.store, &options).await.unwrap();
    assert_eq!(report.debris.len(), 1);
    assert!(report.debris[0].failed.is_empty(), "{report:?}");
    rig.assert_nothing_left("cleaned");
}
