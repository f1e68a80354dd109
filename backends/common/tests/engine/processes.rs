//! `exec`.

use std::collections::BTreeMap;

use bottle_api::{Backend, BackendErrorKind, ExecRequest, ExitStatus, SecretString, TermSize};
use tokio::io::AsyncWriteExt;

use crate::{
    harness::{collect, read_until, test},
    lane::size_at_start,
};

#[test]
fn streams_status_user_folder_and_environment() {
    test(async |engine| {
        for runtime in engine.runtimes() {
            let id = engine.running(&engine.plan(&runtime, &runtime)).await;
            let mut request = ExecRequest::new([
                "bash",
                "-c",
                "echo out; echo err >&2; echo \"$PWD $E\"; id -u; exit 7",
            ])
            .user("12:13");
            request.workdir = Some("/srv".into());
            request.env = vec![("E".into(), SecretString::from("a b=c"))];
            let output = engine.exec(&id, &request).await;
            assert_eq!(output.status, ExitStatus(7), "{runtime}");
            let stdout = String::from_utf8(output.stdout).unwrap();
            assert_eq!(stdout, "out\n/srv a b=c\n12\n");
            assert_eq!(output.stderr, b"err\n");
            assert_eq!(
                engine.sh(&id, "kill -9 $$").await.0,
                ExitStatus(137),
                "killed by a signal"
            );
        }
    });
}

#[test]
fn output_is_complete() {
    test(async |engine| {
        for runtime in engine.runtimes() {
            let id = engine.running(&engine.plan(&runtime, &runtime)).await;
            let script = "head -c 5000000 /dev/zero; head -c 3000000 /dev/zero >&2; exit 3";
            let output = engine
                .exec(&id, &ExecRequest::new(["bash", "-c", script]))
                .await;
            assert_eq!(
                (output.stdout.len(), output.stderr.len(), output.status),
                (5_000_000, 3_000_000, ExitStatus(3)),
                "{runtime}"
            );
        }
    });
}

#[test]
fn standard_input_ends_when_it_is_shut_and_when_it_is_dropped() {
    test(async |engine| {
        for runtime in engine.runtimes() {
            let id = engine.running(&engine.plan(&runtime, &runtime)).await;
            for shut in [true, false] {
                let mut request = ExecRequest::new(["wc", "-c"]);
                request.stdin = true;
                let mut process = engine.backend.exec(&id, &request).await.unwrap();
                let mut stdin = process.stdin.take().unwrap();
                stdin.write_all(&vec![b'x'; 300_000]).await.unwrap();
                if shut {
                    stdin.shutdown().await.unwrap();
                }
                drop(stdin);
                let output = collect(process).await;
                assert_eq!(output.stdout, b"300000\n", "{runtime}, shut: {shut}");
            }
            let closed = engine.exec(&id, &ExecRequest::new(["cat"])).await;
            assert!(closed.status.success(), "no input: closed at once");
        }
    });
}

#[test]
fn a_terminal_has_its_size_and_takes_a_new_one() {
    test(async |engine| {
        for runtime in engine.runtimes() {
            let id = engine.running(&engine.plan(&runtime, &runtime)).await;
            // Where the first size comes after the start, it may come after the trap is set.
            let script = "stty size; \
                          trap 'size=$(stty size); echo $size; [ \"$size\" != \"41 133\" ] || exit 5' WINCH; \
                          echo ready; while true; do sleep 0.1; done";
            let mut request = ExecRequest::new(["bash", "-c", script]);
            request.tty = Some(TermSize { cols: 91, rows: 31 });
            request.stdin = true;
            let mut process = engine.backend.exec(&id, &request).await.unwrap();
            let text = read_until(&mut process, "ready").await;
            // With older engines, and under gVisor, the size comes right after the start.
            if size_at_start(&engine.info) && runtime == "runc" {
                assert!(text.contains("31 91"), "{text:?}");
            }
            process
                .control
                .resize(TermSize {
                    cols: 133,
                    rows: 41,
                })
                .await
                .unwrap();
            let output = collect(process).await;
            let text = String::from_utf8(output.stdout).unwrap();
            assert!(text.contains("41 133"), "{runtime}: {text:?}");
            assert_eq!(output.status, ExitStatus(5));
        }
    });
}

#[test]
fn a_missing_program_ends_with_127_or_126() {
    test(async |engine| {
        let mut seen = BTreeMap::new();
        for runtime in engine.runtimes() {
            let id = engine.running(&engine.plan(&runtime, &runtime)).await;
            for (program, allowed) in [
                ("no-such-program", [127, 126]),
                ("/no/such/program", [127, 126]),
                ("/etc/hostname", [126, 127]),
            ] {
                let status = match engine.backend.exec(&id, &ExecRequest::new([program])).await {
                    Ok(process) => collect(process).await.status,
                    Err(error) => {
                        assert_eq!(error.kind(), BackendErrorKind::NotFound, "{error}");
                        continue;
                    }
                };
                seen.insert((runtime.clone(), program), status);
                assert!(
                    allowed.contains(&status.0),
                    "{runtime}: {program} ended with {status:?}"
                );
            }
        }
        eprintln!("{seen:?}");
    });
}

#[test]
fn waiting_works_twice_and_without_reading() {
    test(async |engine| {
        for runtime in engine.runtimes() {
            let id = engine.running(&engine.plan(&runtime, &runtime)).await;
            let request = ExecRequest::new(["bash", "-c", "sleep 1; exit 9"]);
            let process = engine.backend.exec(&id, &request).await.unwrap();
            let control = process.control;
            drop(process.output);
            assert_eq!(control.wait().await.unwrap(), ExitStatus(9), "{runtime}");
            assert_eq!(control.wait().await.unwrap(), ExitStatus(9));
            let size = TermSize { cols: 1, rows: 1 };
            control.resize(size).await.unwrap();
        }
    });
}

#[test]
fn what_cannot_be_run_in_is_an_error() {
    test(async |engine| {
        let id = engine.create(&engine.plan("agent", "runc")).await;
        let request = ExecRequest::new(["true"]);
        let error = engine.backend.exec(&id, &request).await.unwrap_err();
        assert!(error.to_string().contains("not running"), "{error}");
        let gone = "0123456789ab".into();
        let error = engine.backend.exec(&gone, &request).await.unwrap_err();
        assert_eq!(error.kind(), BackendErrorKind::NotFound);
        let nothing = ExecRequest::default();
        assert!(engine.backend.exec(&id, &nothing).await.is_err());
    });
}
