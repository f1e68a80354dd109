//! What is said when there is no engine behind a door, or the door is closed.

use std::os::unix::process::CommandExt;

use bottle_api::{Backend, BackendErrorKind};

use crate::lane;

#[tokio::test]
async fn nobody_there_says_how_to_start_it() {
    for host in ["unix:///no/such/engine.sock", "tcp://127.0.0.1:1"] {
        let error = lane::at(host, None).probe().await.unwrap_err();
        assert_eq!(error.kind(), BackendErrorKind::EngineDown, "{error}");
        assert!(error.to_string().contains(host), "{error}");
        assert!(
            error.hint().unwrap().contains(lane::START_HINT),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_closed_socket_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("engine.sock");
    let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    // Root passes every door: another user must try.
    if !rustix::process::geteuid().is_root() {
        return eprintln!("skipped: needs root, to become somebody else");
    }
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "doors::denied_for_nobody", "--ignored"])
        .env("BOTTLE_TEST_SOCKET", &path)
        .uid(65534)
        .gid(65534)
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
#[ignore = "run by `a_closed_socket_says_what_to_do`, as another user"]
fn denied_for_nobody() {
    let path = std::env::var("BOTTLE_TEST_SOCKET").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let error = runtime
        .block_on(lane::at(&format!("unix://{path}"), None).probe())
        .unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Denied, "{error}");
    assert!(error.hint().unwrap().contains(lane::DENIED_HINT));
}

#[tokio::test]
async fn a_silent_engine_times_out_and_another_server_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let silent = folder.path().join("silent.sock");
    let _listener = tokio::net::UnixListener::bind(&silent).unwrap();
    let host = format!("unix://{}", silent.display());
    let error = lane::at(&host, Some(1)).probe().await.unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Timeout, "{error}");
    assert!(error.hint().unwrap().contains("timeout_secs"));

    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        "nonsense",
        "",
    ] {
        let path = folder.path().join(format!("other-{}.sock", answer.len()));
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        let serve = tokio::spawn(async move {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            // More than once: who listens is asked before what it is.
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut buffer = [0; 1024];
                if stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            }
        });
        let host = format!("unix://{}", path.display());
        let error = lane::at(&host, None).probe().await.unwrap_err();
        assert!(
            matches!(
                error.kind(),
                BackendErrorKind::EngineDown | BackendErrorKind::Other
            ),
            "{answer:?}: {error}"
        );
        serve.abort();
    }
}
