//! `attach`.

use bottle_api::{Backend, ContainerId, ExitStatus, Process, Stdio, TermSize};
use tokio::io::AsyncWriteExt;

use crate::harness::{Engine, collect, read_until, test};

const PIPES: Stdio = Stdio {
    tty: false,
    stdin: true,
    stdin_once: true,
};
const TERMINAL: Stdio = Stdio {
    tty: true,
    stdin: true,
    stdin_once: false,
};

async fn created(engine: &Engine, runtime: &str, stdio: Stdio, script: &str) -> ContainerId {
    let role = format!("{runtime}-{}", crate::harness::unique());
    let mut plan = engine.plan(&role, runtime);
    plan.command = ["bash", "-c", script].map(str::to_owned).to_vec();
    plan.stdio = stdio;
    engine.create(&plan).await
}

async fn write(process: &mut Process, bytes: &[u8]) {
    let stdin = process.stdin.as_mut().unwrap();
    stdin.write_all(bytes).await.unwrap();
    stdin.flush().await.unwrap();
}

#[test]
fn attached_before_the_start_nothing_is_missed() {
    test(async |engine| {
        for runtime in engine.runtimes() {
            let script = "echo first; echo other >&2; cat; exit 6";
            let id = created(&engine, &runtime, PIPES, script).await;
            let mut process = engine.backend.attach(&id, PIPES).await.unwrap();
            engine.backend.start(&id).await.unwrap();
            write(&mut process, b"typed\n").await;
            // Its end is the program's end-of-file.
            process.stdin.as_mut().unwrap().shutdown().await.unwrap();
            let output = collect(process).await;
            assert_eq!(output.stdout, b"first\ntyped\n", "{runtime}");
            assert_eq!(output.stderr, b"other\n");
            assert_eq!(output.status, ExitStatus(6));
        }
    });
}

#[test]
fn dropping_the_input_is_its_end_too() {
    test(async |engine| {
        for runtime in engine.runtimes() {
            let id = created(&engine, &runtime, PIPES, "wc -c").await;
            let mut process = engine.backend.attach(&id, PIPES).await.unwrap();
            engine.backend.start(&id).await.unwrap();
            write(&mut process, b"12345").await;
            process.stdin = None;
            assert_eq!(collect(process).await.stdout, b"5\n", "{runtime}");
        }
    });
}

#[test]
fn a_terminal_is_raw_resizable_and_shared() {
    test(async |engine| {
        for runtime in engine.runtimes() {
            let script = "trap 'stty size' WINCH; stty -echo; echo ready; \
                          while read -r line; do echo \"got $line\"; [ \"$line\" = quit ] && exit 3; done";
            let id = created(&engine, &runtime, TERMINAL, script).await;
            let mut one = engine.backend.attach(&id, TERMINAL).await.unwrap();
            engine.backend.start(&id).await.unwrap();
            read_until(&mut one, "ready").await;
            let mut two = engine.backend.attach(&id, TERMINAL).await.unwrap();
            write(&mut two, b"from two\n").await;
            read_until(&mut one, "got from two").await;
            let again = read_until(&mut two, "got from two").await;
            assert!(!again.contains("ready"), "nothing is repeated: {again:?}");

            let size = TermSize {
                cols: 133,
                rows: 41,
            };
            one.control.resize(size).await.unwrap();
            write(&mut one, b"resized\n").await;
            // The shell tells it when it has read its line.
            read_until(&mut two, "41 133").await;

            // Leaving is not ending.
            drop(two);
            write(&mut one, b"still there\n").await;
            read_until(&mut one, "got still there").await;
            drop(one);
            assert!(
                engine.backend.inspect(&id).await.unwrap().running,
                "{runtime}"
            );

            let mut three = engine.backend.attach(&id, TERMINAL).await.unwrap();
            write(&mut three, b"quit\n").await;
            assert_eq!(collect(three).await.status, ExitStatus(3), "{runtime}");
        }
    });
}

/// The engine's own detach keys would hold back ctrl-p, which shells and agents use.
#[test]
fn every_key_arrives_at_once() {
    test(async |engine| {
        let script =
            "stty raw -echo; echo ready; dd bs=1 count=2 2>/dev/null | od -An -tx1; exit 0";
        for keys in [b"\x10\x11", b"\xff\x10", b"\x01\x00"] {
            let id = created(&engine, "runc", TERMINAL, script).await;
            let mut process = engine.backend.attach(&id, TERMINAL).await.unwrap();
            engine.backend.start(&id).await.unwrap();
            read_until(&mut process, "ready").await;
            write(&mut process, &keys[..1]).await;
            write(&mut process, &keys[1..]).await;
            let wanted = format!("{:02x} {:02x}", keys[0], keys[1]);
            read_until(&mut process, &wanted).await;
            assert!(engine.backend.wait(&id).await.unwrap().success());
        }
    });
}

#[test]
fn bytes_that_look_like_frames_are_shown() {
    test(async |engine| {
        let script = "stty raw; sleep 1; printf '\\001\\000\\000\\000\\177\\177\\177\\177'; sleep 1; \
                      printf '\\002'; sleep 1; echo end";
        let id = created(&engine, "runc", TERMINAL, script).await;
        let process = engine.backend.attach(&id, TERMINAL).await.unwrap();
        engine.backend.start(&id).await.unwrap();
        let output = collect(process).await;
        assert_eq!(output.stdout, b"\x01\0\0\0\x7f\x7f\x7f\x7f\x02end\n");
    });
}

#[test]
fn an_ended_terminal_takes_no_offence() {
    test(async |engine| {
        let id = created(&engine, "runc", TERMINAL, "exit 0").await;
        let process = engine.backend.attach(&id, TERMINAL).await.unwrap();
        let size = TermSize { cols: 80, rows: 24 };
        process.control.resize(size).await.unwrap();
        engine.backend.start(&id).await.unwrap();
        process.control.wait().await.unwrap();
        process.control.resize(size).await.unwrap();
        let pipes = created(&engine, "runc", PIPES, "exit 0").await;
        let process = engine.backend.attach(&pipes, PIPES).await.unwrap();
        process.control.resize(size).await.unwrap();
    });
}
