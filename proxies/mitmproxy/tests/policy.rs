//! The policy file. The add-on's own tests read these very snapshots with the add-on's parser,
//! so that both halves agree on the format.
#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use bottle_api::{DlpMode, HostPattern};
use bottle_proxy_mitmproxy::{Config, ForeignCredentials, Mode};
use common::{next, plan, policy, policy_json, policy_text, with};
use serde_json::{Value, json};

fn hosts(names: &[&str]) -> Vec<HostPattern> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

#[test]
fn before_a_scanning_hop() {
    let hop = plan(Config::default(), &policy(), Some(&next())).unwrap();
    insta::assert_snapshot!(policy_text(&hop));
}

#[test]
fn as_the_only_hop() {
    let hop = plan(Config::default(), &policy(), None).unwrap();
    insta::assert_snapshot!(policy_text(&hop));
}

#[test]
fn with_every_setting() {
    let config = with(|config| {
        config.mode = Mode::Upstream;
        config.tunnel = hosts(&["downloads.code.test", "*.llm.test"]);
        config.foreign_credentials = ForeignCredentials::Allow;
        config.dlp.url = Some(DlpMode::Warn);
        config.dlp.headers = Some(DlpMode::Off);
        config.dlp.credentialed = Some(DlpMode::Block);
        config.dlp.tunnel = Some(DlpMode::Off);
        config.dlp.skip_headers = vec!["authorization".into()];
    });
    let hop = plan(config, &policy(), Some(&next())).unwrap();
    insta::assert_snapshot!(policy_text(&hop));
}

#[test]
fn with_nothing_allowed() {
    let hop = plan(Config::default(), &common::open_policy(&[]), None).unwrap();
    insta::assert_snapshot!(policy_text(&hop));
}

fn classes(config: Config) -> Vec<(String, String)> {
    let hop = plan(config, &common::open_policy(&["*.a.test", "b.test"]), None).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    policy_json(&hop)["allow"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| (text(&rule["host"]), text(&rule["class"])))
        .collect()
}

#[test]
fn classes_are_laid_over_rules() {
    let pairs = |list: &[(&str, &str)]| {
        list.iter()
            .map(|(host, class)| ((*host).to_owned(), (*class).to_owned()))
            .collect::<Vec<_>>()
    };
    // The whole of a rule.
    let all = with(|config| config.tunnel = hosts(&["*.a.test"]));
    assert_eq!(
        classes(all),
        pairs(&[("*.a.test", "tunnel"), ("b.test", "inspect")])
    );
    // A part of it: a narrower rule beside it, which the add-on prefers.
    let part = with(|config| config.passthrough = hosts(&["x.a.test"]));
    assert_eq!(
        classes(part),
        pairs(&[
            ("x.a.test", "passthrough"),
            ("*.a.test", "inspect"),
            ("b.test", "inspect")
        ])
    );
    // A host that nothing allows stays refused.
    let other = with(|config| config.tunnel = hosts(&["c.test"]));
    assert_eq!(
        classes(other),
        pairs(&[("*.a.test", "inspect"), ("b.test", "inspect")])
    );
}

#[test]
fn dlp_follows_the_policy_and_spares_conversations() {
    let modes = |general| {
        let mut policy = policy();
        policy.dlp = general;
        policy_json(&plan(Config::default(), &policy, None).unwrap())["dlp"].clone()
    };
    let all = |mode: &str, conversation: &str| {
        json!({
            "url": mode, "headers": mode, "inspect": mode,
            "credentialed": conversation, "tunnel": mode, "skip_headers": [],
        })
    };
    assert_eq!(modes(DlpMode::Block), all("block", "warn"));
    assert_eq!(modes(DlpMode::Warn), all("warn", "warn"));
    assert_eq!(modes(DlpMode::Off), all("off", "off"));
}

#[test]
fn an_unknown_scan_dialect_is_not_used() {
    let mut firewall = next();
    if let Some(scan) = &mut firewall.scan {
        scan.dialect = "another-v9".into();
    }
    let hop = plan(Config::default(), &policy(), Some(&firewall)).unwrap();
    assert!(policy_json(&hop)["next"].get("scan").is_none());
    let secrets = &common::file(&hop, "secrets.json").content;
    assert!(!format!("{secrets:?}").contains("scan"), "{secrets:?}");
}
