//! Pulling from a registry that asks for credentials: a stand-in on this machine's loopback,
//! asked by the real engine.

use std::{path::Path, sync::Arc, time::Duration};

use bottle_api::{Backend, Event, ImageSource, PullPolicy};
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
};

use crate::harness::{archive, drain, entry, listening, skip, test, unique};

/// Encoded, it holds both characters in which the two kinds of base64 differ.
const PASSWORD: &str = "p~~~???>>>\u{fb}\u{ff}word";
const USER: &str = "me";

#[test]
fn credentials_of_the_docker_config_reach_the_registry() {
    let folder = tempfile::tempdir().unwrap();
    test(async |engine| {
        if !engine.info.local {
            return skip("a registry here: the engine is elsewhere");
        }
        let port = Registry::serve().await;
        config(folder.path(), port, PASSWORD);
        run_child(folder.path(), port, "taken").await;
        config(folder.path(), port, "wrong");
        run_child(folder.path(), port, "refused").await;
    });
}

fn config(folder: &Path, port: u16, password: &str) {
    let json = serde_json::json!({
        "auths": { format!("127.0.0.1:{port}"): { "username": USER, "password": password } }
    });
    std::fs::write(folder.join("config.json"), json.to_string()).unwrap();
}

/// The config's place is an environment variable, which only another process can be given.
async fn run_child(folder: &Path, port: u16, expected: &str) {
    let status = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "registry::pull_as_told",
            "--ignored",
            "--nocapture",
        ])
        .env("DOCKER_CONFIG", folder)
        .env("BOTTLE_TEST_REGISTRY", format!("{port} {expected}"))
        .status()
        .await
        .unwrap();
    assert!(status.success(), "{expected}");
}

#[test]
#[ignore = "run by `credentials_of_the_docker_config_reach_the_registry`"]
fn pull_as_told() {
    let told = std::env::var("BOTTLE_TEST_REGISTRY").unwrap();
    let (port, expected) = told.split_once(' ').unwrap();
    let reference = format!("127.0.0.1:{port}/bottle/pulled-{}:1", unique());
    test(async |engine| {
        let (cx, mut events) = listening();
        let source = ImageSource::Pull {
            reference: reference.clone(),
            policy: PullPolicy::Always,
        };
        let pulled = engine.backend.ensure_image(&source, &cx).await;
        if expected == "refused" {
            let error = pulled.unwrap_err();
            let text = format!("{error} {error:?}");
            assert!(
                error
                    .hint()
                    .is_some_and(|hint| hint.contains("docker login")),
                "{text}"
            );
            assert!(!text.contains("wrong"), "{text}");
            return;
        }
        let id = pulled.unwrap();
        engine.remove_later(&reference);
        assert!(id.as_str().starts_with("sha256:"));
        let told = drain(&mut events);
        assert!(
            told.iter().any(|event| matches!(
                event,
                Event::Progress { task, total: Some(_), .. } if task.contains(&reference)
            )),
            "{told:?}"
        );
    });
}

/// The little of a registry that a pull asks for.
struct Registry {
    blobs: Vec<(String, Vec<u8>)>,
    manifest: Vec<u8>,
    authorization: String,
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

impl Registry {
    async fn serve() -> u16 {
        // Incompressible and new, so that there is something to download.
        let mark = unique();
        let mut noise = String::new();
        while noise.len() < 3_000_000 {
            noise.push_str(&digest(format!("{mark}{}", noise.len()).as_bytes()));
        }
        let layer = archive(&[entry("file", &noise, 0o644, 0)]).to_vec();
        let config = serde_json::json!({
            "architecture": "amd64", "os": "linux", "config": { "Cmd": ["/file"] },
            "rootfs": { "type": "layers", "diff_ids": [digest(&layer)] },
        })
        .to_string()
        .into_bytes();
        let manifest = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": {
                "mediaType": "application/vnd.docker.container.image.v1+json",
                "size": config.len(), "digest": digest(&config),
            },
            "layers": [{
                "mediaType": "application/vnd.docker.image.rootfs.diff.tar",
                "size": layer.len(), "digest": digest(&layer),
            }],
        });
        let basic = base64::Engine::encode(
            &base64::engine::general_purpose::STANDARD,
            format!("{USER}:{PASSWORD}"),
        );
        let registry = Arc::new(Self {
            blobs: vec![(digest(&config), config), (digest(&layer), layer)],
            manifest: manifest.to_string().into_bytes(),
            authorization: format!("Basic {basic}"),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let registry = Arc::clone(&registry);
                tokio::spawn(async move {
                    let _ = registry.answer(BufReader::new(stream)).await;
                });
            }
        });
        port
    }

    async fn answer(&self, mut stream: BufReader<tokio::net::TcpStream>) -> std::io::Result<()> {
        // Engines that try TLS first go on without when they are answered in plain text.
        if stream.fill_buf().await?.first() == Some(&0x16) {
            stream
                .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                .await?;
            return stream.shutdown().await;
        }
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            if line.trim().is_empty() {
                break;
            }
            lines.push(line.trim().to_owned());
        }
        let mut words = lines[0].split(' ');
        let (method, path) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let allowed = lines.iter().any(|line| {
            line.split_once(": ").is_some_and(|(name, value)| {
                name.eq_ignore_ascii_case("authorization") && value == self.authorization
            })
        });
        let manifest_type = "application/vnd.docker.distribution.manifest.v2+json";
        let (status, kind, body): (&str, &str, &[u8]) = if !allowed {
            (
                "401 Unauthorized\r\nWww-Authenticate: Basic realm=\"here\"",
                "application/json",
                br#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#,
            )
        } else if path == "/v2/" {
            ("200 OK", "application/json", b"{}")
        } else if path.contains("/manifests/") {
            ("200 OK", manifest_type, &self.manifest)
        } else if let Some((_, blob)) = self.blobs.iter().find(|(name, _)| path.ends_with(name)) {
            ("200 OK", "application/octet-stream", blob)
        } else {
            ("404 Not Found", "application/json", b"{}")
        };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\
             Docker-Content-Digest: {}\r\nConnection: close\r\n\r\n",
            body.len(),
            digest(body)
        );
        stream.write_all(head.as_bytes()).await?;
        if method != "HEAD" {
            // Slowly, so that there is progress to be seen.
            for piece in body.chunks(100_000) {
                stream.write_all(piece).await?;
                stream.flush().await?;
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
        }
        stream.shutdown().await
    }
}
