//! A launch from the plan to the empty engine.

use std::collections::BTreeMap;

use crate::support::Rig;
use bottle_api::{Delivery, EnvValue, Event, ExitStatus, Output, Role, SecretRef, SecretSpec};
use bottle_backend_memory::{Memory, Reply, Script};
use bottle_engine::SessionState;
use futures_util::StreamExt as _;

const FULL: &[&str] = &["front", "back", "trust"];

fn role(name: &str) -> Role {
    Role::new(name)
}

#[tokio::test]
async fn everything_is_where_the_plan_says() {
    let memory = Memory::default()
        .image_file("/etc/ssl/real.pem", "ROOTS\n")
        .image_link("/etc/ssl/store.pem", "real.pem");
    let rig = Rig::new(memory, FULL);
    let session = rig.launch("s1").await;
    assert_eq!(session.name(), "work");

    let agent = rig.memory.container(&role("agent")).unwrap();
    assert_eq!(agent.name, "bottle-work");
    assert!(agent.running);
    assert_eq!(agent.env["HTTPS_PROXY"], "http://front:8080");
    assert_eq!(agent.env["API_KEY"], "bottle-placeholder-s1-for-api-key");
    let front = rig.memory.container(&role("proxy-0-front")).unwrap();
    let back = rig.memory.container(&role("proxy-1-back")).unwrap();
    assert_eq!(agent.hosts, [("front".into(), front.addresses[0])]);
    assert_eq!(front.hosts[1], ("back".into(), back.addresses[0]));
    assert!(
        back.hosts
            .contains(&("origin.test".into(), "10.1.2.3".parse().unwrap()))
    );
    assert_eq!(agent.addresses.len(), 1);

    let secrets = rig
        .memory
        .file(&role("proxy-0-front"), "/front/secrets.json")
        .unwrap();
    assert_eq!(secrets.bytes, br#"{"API_KEY":"r3al-key"}"#);
    assert_eq!((secrets.mode, secrets.uid), (0o400, 65534));
    let volume = rig.memory.file(&role("proxy-0-front"), "/front").unwrap();
    assert!(volume.directory && volume.uid == 65534, "{volume:?}");
    let folder = rig
        .memory
        .file(&role("proxy-0-front"), "/front/ca")
        .unwrap();
    assert!(folder.directory && folder.uid == 65534, "{folder:?}");
    let ca = rig
        .memory
        .file(&role("agent"), "/etc/bottle/ca.crt")
        .unwrap();
    let store = rig
        .memory
        .file(&role("agent"), "/etc/ssl/store.pem")
        .unwrap();
    assert_eq!(
        store.bytes,
        [b"ROOTS\n".as_slice(), &ca.bytes].concat(),
        "link followed"
    );

    let record = rig.store.find("work").unwrap().unwrap();
    assert_eq!(record.state, SessionState::Live);
    assert_eq!(record.meta.unwrap().proxies, ["front", "back"]);
    let outcome = session.shutdown().await;
    assert!(matches!(outcome.result, Ok(None)), "{outcome:?}");
    assert!(outcome.teardown.is_clean() && outcome.teardown.failures().count() == 0);
    rig.assert_nothing_left("shutdown");
    assert!(!rig.state_text().contains("r3al-key"));
}

#[tokio::test]
async fn the_agents_output_and_status_are_handed_on() {
    let script = Script::dies(7, ["hello"]);
    let mut rig = Rig::new(Memory::default().script(role("agent"), script), FULL);
    rig.attach = true;
    let mut session = rig.launch("s1").await;
    let mut process = session.take_process().unwrap();
    let Some(Ok(Output::Stdout(bytes))) = process.output.next().await else {
        panic!("no output")
    };
    assert_eq!(bytes, "hello\n", "attached before the start");
    assert_eq!(process.control.wait().await.unwrap(), ExitStatus(7));
    let outcome = session.wait().await;
    assert_eq!(outcome.result.unwrap(), Some(ExitStatus(7)));
    rig.assert_nothing_left("exit");
    assert!(rig.reported().contains(&Event::Exited {
        status: ExitStatus(7)
    }));
}

#[tokio::test]
async fn decisions_are_reported_written_and_scrubbed() {
    let mut rig = Rig::new(Memory::default(), FULL);
    let session = rig.launch("s1").await;
    rig.memory.write(&role("proxy-1-back"), "banner");
    rig.memory
        .write(&role("proxy-1-back"), "deny evil.test has r3al-key in it");
    rig.memory.exit(&role("agent"), 0);
    let _ = session.wait().await;
    let found = rig.reported().into_iter().find_map(|event| match event {
        Event::Egress(egress) => Some(egress),
        _ => None,
    });
    let egress = found.unwrap();
    assert_eq!(egress.host.as_deref(), Some("evil.test"));
    assert_eq!(egress.reason.as_deref(), Some("has [secret] in it"));
    let record = rig.store.find("work").unwrap().unwrap();
    assert_eq!(record.state, SessionState::Past);
    let written = std::fs::read_to_string(record.egress()).unwrap();
    assert!(
        written.contains("evil.test") && written.lines().count() == 1,
        "{written}"
    );
    let events = std::fs::read_to_string(record.events()).unwrap();
    assert!(
        events.lines().last().unwrap().contains("finished"),
        "{events}"
    );
    assert!(record.plan().unwrap().is_some());
}

/// What the benchmark's floor allows for.
#[tokio::test]
async fn a_launch_makes_no_call_too_many() {
    let mut rig = Rig::new(Memory::default(), &["front", "back"]);
    rig.attach = true;
    let session = rig.launch("s1").await;
    let count = |calls: Vec<bottle_backend_memory::Call>| {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for call in calls {
            let verb = call.what.split(' ').next().unwrap_or_default().to_owned();
            *counts.entry(verb).or_default() += 1;
        }
        counts
            .into_iter()
            .map(|(verb, n)| format!("{verb}:{n}"))
            .collect::<Vec<_>>()
            .join(" ")
    };
    // Waiting for the agent comes after its start.
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert_eq!(
        count(rig.memory.calls()),
        "attach:1 create_container:3 create_network:3 ensure_image:3 exec:1 logs:2 put_archive:2 \
         start:3 wait:1"
    );
    rig.memory.exit(&role("agent"), 0);
    let before = rig.memory.calls().len();
    let _ = session.wait().await;
    assert_eq!(
        count(rig.memory.calls().split_off(before)),
        "list_owned:1 remove:6",
        "three containers, three networks, one last look"
    );
}

#[tokio::test]
async fn provisioners_that_apply_run_before_the_agents_command() {
    let memory = Memory::default().on_exec(|_, request| match request.argv[0].as_str() {
        "setup" if !request.stdin => Reply::new(1, "no input"),
        _ => Reply::default(),
    });
    let rig = Rig::new(memory, &["back", "trust", "helper"]);
    let mut rig = rig;
    rig.spec.secrets.clear();
    let plan = rig.plan("s1").await;
    assert_eq!(
        plan.agent.entrypoint.as_deref(),
        Some(&["/bin/sh".to_owned()][..])
    );
    assert_eq!(plan.agent.command[3..], ["claude", "-p", "hello"]);
    let session = rig.launch("s1").await;
    let execs = rig.memory.calls();
    assert_eq!(execs.iter().filter(|c| c.what == "exec agent").count(), 2);
    let _ = session.shutdown().await;
    rig.assert_nothing_left("apply");
}

#[tokio::test]
async fn a_bottle_without_a_chain_has_no_network() {
    let rig = Rig::new(Memory::default(), &["trust"]);
    let session = rig.launch("s1").await;
    let agent = rig.memory.container(&role("agent")).unwrap();
    assert!(agent.addresses.is_empty() && agent.hosts.is_empty());
    assert_eq!(rig.memory.owned().len(), 1);
    let _ = session.shutdown().await;
    rig.assert_nothing_left("no chain");
}

#[tokio::test]
async fn eight_bottles_start_side_by_side() {
    let rig = Rig::new(Memory::default(), FULL);
    let ids: Vec<String> = (0..8).map(|n| format!("s{n}")).collect();
    let sessions = futures_util::future::join_all(ids.iter().map(|id| rig.launch(id))).await;
    let mut names: Vec<_> = sessions.iter().map(|s| s.name().to_owned()).collect();
    names.sort();
    assert_eq!(names[..3], ["work", "work-2", "work-3"]);
    assert_eq!(rig.memory.container_names().len(), 24);
    futures_util::future::join_all(sessions.into_iter().map(bottle_engine::Session::shutdown))
        .await;
    rig.assert_nothing_left("eight");
}

#[tokio::test]
async fn secrets_written_out_in_full_do_not_stay_on_disk() {
    let mut rig = Rig::new(Memory::default(), FULL);
    let token = |n: u32| format!("ghp_{n}0123456789abcdefgh");
    let env = &mut rig.spec.env;
    env.insert("ANY".into(), EnvValue::Literal(token(1)));
    env.insert("PASSWORD".into(), "hunter2-config".into());
    let preset = &mut rig.spec.agent.env;
    preset.insert("DB_PASSWORD".into(), "hunter2-agent".into());
    preset.insert("MAX_TOKENS".into(), "64000".into());
    preset.insert("TOKEN_FILE".into(), "name-of-a-file".into());
    let arguments = [
        "--api-key".to_owned(),
        "hunter2-option".to_owned(),
        "--password=hunter2-equals".to_owned(),
        format!("use {}, please", token(2)),
    ];
    rig.spec.args.extend(arguments);
    let script = format!("echo {}", token(3));
    rig.spec.secrets.push(SecretSpec {
        name: "ASKED".into(),
        source: SecretRef::FromCommand(["/bin/sh", "-c", &script].map(str::to_owned).into()),
        delivery: Delivery::Env {
            name: "ASKED".into(),
        },
    });

    let session = rig.launch("s1").await;
    let agent = rig.memory.container(&role("agent")).unwrap();
    assert_eq!(agent.env["PASSWORD"], "hunter2-config", "the agent has it");
    assert_eq!(agent.env["ASKED"], token(3));
    rig.memory
        .write(&role("proxy-1-back"), "deny evil.test saw hunter2-option");
    let live = rig.state_text();
    let _ = session.shutdown().await;
    for text in [live, rig.state_text()] {
        assert!(!text.contains("hunter2"), "{text}");
        assert!(!text.contains("ghp_"), "{text}");
        assert!(text.contains("[secret]"), "{text}");
        for kept in [
            "64000",
            "name-of-a-file",
            "bottle-placeholder-s1-for-api-key",
        ] {
            assert!(text.contains(kept), "{text}");
        }
    }
    let warnings: Vec<String> = rig
        .reported()
        .into_iter()
        .filter_map(|event| match event {
            Event::Warning { message } => Some(message),
            _ => None,
        })
        .collect();
    for place in [
        "`ANY`",
        "`PASSWORD`",
        "`DB_PASSWORD`",
        "an argument of the agent",
        "an argument of `/bin/sh`",
    ] {
        let told = warnings.iter().filter(|text| text.contains(place));
        assert!(told.count() == 1, "{place}: {warnings:#?}");
    }
    assert!(warnings[0].contains("`from_env`") && warnings.len() == 5);
}
