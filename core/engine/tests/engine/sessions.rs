//! Sessions over processes: handed over, adopted, found dead, cleaned.

use bottle_api::{Decision, Delivery, EgressEvent, Event, ExitStatus, Role, SecretRef, SecretSpec};
use bottle_backend_memory::Memory;
use bottle_engine::{CleanOptions, Hidden, SessionState, SessionStore, clean};
use tokio_util::sync::CancellationToken;

use crate::support::{Rig, boxed};

const FULL: &[&str] = &["front", "back"];

fn denied(rig: &mut Rig) -> Vec<String> {
    let host = |event| match event {
        Event::Egress(EgressEvent {
            decision: Decision::Deny,
            host,
            ..
        }) => host,
        _ => None,
    };
    rig.reported().into_iter().filter_map(host).collect()
}

#[tokio::test]
async fn a_session_goes_on_under_its_next_owner() {
    let mut first = Rig::new(Memory::default(), FULL);
    let session = first.launch("s").await;
    let back = Role::new("proxy-1-back");
    first.memory.write(&back, "deny one.test no");
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    let handover = session.detach().await.map_err(|o| o.result).unwrap();
    assert_eq!(handover.name, "work");
    assert_eq!(denied(&mut first), ["one.test"]);
    let record = first.store.find("work").unwrap().unwrap();
    assert_eq!(
        record.state,
        SessionState::Live,
        "the lease is held without a gap"
    );
    first.memory.write(&back, "deny two.test no");
    assert_eq!(first.memory.owned().len(), 8, "nothing was undone");

    let mut second = first.again();
    let proxies = boxed(FULL).0;
    let adopting = second.launcher.adopt(
        handover.lease,
        handover.hidden,
        proxies,
        CancellationToken::new(),
    );
    let session = adopting.await.map_err(|o| o.result).unwrap();
    assert_eq!(session.name(), "work");
    first.memory.write(&back, "deny three.test no");
    first.memory.exit(&Role::agent(), 5);
    let outcome = session.wait().await;
    assert_eq!(outcome.result.unwrap(), Some(ExitStatus(5)));
    second.assert_nothing_left("adopted");
    assert_eq!(
        denied(&mut second),
        ["two.test", "three.test"],
        "none lost, none twice"
    );
    let record = second.store.find("work").unwrap().unwrap();
    let egress = std::fs::read_to_string(record.egress()).unwrap();
    assert_eq!(egress.lines().count(), 3, "{egress}");
}

#[tokio::test]
async fn the_next_owner_keeps_secrets_out_that_it_cannot_ask_for() {
    let mut first = Rig::new(Memory::default(), FULL);
    let print = ["/bin/sh", "-c", "printf hush-; printf by-command"];
    first.spec.secrets.push(SecretSpec {
        name: "ASKED".into(),
        source: SecretRef::FromCommand(print.map(str::to_owned).into()),
        delivery: Delivery::Env {
            name: "ASKED".into(),
        },
    });
    first
        .spec
        .env
        .insert("PASSWORD".into(), "hush-written-out".into());
    let session = first.launch("s").await;
    let back = Role::new("proxy-1-back");
    let config = first.memory.file(&back, "/back/config.yaml").unwrap();
    let config = String::from_utf8(config.bytes).unwrap();
    let token = config.split("token: ").nth(1).unwrap().trim_matches('"');
    let handover = session.detach().await.map_err(|o| o.result).unwrap();

    let second = first.again();
    // As between two processes.
    let (from, mut to) = std::io::pipe().unwrap();
    handover.hidden.write(&mut to).unwrap();
    drop(to);
    let hidden = Hidden::read(from).unwrap();
    let adopting = second.launcher.adopt(
        handover.lease,
        hidden,
        boxed(FULL).0,
        CancellationToken::new(),
    );
    let session = adopting.await.map_err(|o| o.result).unwrap();
    for secret in ["hush-by-command", "hush-written-out", "r3al-key", token] {
        let line = format!("deny evil.test saw {secret} there");
        first.memory.write(&back, &line);
    }
    first.memory.exit(&Role::agent(), 0);
    let _ = session.wait().await;
    let record = second.store.find("work").unwrap().unwrap();
    let egress = std::fs::read_to_string(record.egress()).unwrap();
    assert_eq!(egress.matches("saw [secret] there").count(), 4, "{egress}");
    assert!(!second.state_text().contains("hush-by-command"));
}

