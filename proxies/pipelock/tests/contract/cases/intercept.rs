//! Tunnels that are opened with the session's CA.

use std::path::Path;

use bottle_api::{Decision, TrafficClass};
use hyper_util::rt::TokioIo;
use tokio_rustls::client::TlsStream;

use super::{Error, Outcome, SECRET, run, streams, world};
use crate::{
    client,
    origin::Origin,
    proxy::{Process, Setup},
};

type Stream = TlsStream<TokioIo<hyper::upgrade::Upgraded>>;

fn setup() -> Setup {
    let mut setup = Setup::new();
    setup.config.tls_interception = true;
    setup
}

/// A tunnel with TLS that trusts `ca` and nothing else.
async fn tunnel(process: &Process, origin: &Origin, ca: &str) -> Result<Stream, Error> {
    let tunnel = client::connect(process.port, &origin.authority(), &[])
        .await?
        .map_err(|refusal| format!("{refusal:?}"))?;
    Ok(client::tls(tunnel, "localhost", ca).await?)
}

pub(crate) fn our_ca(binary: &Path) -> Outcome {
    run(async move {
        let (origin, process) = world(binary, &setup()).await?;
        let stream = tunnel(&process, &origin, &process.folder.ca_pem).await?;
        let answer = client::get(0, "/in")
            .header("Host", &origin.authority())
            .header("Accept-Encoding", "gzip")
            .send_over(stream)
            .await?;
        assert_eq!(
            (answer.status.as_u16(), answer.text.as_str()),
            (200, "/in ")
        );
        let seen = &origin.seen()[0];
        assert_eq!(seen.headers["host"], origin.authority());
        assert!(
            seen.headers
                .get("accept-encoding")
                .is_none_or(|value| value == "identity"),
            "{seen:?}"
        );
        // The request inside is not logged, but the tunnel is.
        let event = process.event(|event| event.decision == Decision::Allow)?;
        assert_eq!(event.method.as_deref(), Some("CONNECT"));
        assert_eq!(event.host.as_deref(), Some("localhost"));
        assert!(tunnel(&process, &origin, &origin.ca_pem).await.is_err());
        Ok(())
    })
}

pub(crate) fn scans(binary: &Path) -> Outcome {
    run(async move {
        let (origin, process) = world(binary, &setup()).await?;
        let host = origin.authority();
        let ca = process.folder.ca_pem.clone();
        let asks = [
            (
                client::post(0, "/", "text/plain", SECRET),
                "blocked: request body contains secret: GitHub Token\n",
                "body_dlp",
            ),
            (
                client::get(0, "/").header("X-Other", SECRET),
                "blocked: request header contains secret\n",
                "header_dlp",
            ),
            (
                client::get(0, format!("/?k={SECRET}")),
                "blocked: core DLP match: GitHub Token (critical)\n",
                "core_dlp",
            ),
            (
                client::get(0, "/gzip"),
                "blocked: compressed response cannot be scanned\n",
                "tls_response_blocked",
            ),
        ];
        for (ask, text, rule) in asks {
            let stream = tunnel(&process, &origin, &ca).await?;
            let answer = ask.header("Host", &host).send_over(stream).await?;
            assert_eq!((answer.status.as_u16(), answer.text.as_str()), (403, text));
            let event = process.event(|event| event.rule.as_deref() == Some(rule))?;
            assert_eq!(event.decision, Decision::Deny);
            assert_eq!(event.host.as_deref(), Some("localhost"));
        }
        assert!(!format!("{:?}", process.events()?).contains(SECRET));
        let arrived: Vec<String> = origin.seen().into_iter().map(|seen| seen.path).collect();
        assert_eq!(arrived, ["/gzip"]);
        Ok(())
    })
}

pub(crate) fn sse(binary: &Path) -> Outcome {
    run(async move {
        let (origin, process) = world(binary, &setup()).await?;
        let stream = tunnel(&process, &origin, &process.folder.ca_pem).await?;
        let response = client::get(0, "/sse")
            .header("Host", &origin.authority())
            .stream_over(stream)
            .await?;
        assert_eq!(response.status(), 200);
        streams::in_order(&origin, response.into_body()).await
    })
}

pub(crate) fn authority(binary: &Path) -> Outcome {
    run(async move {
        let (origin, process) = world(binary, &setup()).await?;
        let stream = tunnel(&process, &origin, &process.folder.ca_pem).await?;
        let answer = client::get(0, "/")
            .header("Host", "unlisted.test")
            .send_over(stream)
            .await?;
        assert_eq!(
            (answer.status.as_u16(), answer.text.as_str()),
            (403, "authority mismatch: blocked\n")
        );
        let event = process.event(|event| event.decision == Decision::Deny)?;
        assert_eq!(event.rule.as_deref(), Some("tls_authority_mismatch"));
        assert!(origin.seen().is_empty());
        Ok(())
    })
}

pub(crate) fn passthrough(binary: &Path) -> Outcome {
    run(async move {
        let mut setup = setup();
        setup.policy.allow[0].class = TrafficClass::Passthrough;
        let (origin, process) = world(binary, &setup).await?;
        let stream = tunnel(&process, &origin, &origin.ca_pem).await?;
        let answer = client::get(0, "/own")
            .header("Host", "x")
            .send_over(stream)
            .await?;
        assert_eq!(
            (answer.status.as_u16(), answer.text.as_str()),
            (200, "/own ")
        );
        assert!(
            tunnel(&process, &origin, &process.folder.ca_pem)
                .await
                .is_err()
        );
        Ok(())
    })
}
