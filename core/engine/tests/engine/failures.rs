//! Bad input and bad luck: one clear error each, nothing left, no secret shown.

use std::time::Duration;

use bottle_api::{Event, ExitStatus, ImagePlan, NamePlan, Role, SecretRef};
use bottle_backend_memory::{Call, Fault, Memory, MemoryConfig, Reply, Script};
use bottle_engine::{AddressPool, LaunchError, Outcome};

use crate::support::{Rig, chain_text};

const FULL: &[&str] = &["front", "back"];

async fn failed(rig: &Rig) -> Outcome {
    let outcome = rig.try_launch("s").await.expect_err("the launch succeeds");
    rig.assert_nothing_left("failure");
    assert!(!format!("{outcome:?}").contains("r3al-key"), "{outcome:?}");
    outcome
}
fn text(outcome: &Outcome) -> String {
    chain_text(outcome.result.as_ref().unwrap_err())
}
fn hint(outcome: &Outcome) -> String {
    outcome
        .result
        .as_ref()
        .unwrap_err()
        .hint()
        .unwrap_or_default()
}

#[tokio::test]
async fn taken_names_count_up_and_strangers_are_left_alone() {
    let mut rig = Rig::new(Memory::default(), FULL);
    rig.memory.stranger("bottle-work");
    rig.memory.stranger("bottle-work-2");
    let session = rig.launch("s").await;
    assert_eq!(session.name(), "work-3");
    assert_eq!(
        rig.store.find("work-3").unwrap().unwrap().session,
        *session.id()
    );
    let _ = session.shutdown().await;
    rig.assert_nothing_left("named");
    assert_eq!(
        rig.memory.container_names(),
        ["bottle-work", "bottle-work-2"]
    );
    let taken = |event: &Event| matches!(event, Event::NameTaken { .. });
    assert_eq!(rig.reported().iter().filter(|e| taken(e)).count(), 2);
}

#[tokio::test]
async fn a_pinned_name_that_is_taken_is_an_error() {
    let mut rig = Rig::new(Memory::default(), FULL);
    rig.spec.name = NamePlan {
        base: "mine".into(),
        pinned: true,
    };
    rig.memory.stranger("bottle-mine");
    let outcome = failed(&rig).await;
    assert!(
        text(&outcome).contains("the name `mine` is taken"),
        "{}",
        text(&outcome)
    );
    assert!(hint(&outcome).contains("--name"));
    assert_eq!(rig.memory.container_names(), ["bottle-mine"]);
}

#[tokio::test]
async fn all_ninety_nine_names_can_be_taken() {
    let rig = Rig::new(Memory::default(), &[]);
    rig.memory.stranger("bottle-work");
    for n in 2..=99 {
        rig.memory.stranger(&format!("bottle-work-{n}"));
    }
    let outcome = failed(&rig).await;
    assert!(matches!(
        outcome.result,
        Err(LaunchError::NamesExhausted { .. })
    ));
}

#[tokio::test]
async fn taken_addresses_are_gone_round_up_to_a_limit() {
    let rig = Rig::new(Memory::default(), FULL);
    // Half of the pool is somebody else's.
    rig.memory
        .foreign_network("corp", "10.213.0.0/17".parse().unwrap())
        .unwrap();
    let session = rig.launch("s").await;
    let _ = session.shutdown().await;
    rig.assert_nothing_left("half a pool");

    let mut rig = Rig::new(Memory::default(), FULL);
    let range = "10.99.0.0/24".parse().unwrap();
    rig.memory.foreign_network("corp", range).unwrap();
    rig.launcher = rig.launcher.pool(AddressPool::new(range).unwrap());
    let outcome = failed(&rig).await;
    assert!(
        text(&outcome).contains("no free addresses"),
        "{}",
        text(&outcome)
    );
    assert!(hint(&outcome).contains("[network] pool"));
}

#[tokio::test]
async fn a_missing_image_is_built_or_its_config_key_is_named() {
    let missing = MemoryConfig {
        missing_images: vec!["front:1".into(), "gone:1".into()],
        ..MemoryConfig::default()
    };
    let mut rig = Rig::new(Memory::with_config(missing), FULL);
    let session = rig.launch("s").await;
    let front = rig.memory.container(&Role::new("proxy-0-front")).unwrap();
    assert_eq!(front.image, "bottle/proxy-front:built");
    let _ = session.shutdown().await;

    rig.spec.agent.image = ImagePlan::pull("gone:1", "agent.claude.image");
    let outcome = failed(&rig).await;
    assert!(
        text(&outcome).contains("no image for `agent`"),
        "{}",
        text(&outcome)
    );
    assert!(hint(&outcome).contains("`agent.claude.image`"));
}

#[tokio::test]
async fn a_missing_secret_costs_no_call() {
    let mut rig = Rig::new(Memory::default(), FULL);
    rig.spec.secrets[0].source = SecretRef::FromEnv("NOT_SET".into());
    let outcome = failed(&rig).await;
    assert!(
        text(&outcome).contains("`NOT_SET`: it is not set"),
        "{}",
        text(&outcome)
    );
    assert!(outcome.teardown.is_clean());
    assert_eq!(rig.memory.calls(), []);
}

#[tokio::test]
async fn a_secret_too_short_to_inject_costs_no_call() {
    let mut rig = Rig::new(Memory::default(), FULL);
    let printf = ["/bin/sh", "-c", "printf 7-chars"];
    rig.spec.secrets[0].source = SecretRef::FromCommand(printf.map(str::to_owned).into());
    let outcome = failed(&rig).await;
    let text = text(&outcome);
    assert!(
        text.contains("`API_KEY` has fewer than 8 characters"),
        "{text}"
    );
    assert!(!text.contains("7-chars"), "{text}");
    assert!(
        hint(&outcome).contains("`env = true`"),
        "{}",
        hint(&outcome)
    );
    assert_eq!(rig.memory.calls(), []);
}

