//! Every call of a launch and of a teardown, failing in every way, over the engine in memory. The
//! matrix itself is `bottle_conformance`'s, so that it can be had over any backend.

use std::time::Duration;

use bottle_backend_memory::{Call, Fault, Memory, Script};
use bottle_conformance::{
    Json,
    matrix::{EVERY_SETUP, EngineMatrix, Trouble, silence_injected_panics},
};
use bottle_engine::{CleanOptions, SessionState, clean};

use crate::support::Rig;

fn memory() -> Memory {
    let lines = Script::writes(["up"]);
    Memory::default()
        .image_file("/etc/passwd", "root:x:0:0::/:/bin/sh\n")
        .script(bottle_api::Role::new("proxy-1-back"), lines)
}

/// Tries all cells with this trouble, and tells how many there are.
#[expect(clippy::print_stdout, reason = "the count of cases is a figure")]
async fn try_all(trouble: Trouble) -> usize {
    silence_injected_panics();
    let matrix = EngineMatrix::new(|| Ok(Box::new(memory())))
        .dialect(Json)
        .setups(EVERY_SETUP)
        .slow(Duration::from_secs(3))
        .hanging();
    let mut cases = 0;
    for cell in matrix.cells().await.unwrap() {
        if cell.trouble == trouble {
            let tried = matrix.try_cell(&cell).await;
            assert_eq!(tried, Ok(()), "{cell}");
            cases += 1;
        }
    }
    println!("{cases} cases: {trouble:?}");
    cases
}

#[tokio::test(start_paused = true)]
async fn whatever_call_of_a_launch_fails_nothing_is_left() {
    let cases = try_all(Trouble::Launch).await;
    assert!(cases > 250, "{cases}");
}

/// The engine acts three seconds after it was asked; the user gives up after none.
#[tokio::test(start_paused = true)]
async fn whenever_a_launch_is_cancelled_nothing_is_left() {
    let cases = try_all(Trouble::Cancel).await + try_all(Trouble::Drop).await;
    assert!(cases > 120, "{cases}");
}

#[tokio::test(start_paused = true)]
async fn whatever_call_of_a_teardown_fails_the_rest_goes_and_the_failure_is_listed() {
    let cases = try_all(Trouble::Teardown).await;
    assert!(cases > 50, "{cases}");
}

/// The agent does not start, and then a clean-up call fails too.
#[tokio::test(start_paused = true)]
async fn a_failing_teardown_never_hides_why_the_launch_failed() {
    let cases = try_all(Trouble::Both).await;
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
    let rig = Rig::new(memory, &["front", "back"]);
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
