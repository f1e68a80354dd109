//! `start`, `inspect`, `stop`, `wait`.

use std::time::Duration;

use bottle_api::{Backend, BackendErrorKind, ExitStatus};

use crate::harness::test;

#[test]
fn states_follow_the_life() {
    test(async |engine| {
        for runtime in engine.runtimes() {
            let mut plan = engine.plan(&runtime, &runtime);
            plan.command = ["bash", "-c", "read -t 300 < <(sleep 300); exit 0"]
                .map(str::to_owned)
                .to_vec();
            let id = engine.create(&plan).await;
            let state = engine.backend.inspect(&id).await.unwrap();
            assert_eq!(state.name, plan.name);
            assert!(!state.running && state.exit.is_none(), "{state:?}");

            engine.backend.start(&id).await.unwrap();
            engine.backend.start(&id).await.unwrap();
            let state = engine.backend.inspect(&id).await.unwrap();
            assert!(state.running && state.exit.is_none(), "{state:?}");

            engine.backend.stop(&id, Duration::ZERO).await.unwrap();
            let state = engine.backend.inspect(&id).await.unwrap();
            assert!(!state.running, "{runtime}: {state:?}");
            // Killed, or quick enough to end when asked to.
            let exit = state.exit.unwrap();
            let mut expected = vec![ExitStatus(137), ExitStatus(143)];
            if runtime == "runsc" {
                // Its sandbox may crash while it is being killed.
                expected.push(ExitStatus(2));
            }
            assert!(expected.contains(&exit), "{exit:?}");
            assert!(!state.oom_killed);
            engine.backend.stop(&id, Duration::ZERO).await.unwrap();
            assert_eq!(engine.backend.wait(&id).await.unwrap(), exit);
        }
    });
}

#[test]
fn a_stop_asks_first() {
    test(async |engine| {
        for runtime in engine.runtimes() {
            let mut plan = engine.plan(&runtime, &runtime);
            let script = "trap 'exit 23' TERM; echo ready; while true; do sleep 0.1; done";
            plan.command = ["bash", "-c", script].map(str::to_owned).to_vec();
            let id = engine.running(&plan).await;
            crate::logs::until(&engine, &id, "ready").await;
            let grace = Duration::from_mins(1);
            engine.backend.stop(&id, grace).await.unwrap();
            assert_eq!(
                engine.backend.wait(&id).await.unwrap(),
                ExitStatus(23),
                "{runtime}"
            );
        }
    });
}

#[test]
fn every_exit_status_comes_through_wait() {
    test(async |engine| {
        for runtime in engine.runtimes() {
            for code in [0, 7, 255] {
                let mut plan = engine.plan(&format!("{runtime}-{code}"), &runtime);
                plan.command = vec!["bash".into(), "-c".into(), format!("exit {code}")];
                let id = engine.running(&plan).await;
                let status = engine.backend.wait(&id).await.unwrap();
                assert_eq!(status, ExitStatus(code), "{runtime}");
                // Ended already: at once.
                assert_eq!(engine.backend.wait(&id).await.unwrap(), status);
            }
        }
    });
}

#[test]
fn waiting_may_begin_before_the_start() {
    test(async |engine| {
        // So short that the end may come before the engine has noted the waiting.
        for (role, script) in [("long", "sleep 2; exit 4"), ("short", "exit 4")] {
            let mut plan = engine.plan(role, "runc");
            plan.command = ["bash", "-c", script].map(str::to_owned).to_vec();
            let id = engine.create(&plan).await;
            let (waited, started) = tokio::join!(engine.backend.wait(&id), async {
                tokio::time::sleep(Duration::from_millis(700)).await;
                engine.backend.start(&id).await
            });
            started.unwrap();
            assert_eq!(waited.unwrap(), ExitStatus(4), "{role}");
        }
    });
}

#[test]
fn a_missing_command_is_a_clear_error() {
    test(async |engine| {
        for runtime in engine.runtimes() {
            let mut plan = engine.plan(&runtime, &runtime);
            plan.command = vec!["no-such-command".into()];
            plan.hardening.init = false;
            let id = engine.create(&plan).await;
            let error = engine.backend.start(&id).await.unwrap_err();
            assert!(
                error.to_string().contains("no-such-command"),
                "{runtime}: {error}"
            );
            assert_ne!(error.kind(), BackendErrorKind::NotFound, "{error}");
            assert!(error.hint().unwrap().contains("PATH"), "{error}");
            let state = engine.backend.inspect(&id).await.unwrap();
            assert!(!state.running && state.exit.is_none(), "{state:?}");
        }
    });
}

#[test]
fn what_is_gone_is_not_found_but_counts_as_stopped() {
    test(async |engine| {
        let gone = "0123456789abcdef".into();
        let kind = |error: bottle_api::BackendError| error.kind();
        let backend = &engine.backend;
        let not_found = BackendErrorKind::NotFound;
        assert_eq!(backend.start(&gone).await.map_err(kind), Err(not_found));
        assert_eq!(backend.inspect(&gone).await.map_err(kind), Err(not_found));
        assert_eq!(backend.wait(&gone).await.map_err(kind), Err(not_found));
        let logs = backend.logs(&gone, bottle_api::LogRequest::default()).await;
        assert_eq!(logs.map(drop).map_err(kind), Err(not_found));
        backend.stop(&gone, Duration::from_secs(1)).await.unwrap();
        for id in ["../info", "x?y", ""] {
            let error = backend.inspect(&id.into()).await.unwrap_err();
            assert_eq!(error.kind(), not_found, "{error}");
        }
    });
}
