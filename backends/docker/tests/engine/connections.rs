//! Ways to the engine, and what is said when there is none.

mod tls;

use bottle_api::{Backend, BackendErrorKind, ExecRequest, Guarantee};
use bottle_backend_docker::{Docker, DockerConfig, NAME};

use crate::harness::{collect, test};

#[test]
fn the_engine_describes_itself() {
    test(async |engine| {
        let info = &engine.info;
        assert_eq!(engine.backend.name(), NAME);
        assert!(info.engine.starts_with("Docker "), "{}", info.engine);
        assert!(info.endpoint.starts_with("unix://"));
        assert!(info.runtimes.contains(&info.default_runtime));
        assert!(info.runtimes.contains("runc"));
        for runtime in &info.runtimes {
            let said = engine.backend.guarantees(info, runtime);
            assert_eq!(said.len(), 7);
            let kernel = said.iter().find(|it| it.guarantee == Guarantee::OwnKernel);
            assert_eq!(kernel.unwrap().given, runtime == "runsc", "{runtime}");
        }
    });
}

fn docker(config: impl FnOnce(&mut DockerConfig)) -> Docker {
    let mut values = DockerConfig::default();
    config(&mut values);
    Docker::new(values).unwrap()
}

/// The same calls through TCP, plain and with certificates on both sides.
#[test]
fn tcp_with_and_without_tls() {
    test(async |engine| {
        let id = engine.running(&engine.plan("agent", "runc")).await;
        let authority = tls::Authority::new();
        let folder = tempfile::tempdir().unwrap();
        let files = authority.client_files(folder.path());
        let plain = tls::forward(None).await;
        let secured = tls::forward(Some(&authority)).await;

        let over_plain = docker(|it| it.host = Some(format!("tcp://127.0.0.1:{plain}")));
        let over_tls = docker(|it| {
            it.host = Some(format!("tcp://127.0.0.1:{secured}"));
            it.tls = Some(files.clone());
        });
        for (docker, noted) in [(&over_plain, true), (&over_tls, false)] {
            let info = docker.probe().await.unwrap();
            let note = info.notes.iter().any(|note| note.contains("without TLS"));
            assert_eq!(note, noted);
            let mut request = ExecRequest::new(["wc", "-c"]);
            request.stdin = true;
            let mut process = docker.exec(&id, &request).await.unwrap();
            let mut stdin = process.stdin.take().unwrap();
            let bytes = vec![b'x'; 400_000];
            tokio::io::AsyncWriteExt::write_all(&mut stdin, &bytes)
                .await
                .unwrap();
            tokio::io::AsyncWriteExt::shutdown(&mut stdin)
                .await
                .unwrap();
            assert_eq!(collect(process).await.stdout, b"400000\n");
        }

        let stranger = tls::Authority::new();
        let folder = tempfile::tempdir().unwrap();
        let wrong = stranger.client_files(folder.path());
        let error = docker(|it| {
            it.host = Some(format!("tcp://127.0.0.1:{secured}"));
            it.tls = Some(wrong);
        })
        .probe()
        .await
        .unwrap_err();
        assert_eq!(error.kind(), BackendErrorKind::EngineDown, "{error}");
        assert!(error.hint().unwrap().contains("certificates"), "{error}");
    });
}

#[tokio::test]
async fn unreadable_certificates_are_named_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let files = tls::Authority::new().client_files(folder.path());
    let probe = async || {
        docker(|it| {
            it.host = Some("tcp://127.0.0.1:1".into());
            it.tls = Some(files.clone());
        })
        .probe()
        .await
        .unwrap_err()
    };
    std::fs::write(
        folder.path().join("key.pem"),
        "-----BEGIN PRIVATE KEY-----\nhunter2",
    )
    .unwrap();
    let error = probe().await;
    assert!(error.to_string().contains("key.pem"), "{error}");
    assert!(!format!("{error:?}").contains("hunter2"));
    std::fs::remove_file(folder.path().join("ca.pem")).unwrap();
    let error = probe().await;
    assert!(error.to_string().contains("ca.pem"), "{error}");
}