#[tokio::test]
async fn a_hop_that_dies_is_blamed_with_its_last_lines_and_without_secrets() {
    let mut lines: Vec<String> = (0..40).map(|n| format!("line {n}")).collect();
    lines.push("bad key r3al-key".into());
    let script = Script::dies(3, lines);
    let memory = Memory::default().script(Role::new("proxy-1-back"), script);
    let outcome = failed(&Rig::new(memory, FULL)).await;
    let Err(LaunchError::NotReady { role, reason, logs }) = outcome.result else {
        panic!("{outcome:?}")
    };
    assert_eq!(role.as_str(), "proxy-1-back");
    assert!(reason.contains("status 3"), "{reason}");
    assert_eq!(logs.len(), 20);
    assert_eq!(logs[19], "bad key [secret]");
}

#[tokio::test(start_paused = true)]
async fn a_hop_that_never_gets_ready_is_told_apart_from_the_one_in_front() {
    let memory = Memory::default().on_exec(|role, _| match role.as_str() {
        "proxy-1-back" => Reply::new(1, "config is wrong: r3al-key"),
        _ => Reply::new(1, "cannot reach back"),
    });
    let outcome = failed(&Rig::new(memory, FULL)).await;
    assert!(
        text(&outcome).contains("`proxy-1-back` did not become ready: config is wrong: [secret]"),
        "{}",
        text(&outcome)
    );

    let memory = Memory::default().on_exec(|role, _| match role.as_str() {
        "proxy-0-front" => Reply::new(1, "starting\nno add-on\n"),
        _ => Reply::default(),
    });
    let outcome = failed(&Rig::new(memory, FULL)).await;
    let text = text(&outcome);
    assert!(
        text.contains("`proxy-0-front`") && text.contains("10 s: no add-on"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn readiness_may_take_several_tries() {
    let tries = std::sync::atomic::AtomicUsize::new(0);
    let memory = Memory::default().on_exec(move |_, _| {
        let n = tries.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Reply {
            after: Duration::from_millis(300),
            ..Reply::new(i64::from(n < 4), "not yet")
        }
    });
    let rig = Rig::new(memory, FULL);
    let _ = rig.launch("s").await.shutdown().await;
    rig.assert_nothing_left("ready");
}

#[tokio::test]
async fn a_hop_that_dies_later_is_told_at_once() {
    let mut rig = Rig::new(Memory::default(), FULL);
    let session = rig.launch("s").await;
    rig.memory
        .write(&Role::new("proxy-0-front"), "out of r3al-key");
    rig.memory.exit(&Role::new("proxy-0-front"), 9);
    let warning = loop {
        if let Event::Warning { message } = rig.events.recv().await.unwrap() {
            break message;
        }
    };
    assert!(
        warning.contains("`proxy-0-front` ended with status 9"),
        "{warning}"
    );
    assert!(
        warning.contains("cut off") && warning.contains("out of [secret]"),
        "{warning}"
    );
    let outcome = session.shutdown().await;
    assert!(outcome.result.is_ok() && outcome.teardown.is_clean());
}

#[tokio::test]
async fn a_provisioner_that_fails_is_named() {
    let memory = Memory::default()
        .on_exec(|_, request| Reply::new(i64::from(request.argv[0] == "setup"), ""));
    let mut rig = Rig::new(memory, &["back", "helper"]);
    rig.spec.secrets.clear();
    let outcome = failed(&rig).await;
    let text = text(&outcome);
    assert!(
        text.contains("provisioner `helper` failed: setup said no"),
        "{text}"
    );
}

#[tokio::test]
async fn a_log_that_breaks_off_is_taken_up_again() {
    let memory = Memory::default().fault(Call::first("logs proxy-1-back"), Fault::Error);
    let mut rig = Rig::new(memory, FULL);
    let session = rig.launch("s").await;
    rig.memory
        .write(&Role::new("proxy-1-back"), "deny evil.test no");
    loop {
        if let Event::Egress(egress) = rig.events.recv().await.unwrap() {
            assert_eq!(egress.host.as_deref(), Some("evil.test"));
            break;
        }
    }
    let _ = session.shutdown().await;
}

#[tokio::test]
async fn running_out_of_memory_is_told() {
    let mut rig = Rig::new(Memory::default(), FULL);
    let session = rig.launch("s").await;
    rig.memory.out_of_memory(&Role::agent());
    let outcome = session.wait().await;
    assert_eq!(outcome.result.unwrap(), Some(ExitStatus(137)));
    let told = |event: &Event| matches!(event, Event::Warning { message } if message.contains("[limits] memory"));
    assert!(rig.reported().iter().any(told));
}

#[tokio::test]
async fn a_hop_that_must_be_first_is_started_first() {
    let memory = Memory::default().fault(
        Call::first("create_container proxy-1-back-first"),
        Fault::Late(Duration::from_millis(50)),
    );
    let rig = Rig::new(memory, &["front", "back-first"]);
    let _ = rig.launch("s").await.shutdown().await;
    let calls = rig.memory.calls();
    let at = |what: &str| calls.iter().position(|c| c.what == what).unwrap();
    assert!(at("start proxy-1-back-first") < at("start proxy-0-front"));
    assert!(at("create_container proxy-0-front") < at("start proxy-1-back-first"));
}
