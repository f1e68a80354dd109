use super::*;

/// A program that stands in for a Podman that fails.
fn failing(script: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("podman");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    let program = path.to_str().unwrap().to_owned();
    (folder, program)
}

async fn refusal(program: &str) -> BackendError {
    let limit = Duration::from_millis(300);
    Service::start(program, None, limit).await.unwrap_err()
}

#[tokio::test]
async fn what_it_said_last_is_told_with_what_to_do() {
    let (_folder, program) = failing("echo 'no subuid ranges found for user \"x\"' >&2; exit 125");
    let error = refusal(&program).await;
    assert_eq!(error.kind(), BackendErrorKind::EngineDown);
    assert!(error.to_string().contains("no subuid ranges"), "{error}");
    assert!(error.hint().unwrap().contains("--add-subuids"));
}

#[tokio::test]
async fn one_that_never_listens_is_given_up_and_ended() {
    let (folder, program) = failing("echo $$ > \"$0.pid\"; exec sleep 60");
    let error = refusal(&program).await;
    assert_eq!(error.kind(), BackendErrorKind::Timeout, "{error}");
    let pid = std::fs::read_to_string(folder.path().join("podman.pid")).unwrap();
    for _ in 0..100 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
        if !stat.is_ok_and(|stat| !stat.contains(") Z ")) {
            return;
        }
        sleep(LOOK_AGAIN).await;
    }
    panic!("still there");
}

#[tokio::test]
async fn a_missing_program_is_named() {
    let error = refusal("/no/such/podman").await;
    assert_eq!(error.kind(), BackendErrorKind::EngineDown);
    assert!(error.to_string().contains("`/no/such/podman`"), "{error}");
    assert!(error.hint().unwrap().contains("install Podman"));
}
