//! Clients that must work in the agent without a flag.

use std::fmt::Write as _;

use bottle_e2e::{
    lane::{Lane, bridge_address},
    origin::Origin,
    world::{World, stderr, stdout},
};

/// Client, shell line, and the path at which the origin must have seen it.
const CLIENTS: &[(&str, &str, &str)] = &[
    (
        "curl",
        "curl -sSf https://origin.test/PREFIX-curl",
        "/PREFIX-curl",
    ),
    (
        "git",
        "git ls-remote https://origin.test/PREFIX-git/repo.git",
        "/PREFIX-git/repo.git/info/refs",
    ),
    (
        "pip",
        "PIP_INDEX_URL=https://origin.test/simple/PREFIX pip index versions bottle-probe",
        "/simple/PREFIX/bottle-probe/",
    ),
    (
        "npm",
        "NPM_CONFIG_REGISTRY=https://origin.test/npm/PREFIX/ npm view bottle-probe version",
        "/npm/PREFIX/bottle-probe",
    ),
    (
        "requests",
        "python3 -c \"import requests; requests.get('https://origin.test/PREFIX-requests').raise_for_status()\"",
        "/PREFIX-requests",
    ),
    (
        "urllib",
        "python3 -c \"import urllib.request as u; u.urlopen('https://origin.test/PREFIX-urllib').read()\"",
        "/PREFIX-urllib",
    ),
    (
        "node",
        "node -e \"fetch('https://origin.test/PREFIX-node').then(r => process.exit(r.ok ? 0 : 1), e => { console.error(e); process.exit(2) })\"",
        "/PREFIX-node",
    ),
    (
        "cargo",
        "cargo search --index sparse+https://origin.test/cargo/PREFIX/ probe",
        "/cargo/PREFIX/api/v1/crates",
    ),
    (
        "java",
        "java /usr/local/share/fetch/Fetch.java https://origin.test/PREFIX-java",
        "/PREFIX-java",
    ),
];

pub(crate) fn every_client_trusts_the_chain(lane: Lane) {
    let world = World::chained(lane, &["mitmproxy", "pipelock"], "");
    let origin = Origin::shared(bridge_address());
    let prefix = format!("client-{lane}");
    let mut script = String::from("cd /tmp\n");
    for (name, shell, _) in CLIENTS {
        let command = shell.replace("PREFIX", &prefix);
        writeln!(
            script,
            "if timeout 120 sh -c '{}' >/tmp/log 2>&1; then echo 'ok {name}'; else echo 'FAILED {name}'; cat /tmp/log; fi",
            command.replace('\'', "'\\''")
        )
        .unwrap();
    }
    let output = world.sh(&[], &script);
    let out = stdout(&output);
    assert!(!out.contains("FAILED"), "{out}\n{}", stderr(&output));
    for (name, _, path) in CLIENTS {
        assert!(out.contains(&format!("ok {name}")), "{name}: {out}");
        let path = path.replace("PREFIX", &prefix);
        assert!(
            !origin.seen(&path).is_empty(),
            "{name}: the origin saw nothing at {path}"
        );
    }
    world.assert_empty();
}
