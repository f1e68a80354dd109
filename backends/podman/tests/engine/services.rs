//! Services of our own, and addresses of others.

use std::{os::unix::fs::PermissionsExt, path::Path, process::Stdio, time::Duration};

use bottle_api::{Backend, BackendInfo, ExecRequest};
use bottle_backend_podman::{Podman, PodmanConfig};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::{TcpListener, UnixStream},
};

use crate::{
    harness::{Engine, collect, skip, test},
    lane,
};

/// With root, a service is looked for here first.
const USUAL: &str = "/run/podman/podman.sock";

/// A backend that finds no service, on the storage of the tests (the environment says which).
async fn own(engine: &Engine) -> Option<(Podman, BackendInfo)> {
    if Path::new(USUAL).exists() || std::env::var("CONTAINER_HOST").is_ok() {
        skip("a service of our own: another one is found first");
        return None;
    }
    let backend = Podman::new(PodmanConfig::default()).unwrap();
    let info = backend.probe().await.unwrap();
    assert_ne!(info.endpoint, engine.info.endpoint);
    Some((backend, info))
}

fn socket(info: &BackendInfo) -> &Path {
    Path::new(info.endpoint.strip_prefix("unix://").unwrap())
}

async fn gone(socket: &Path, within: Duration) -> bool {
    let steps = within.as_millis() / 100;
    for _ in 0..steps {
        if UnixStream::connect(socket).await.is_err() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    false
}

#[test]
fn where_none_answers_one_is_started_and_ends_with_us() {
    test(async |engine| {
        let Some((backend, info)) = own(&engine).await else {
            return;
        };
        let folder = socket(&info).parent().unwrap();
        let mode = std::fs::metadata(folder).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "nobody else may look in");
        assert!(info.notes.iter().any(|note| note.contains("was started")));
        // What it makes goes on without it.
        let id = engine.running(&engine.plan("agent", "runc")).await;
        assert!(backend.inspect(&id).await.unwrap().running);
        drop(backend);
        assert!(gone(socket(&info), Duration::from_secs(10)).await);
        assert!(!folder.exists());
        assert!(engine.backend.inspect(&id).await.unwrap().running);
    });
}

#[test]
fn a_killed_owner_takes_its_service_along() {
    test(async |engine| {
        if own(&engine).await.is_none() {
            return;
        }
        let mut child = tokio::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "services::is_killed", "--ignored", "--nocapture"])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let endpoint = loop {
            let line = lines.next_line().await.unwrap().unwrap();
            if let Some((_, path)) = line.split_once("unix://") {
                break path.to_owned();
            }
        };
        assert!(UnixStream::connect(&endpoint).await.is_ok());
        child.kill().await.unwrap();
        assert!(gone(Path::new(&endpoint), Duration::from_mins(1)).await);
        let _ = std::fs::remove_dir_all(Path::new(&endpoint).parent().unwrap());
    });
}

#[tokio::test]
#[ignore = "run by `a_killed_owner_takes_its_service_along`, and killed"]
async fn is_killed() {
    let backend = Podman::new(PodmanConfig::default()).unwrap();
    let info = backend.probe().await.unwrap();
    eprintln!("started");
    // Whoever started this reads it here.
    std::io::Write::write_all(
        &mut std::io::stdout(),
        format!("{}\n", info.endpoint).as_bytes(),
    )
    .unwrap();
    tokio::time::sleep(Duration::from_mins(5)).await;
}

#[tokio::test]
async fn without_podman_it_says_how_to_get_it() {
    if Path::new(USUAL).exists() || std::env::var("CONTAINER_HOST").is_ok() {
        return skip("without Podman: a service is found");
    }
    let mut config = PodmanConfig::default();
    config.program = "/no/such/podman".into();
    let error = Podman::new(config).unwrap().probe().await.unwrap_err();
    assert_eq!(error.kind(), bottle_api::BackendErrorKind::EngineDown);
    assert!(
        error.hint().unwrap().contains("install Podman"),
        "{error:?}"
    );
    let mut config = PodmanConfig::default();
    config.start_service = false;
    let error = Podman::new(config).unwrap().probe().await.unwrap_err();
    assert!(error.to_string().contains(USUAL), "{error}");
}

/// The same calls through TCP.
#[test]
fn a_service_is_reached_over_tcp() {
    test(async |engine| {
        let id = engine.running(&engine.plan("agent", "runc")).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut far = UnixStream::connect(lane::socket()).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                });
            }
        });
        let backend = lane::at(&format!("tcp://127.0.0.1:{port}"), None);
        let info = backend.probe().await.unwrap();
        assert!(info.notes.iter().any(|note| note.contains("without TLS")));
        assert!(
            !info.runtimes.contains("runsc"),
            "whose it is, is not known"
        );
        let request = ExecRequest::new(["echo", "through"]);
        let output = collect(backend.exec(&id, &request).await.unwrap()).await;
        assert_eq!(output.stdout, b"through\n");
    });
}
