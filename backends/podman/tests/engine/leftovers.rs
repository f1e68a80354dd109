//! Nothing stays behind: no exec, no process that watched one, no volume.

use std::time::Duration;

use bottle_api::{Backend, ExecRequest, Mount, Removed, ResourceKind, TermSize};

use crate::harness::{call, collect, test};

/// Processes of this machine whose command line names a container.
fn processes(container: &str) -> Vec<String> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(container))
        .collect()
}

#[test]
fn no_process_and_no_exec_is_left_after_a_removal() {
    test(async |engine| {
        for runtime in engine.runtimes() {
            let id = engine.running(&engine.plan(&runtime, &runtime)).await;
            for tty in [None, Some(TermSize { cols: 80, rows: 24 })] {
                let mut request = ExecRequest::new(["true"]);
                request.tty = tty;
                let process = engine.backend.exec(&id, &request).await.unwrap();
                assert!(collect(process).await.status.success());
            }
            // One that still runs.
            let request = ExecRequest::new(["sleep", "300"]);
            let process = engine.backend.exec(&id, &request).await.unwrap();
            let before = processes(id.as_str());
            assert!(before.len() >= 4, "the watchers are seen: {before:#?}");
            let owned = engine.owned().await;
            let container = owned.iter().find(|it| it.id == id.as_str()).unwrap();
            let removed = engine.backend.remove(container).await.unwrap();
            assert_eq!(removed, Removed::Now);
            drop(process);
            let mut left = processes(id.as_str());
            for _ in 0..40 {
                if left.is_empty() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
                left = processes(id.as_str());
            }
            assert!(left.is_empty(), "{runtime}: {left:#?}");
        }
    });
}

#[test]
fn volumes_of_a_container_that_could_not_be_made_go_too() {
    test(async |engine| {
        let mut plan = engine.plan("agent", "runc");
        plan.mounts = vec![
            Mount::Volume {
                target: "/v".into(),
            },
            Mount::Bind {
                source: "/no/such/folder".into(),
                target: "/work".into(),
                read_only: false,
            },
        ];
        engine.refusal(&plan, &engine.image).await;
        assert_eq!(engine.owned().await, []);
    });
}

/// A volume that somebody named, and not we.
#[test]
fn only_our_own_volumes_go_with_a_container() {
    test(async |engine| {
        let mut plan = engine.plan("agent", "runc");
        plan.mounts = vec![Mount::Volume {
            target: "/v".into(),
        }];
        engine.create(&plan).await;
        let volume = engine.owned().await.remove(1);
        assert_eq!(volume.kind, ResourceKind::Volume);
        let foreign = format!("foreign-{}", crate::harness::unique());
        let body = serde_json::json!({ "Name": foreign });
        call("POST", "/volumes/create", Some(body)).await;
        let container = engine.owned().await.remove(0);
        engine.backend.remove(&container).await.unwrap();
        assert_eq!(engine.owned().await, [], "ours is gone");
        let path = format!("/volumes/{foreign}");
        assert_eq!(call("GET", &path, None).await.status, 200);
        call("DELETE", &path, None).await;
    });
}
