//! What the doctor says, on the real engine.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod common;

use common::{World, done};
use serde_json::Value;

/// Status and hint of the first check of this area whose message has this text.
fn check<'a>(report: &'a Value, area: &str, text: &str) -> (&'a str, Option<&'a str>) {
    let checks = report["checks"].as_array().unwrap();
    let found = checks
        .iter()
        .find(|check| check["area"] == area && check["message"].as_str().unwrap().contains(text));
    let found = found.unwrap_or_else(|| panic!("no {area} with {text:?} in {report:#}"));
    (found["status"].as_str().unwrap(), found["hint"].as_str())
}

fn report(output: &std::process::Output) -> (i32, Value) {
    let (code, out, err) = done(output);
    let report = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}"));
    (code, report)
}

#[test]
fn a_machine_that_works() {
    let world = World::new();
    let (code, report) = report(&world.command("doctor --json").output().unwrap());
    assert_eq!(code, 0, "{report:#}");
    assert_eq!(report["ok"], true);
    assert_eq!(check(&report, "docker", "Docker ").0, "ok");
    assert_eq!(check(&report, "config", "no file").0, "ok");
    assert_eq!(check(&report, "plan", "`shell` behind").0, "ok");
    assert_eq!(check(&report, "image", "agent:").0, "ok");
    assert_eq!(check(&report, "debris", "nothing is left").0, "ok");
    let text = world.run("doctor").1;
    assert!(text.lines().all(|line| {
        ["ok  ", "warn", "fail", "    "]
            .iter()
            .any(|word| line.starts_with(word))
    }));
}

#[test]
fn an_engine_that_does_not_answer() {
    let world = World::new();
    let mut command = world.command("doctor --json");
    let (code, report) = report(
        &command
            .env("DOCKER_HOST", "unix:///nowhere")
            .output()
            .unwrap(),
    );
    assert_eq!(code, 1);
    assert_eq!(report["ok"], false);
    let (status, hint) = check(&report, "docker", "/nowhere");
    assert_eq!(status, "fail");
    assert!(hint.unwrap().contains("DOCKER_HOST"));
}

#[test]
fn a_project_that_is_not_trusted_and_a_mistake() {
    let world = World::new();
    world.project_config("[egress]\nallow = [\"evil.example\"]\n");
    let (code, untrusted) = report(&world.command("doctor --json").output().unwrap());
    assert_eq!(code, 1);
    let (status, hint) = check(&untrusted, "trust", "not trusted");
    assert_eq!(status, "fail");
    assert!(hint.unwrap().contains("bottle trust"));

    world.project_config("[egres]\n");
    let (code, broken) = report(&world.command("doctor --json").output().unwrap());
    assert_eq!(code, 1);
    let (status, _) = check(&broken, "config", "bottle.toml:1");
    assert_eq!(status, "fail");
}

#[test]
fn an_agent_without_a_login() {
    let world = World::new();
    world.user_config("[launch]\nagent = \"claude\"\n");
    let (_, without) = report(&world.command("doctor --json").output().unwrap());
    let (status, hint) = check(&without, "login", "nothing to log in with");
    assert_eq!(status, "warn");
    assert!(hint.unwrap().contains("ANTHROPIC_API_KEY"));
    let mut command = world.command("doctor --json");
    let (_, with) = report(
        &command
            .env("ANTHROPIC_API_KEY", "hush-4711")
            .output()
            .unwrap(),
    );
    assert_eq!(check(&with, "login", "ANTHROPIC_API_KEY").0, "ok");
    assert!(!with.to_string().contains("hush-4711"));
}

/// A real launch behind the real mitmproxy; builds both images when they are not here.
#[test]
fn every_runtime_in_the_image_is_asked_whether_it_trusts_the_authority() {
    let world = World::new();
    let line = "doctor --json --deep shell --proxy mitmproxy --allow bottle-doctor.example";
    let (code, report) = report(&world.command(line).output().unwrap());
    assert_eq!(code, 0, "{report:#}");
    assert_eq!(check(&report, "deep", "its chain answers").0, "ok");
    for runtime in ["curl", "git", "Python"] {
        let (status, _) = check(&report, "deep", &format!("{runtime} trusts"));
        assert_eq!(status, "ok");
    }
    assert_eq!(check(&report, "deep", "nothing was left").0, "ok");
}

/// The other way round: a runtime that is pointed at another authority is found out.
#[test]
fn a_runtime_that_does_not_trust_the_authority_is_a_failure() {
    let world = World::new();
    let line = "doctor --json --deep shell --proxy mitmproxy --allow bottle-doctor.example \
                --env SSL_CERT_FILE=/nowhere --env SSL_CERT_DIR=/nowhere";
    let (code, report) = report(&world.command(line).output().unwrap());
    assert_eq!(code, 1, "{report:#}");
    let (status, hint) = check(&report, "deep", "Python does not trust");
    assert_eq!(status, "fail");
    assert!(hint.is_some());
    assert_eq!(check(&report, "deep", "git trusts").0, "ok");
}
