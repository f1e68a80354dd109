//! A real coding agent, from npm, against a local stand-in of its API.

use std::io::{BufRead as _, BufReader};

use bottle_e2e::{
    lane::{Lane, bridge_address},
    messages::{FIRST, GATE, LAST},
    origin::Origin,
    world::World,
};

const REAL: &str = "sk-ant-api03-real-key-for-the-stand-in-0123456789";

pub(crate) fn claude_answers_through_the_chain(lane: Lane) {
    let world = World::chained(lane, &["mitmproxy", "pipelock"], "");
    let origin = Origin::shared(bridge_address());
    let gate = format!("messages-{lane}");
    let mut command = world.bottle();
    command
        .args(["run", "claude", "--"])
        .args(["-p", &format!("answer slowly, {GATE}{gate};")])
        .args([
            "--output-format",
            "stream-json",
            "--include-partial-messages",
            "--verbose",
        ])
        .env("ANTHROPIC_API_KEY", REAL);
    let mut child = World::spawn(&mut command);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut text = String::new();

    // The origin holds its last words back until the first ones were read here.
    for read in lines.by_ref() {
        let said = read.unwrap();
        text.push_str(&said);
        if said.contains(FIRST) {
            assert!(
                !text.contains(LAST),
                "the last words before the gate: {text}"
            );
            break;
        }
    }
    if !text.contains(FIRST) {
        let output = child.wait_with_output().unwrap();
        panic!(
            "no answer: {text}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let agent = world
        .leftovers()
        .into_iter()
        .filter_map(|line| line.strip_prefix("container ").map(str::to_owned))
        .map(|name| lane.engine.ask(&["inspect", &name]))
        .collect::<Vec<_>>();
    assert_eq!(agent.len(), 3, "agent and two hops");
    assert!(agent.iter().all(|inspect| !inspect.contains(REAL)));
    assert!(
        agent
            .iter()
            .any(|inspect| inspect.contains("ANTHROPIC_API_KEY=bottle-placeholder-"))
    );

    origin.open_gate(&gate);
    for said in lines {
        text.push_str(&said.unwrap());
    }
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(0), "{text}");
    assert!(text.contains(LAST), "{text}");
    assert!(!text.contains(REAL));
    let asked: Vec<_> = origin
        .seen("/v1/messages")
        .into_iter()
        .filter(|request| String::from_utf8_lossy(&request.body).contains(&gate))
        .collect();
    assert!(!asked.is_empty());
    for request in &asked {
        assert_eq!(
            request.header("x-api-key"),
            Some(REAL),
            "the origin saw the real key"
        );
        assert_eq!(request.host, "api.anthropic.com");
    }
    world.assert_empty();
}
