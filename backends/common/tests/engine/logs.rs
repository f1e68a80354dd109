//! `logs`.

use bottle_api::{Backend, ContainerId, LogRequest, Stdio};
use futures_util::{StreamExt, TryStreamExt};

use crate::harness::{Engine, test};

pub(crate) async fn all(engine: &Engine, id: &ContainerId) -> Vec<String> {
    let stream = engine
        .backend
        .logs(id, LogRequest::default())
        .await
        .unwrap();
    stream.try_collect().await.unwrap()
}

/// Follows the log until this line.
pub(crate) async fn until(engine: &Engine, id: &ContainerId, wanted: &str) {
    let request = LogRequest {
        follow: true,
        tail: None,
    };
    let mut stream = engine.backend.logs(id, request).await.unwrap();
    while let Some(line) = stream.next().await {
        if line.unwrap() == wanted {
            return;
        }
    }
    panic!("`{wanted}` is not in the log");
}

#[test]
fn both_outputs_line_by_line_with_and_without_a_terminal() {
    test(async |engine| {
        for runtime in engine.runtimes() {
            for tty in [false, true] {
                let mut plan = engine.plan(&format!("{runtime}-{tty}"), &runtime);
                // The pauses keep the two pipes in order.
                let script = "echo one; sleep 0.3; echo two >&2; sleep 0.3; printf 'thr'; \
                              sleep 0.3; printf 'ee\\n\\001\\002 four'";
                plan.command = ["bash", "-c", script].map(str::to_owned).to_vec();
                plan.stdio = Stdio {
                    tty,
                    ..Stdio::default()
                };
                let id = engine.running(&plan).await;
                engine.backend.wait(&id).await.unwrap();
                assert_eq!(
                    all(&engine, &id).await,
                    ["one", "two", "three", "\u{1}\u{2} four"],
                    "{runtime}, terminal: {tty}"
                );
                let last = LogRequest {
                    follow: false,
                    tail: Some(2),
                };
                let stream = engine.backend.logs(&id, last).await.unwrap();
                let lines: Vec<_> = stream.try_collect().await.unwrap();
                assert_eq!(lines.last().unwrap(), "\u{1}\u{2} four");
                assert!(lines.len() <= 3, "{lines:?}");
            }
        }
    });
}

#[test]
fn following_delivers_new_lines_and_ends_with_the_container() {
    test(async |engine| {
        for runtime in engine.runtimes() {
            let mut plan = engine.plan(&runtime, &runtime);
            let script = "for i in $(seq 5); do echo line $i; sleep 0.2; done";
            plan.command = ["bash", "-c", script].map(str::to_owned).to_vec();
            let id = engine.running(&plan).await;
            let request = LogRequest {
                follow: true,
                tail: None,
            };
            let stream = engine.backend.logs(&id, request).await.unwrap();
            let lines: Vec<String> = stream.try_collect().await.unwrap();
            assert_eq!(lines.len(), 5, "{runtime}: {lines:?}");
            assert_eq!(lines[4], "line 5");
        }
    });
}

/// The engine cuts lines at 16 KiB when it stores them.
#[test]
fn long_lines_come_in_one_piece() {
    test(async |engine| {
        let mut plan = engine.plan("agent", "runc");
        let script = "head -c 100000 /dev/zero | tr '\\0' x; echo; echo end";
        plan.command = ["bash", "-c", script].map(str::to_owned).to_vec();
        let id = engine.running(&plan).await;
        engine.backend.wait(&id).await.unwrap();
        let lines = all(&engine, &id).await;
        let lengths: Vec<_> = lines.iter().map(String::len).collect();
        assert_eq!(lengths, [100_000, 3]);
    });
}