#[tokio::test]
async fn detaching_from_an_agent_that_has_ended_ends_the_session() {
    let rig = Rig::new(Memory::default(), FULL);
    let session = rig.launch("s").await;
    rig.memory.exit(&Role::agent(), 4);
    let outcome = session
        .detach()
        .await
        .expect_err("handed over a dead agent");
    assert_eq!(outcome.result.unwrap(), Some(ExitStatus(4)));
    rig.assert_nothing_left("ended");
}

#[tokio::test]
async fn dropping_a_session_takes_it_down() {
    let rig = Rig::new(Memory::default(), FULL);
    drop(rig.launch("s").await);
    rig.launcher.finish().await;
    rig.assert_nothing_left("dropped");
}

/// A handover that nobody takes up is what a killed owner leaves: resources, a folder, no lock.
async fn dead(rig: &Rig, session: &str) {
    let session = rig.launch(session).await;
    let handover = session.detach().await.map_err(|o| o.result).unwrap();
    drop(handover.lease);
}

#[tokio::test]
async fn what_dead_sessions_left_goes_and_the_living_stay() {
    let rig = Rig::new(Memory::default(), FULL);
    dead(&rig, "d1").await;
    dead(&rig, "d2").await;
    let alive = rig.launch("a").await;

    let look = CleanOptions::default().dry_run(true);
    let report = clean(&rig.memory, &rig.store, &look).await.unwrap();
    let found: Vec<_> = report.debris.iter().map(|d| d.session.as_str()).collect();
    assert_eq!(found, ["d1", "d2"]);
    assert_eq!(
        report.debris[0].resources.len(),
        8,
        "containers, networks, volumes"
    );
    assert!(report.debris[0].folder);
    assert_eq!(rig.memory.owned().len(), 24, "a dry run removes nothing");

    let one = CleanOptions::default().session(Some("d2".into()));
    let report = clean(&rig.memory, &rig.store, &one).await.unwrap();
    assert_eq!(report.debris.len(), 1);
    let report = clean(&rig.memory, &rig.store, &CleanOptions::default())
        .await
        .unwrap();
    assert_eq!(report.debris.len(), 1);
    assert_eq!(rig.memory.owned().len(), 8);
    assert_eq!(rig.store.sessions().unwrap().len(), 1);
    assert_eq!(rig.store.history().unwrap().len(), 2, "the logs are kept");
    let _ = alive.shutdown().await;
    rig.assert_nothing_left("cleaned");
}

#[tokio::test]
async fn two_who_clean_at_once_do_not_disturb_each_other() {
    let rig = Rig::new(Memory::default(), FULL);
    dead(&rig, "d1").await;
    let options = CleanOptions::default();
    let (one, other) = tokio::join!(
        clean(&rig.memory, &rig.store, &options),
        clean(&rig.memory, &rig.store, &options),
    );
    for debris in one.unwrap().debris.iter().chain(&other.unwrap().debris) {
        assert!(debris.failed.is_empty(), "{debris:?}");
    }
    rig.assert_nothing_left("both");
}

#[tokio::test]
async fn another_state_directory_is_not_ours_to_clean() {
    let memory = Memory::default();
    let (mine, theirs) = (Rig::new(memory.clone(), &[]), Rig::new(memory, &[]));
    assert_ne!(mine.store.instance(), theirs.store.instance());
    dead(&theirs, "d1").await;
    let report = clean(&mine.memory, &mine.store, &CleanOptions::default())
        .await
        .unwrap();
    assert!(report.debris.is_empty(), "{report:?}");
    let all = CleanOptions::default().foreign(true);
    // What runs under another state directory may be held by its owner, whose lease is not ours
    // to see.
    let report = clean(&mine.memory, &mine.store, &all).await.unwrap();
    assert!(report.debris.is_empty(), "{report:?}");
    for resource in theirs.memory.owned() {
        let id = bottle_api::ContainerId::new(resource.id);
        bottle_api::Backend::stop(&theirs.memory, &id, std::time::Duration::ZERO)
            .await
            .unwrap();
    }
    let report = clean(&mine.memory, &mine.store, &all).await.unwrap();
    assert_eq!(report.debris.len(), 1);
    assert!(mine.memory.owned().is_empty());
}

