//! The log.

use bottle_api::EgressEvent;
use rand::RngExt as _;

use super::ProxySuite;
use crate::{
    Checked, Miss,
    plugin::task,
    runner::Task,
    verdict::{ensure, same},
};

pub(super) fn tasks(suite: &ProxySuite) -> Vec<Task> {
    vec![
        task(suite, "log::a line that is nothing is no decision", nothing),
        task(suite, "log::no line makes it panic or hang", total),
        task(
            suite,
            "log::lines of the product mean what they mean",
            golden,
        ),
        task(
            suite,
            "log::events are told by its name, with hosts and paths only",
            events,
        ),
    ]
}

fn nothing(suite: &ProxySuite) -> Checked {
    let proxy = suite.proxy()?;
    for line in [
        "",
        " ",
        "\t",
        "{}",
        "[]",
        "null",
        "starting",
        "{\"time\":\"x\"}",
    ] {
        let event = proxy.parse_log(line);
        ensure!(event.is_none(), "{line:?} is {event:?}");
    }
    Ok(())
}

/// Lines as no product writes them, and those of the suite, cut and spoilt.
fn garbage(suite: &ProxySuite) -> Vec<String> {
    let mut all = vec![
        "{".repeat(20_000),
        "[".repeat(20_000),
        "\"".into(),
        "\u{0}\u{feff}\u{202e}".into(),
        "{\"a\":".repeat(3_000),
        "x".repeat(2_000_000),
        "{\"status\":1e400,\"ms\":-1,\"host\":[],\"url\":{}}".into(),
        "{\"url\":\"://\",\"target\":\":\",\"host\":\"\\ud800\"}".into(),
    ];
    let mut random = rand::rng();
    for _ in 0..300 {
        let length = random.random_range(0..200);
        let bytes: Vec<u8> = (0..length).map(|_| random.random()).collect();
        all.push(String::from_utf8_lossy(&bytes).into_owned());
    }
    for golden in &suite.golden {
        let chars: Vec<char> = golden.line.chars().collect();
        for cut in 0..chars.len() {
            all.push(chars[..cut].iter().collect());
            let mut spoilt = chars.clone();
            spoilt[cut] = char::from(random.random_range(32..127_u8));
            all.push(spoilt.into_iter().collect());
        }
    }
    all
}

fn total(suite: &ProxySuite) -> Checked {
    let proxy = suite.proxy()?;
    let since = std::time::Instant::now();
    let all = garbage(suite);
    for line in &all {
        let read = std::panic::AssertUnwindSafe(|| (proxy.parse_log(line), proxy.parse_log(line)));
        let Ok((once, again)) = std::panic::catch_unwind(read) else {
            let start: String = line.chars().take(80).collect();
            return Err(Miss::broken(format!("it panics at {start:?}")));
        };
        same!(again, once, "a line read twice");
    }
    let each = since.elapsed() / u32::try_from(all.len()).unwrap_or(1);
    ensure!(each.as_millis() < 100, "a line takes {each:?}");
    Ok(())
}

fn golden(suite: &ProxySuite) -> Checked {
    if suite.golden.is_empty() {
        let why = "the suite was given no line: use `decision` and `no_decision`";
        return Err(Miss::not_here(why));
    }
    let proxy = suite.proxy()?;
    for golden in &suite.golden {
        let event = proxy.parse_log(&golden.line);
        let found = event.map(|event| (event.decision, event.host));
        same!(found, golden.event, "`{}`", golden.line);
    }
    Ok(())
}

fn events(suite: &ProxySuite) -> Checked {
    let proxy = suite.proxy()?;
    let events: Vec<EgressEvent> = suite
        .golden
        .iter()
        .filter_map(|golden| proxy.parse_log(&golden.line))
        .collect();
    if events.is_empty() {
        return Err(Miss::not_here(
            "the suite was given no line that is a decision",
        ));
    }
    for event in events {
        same!(event.proxy, suite.name, "whose event it is");
        let host = event.host.unwrap_or_default();
        ensure!(
            !host.contains([':', '/', '@']) || host.parse::<std::net::Ipv6Addr>().is_ok(),
            "`{host}` is no host alone"
        );
        let path = event.path.unwrap_or_default();
        ensure!(
            !path.contains('?'),
            "`{path}` has a query, where secrets are"
        );
    }
    Ok(())
}
