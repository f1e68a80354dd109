//! Deliberately wrong proxies and provisioners: each fails the sentences that name its fault.

mod provisioners;
mod proxies;

use std::{collections::BTreeSet, io::Write as _};

use bottle_conformance::Report;

/// Asserts that exactly these sentences fail, and prints them.
fn assert_fails(fault: &str, report: &Report, fails: &[&str]) {
    let found: BTreeSet<&str> = report.broken().map(|(name, _)| name).collect();
    let mut head = fault;
    for name in &found {
        // Past the test's own capture; a closed output is no fault.
        let _ = writeln!(std::io::stdout().lock(), "{head:<58} {name}");
        head = "";
    }
    let wanted: BTreeSet<&str> = fails.iter().copied().collect();
    // The planner refuses much of it too, so that whole launches fail.
    let whole = |name: &&str| name.contains("::a bottle with it") && !fails.is_empty();
    let named: BTreeSet<&str> = found.into_iter().filter(|name| !whole(name)).collect();
    assert_eq!(named, wanted, "{fault}: {report}");
    assert!(report.passed() > 10, "{fault}: {report}");
}