#[tokio::test]
async fn a_dead_session_does_not_hold_a_pinned_name() {
    let mut rig = Rig::new(Memory::default(), FULL);
    dead(&rig, "d1").await;
    rig.spec.name.pinned = true;
    let session = rig.launch("s").await;
    assert_eq!(session.name(), "work");
    let _ = session.shutdown().await;
    rig.assert_nothing_left("pinned");
}

#[tokio::test]
async fn host_steps_are_undone_last_first_also_for_the_dead() {
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::new(Memory::default(), &[]);
    rig.launcher = rig.launcher.clone();
    let log = folder.path().join("log");
    let step = |name: &str| bottle_api::HostStep {
        label: name.into(),
        argv: [
            "/bin/sh",
            "-c",
            &format!("echo {name} >> {}", log.display()),
        ]
        .map(str::to_owned)
        .into(),
        undo: Some(
            [
                "/bin/sh",
                "-c",
                &format!("echo undo {name} >> {}", log.display()),
            ]
            .map(str::to_owned)
            .into(),
        ),
    };
    let read = || std::fs::read_to_string(&log).unwrap().replace('\n', ",");
    let with_steps = async |id: &str| {
        let mut plan = rig.plan(id).await;
        plan.host_steps = vec![step("one"), step("two")];
        rig.launcher
            .launch(plan, rig.parts())
            .await
            .map_err(|o| o.result)
            .unwrap()
    };
    let _ = with_steps("s").await.shutdown().await;
    assert_eq!(read(), "one,two,undo two,undo one,");

    std::fs::remove_file(&log).unwrap();
    let handover = with_steps("d")
        .await
        .detach()
        .await
        .map_err(|o| o.result)
        .unwrap();
    drop(handover.lease);
    let report = clean(&rig.memory, &rig.store, &CleanOptions::default())
        .await
        .unwrap();
    assert!(report.debris[0].failed.is_empty(), "{report:?}");
    assert_eq!(read(), "one,two,undo two,undo one,");
    rig.assert_nothing_left("host steps");

    let mut plan = rig.plan("f").await;
    plan.host_steps = vec![step("one"), step("two")];
    plan.host_steps[1].argv = ["/bin/sh", "-c", "echo no such branch >&2; exit 2"]
        .map(str::to_owned)
        .into();
    std::fs::remove_file(&log).unwrap();
    let outcome = rig
        .launcher
        .launch(plan, rig.parts())
        .await
        .expect_err("step two fails");
    let error = outcome.result.unwrap_err().to_string();
    assert!(
        error.contains("two: ") && error.contains("no such branch"),
        "{error}"
    );
    assert_eq!(read(), "one,undo two,undo one,");
    assert_eq!(
        rig.memory
            .calls()
            .iter()
            .filter(|c| c.what == "create_container agent")
            .count(),
        2
    );
}

/// The test itself, run again as the process that takes over.
const CHILD: &str = "BOTTLE_TEST_LEASE_STORE";

#[test]
fn a_lease_goes_to_another_process_without_a_gap() {
    if let Some(root) = std::env::var_os(CHILD) {
        let store = SessionStore::open(std::path::PathBuf::from(root)).unwrap();
        let lease = store.lease_from_stdin(&"s".into()).unwrap();
        assert_eq!(lease.session().as_str(), "s");
        assert!(
            store.lease_from_stdin(&"other".into()).is_err(),
            "another session's"
        );
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (rig, handover) = runtime.block_on(async {
        let rig = Rig::new(Memory::default(), &[]);
        let session = rig.launch("s").await;
        let handover = session.detach().await.map_err(|o| o.result).unwrap();
        (rig, handover)
    });
    let state = || rig.store.find("work").unwrap().unwrap().state;
    let name = "sessions::a_lease_goes_to_another_process_without_a_gap";
    let mut heir = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name])
        .env(CHILD, rig.store.root())
        .stdin(handover.lease.into_stdio())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    assert_eq!(state(), SessionState::Live, "held by the heir alone");
    std::fs::write(rig.store.root().join("go"), "").unwrap();
    assert!(heir.wait().unwrap().success());
    assert_eq!(
        state(),
        SessionState::Dead,
        "the heir is gone, and the lock with it"
    );
}
