//! Event streams, and what is left out on the way.

use std::path::Path;

use bottle_api::Decision;
use http_body_util::BodyExt as _;

use super::{Error, Outcome, run, world};
use crate::{client, origin::Origin, proxy::Setup};

pub(crate) fn sse(binary: &Path) -> Outcome {
    run(async move {
        let (origin, process) = world(binary, &Setup::new()).await?;
        let response = client::get(process.port, origin.url("/sse"))
            .stream()
            .await?;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        in_order(&origin, response.into_body()).await?;
        let event = process.event(|event| event.path.as_deref() == Some("/sse"))?;
        assert_eq!(event.decision, Decision::Allow);
        Ok(())
    })
}

/// The last event is sent only after the first has been read: whoever holds the first back
/// waits for ever, and the test fails at its limit.
pub(crate) async fn in_order(origin: &Origin, mut body: hyper::body::Incoming) -> Outcome {
    let mut text = String::new();
    while !text.contains("data: first\n\n") {
        text.push_str(
            &piece(&mut body)
                .await?
                .ok_or("ended before the first event")?,
        );
    }
    assert!(!text.contains("last"), "{text}");
    origin.acknowledge();
    while let Some(more) = piece(&mut body).await? {
        text.push_str(&more);
    }
    assert!(text.ends_with("data: last\n\n"), "{text}");
    Ok(())
}

async fn piece(body: &mut hyper::body::Incoming) -> Result<Option<String>, Error> {
    let limit = std::time::Duration::from_secs(30);
    let frame = tokio::time::timeout(limit, body.frame())
        .await
        .map_err(|_| "an event is held back")?;
    Ok(match frame {
        None => None,
        Some(frame) => {
            let data = frame?.into_data().unwrap_or_default();
            Some(String::from_utf8_lossy(&data).into_owned())
        }
    })
}

pub(crate) fn stripped(binary: &Path) -> Outcome {
    run(async move {
        let (origin, process) = world(binary, &Setup::new()).await?;
        let answer = client::get(process.port, origin.url("/?agent=x&k=v"))
            .header("X-Forwarded-For", "10.0.0.1")
            .header("Via", "1.1 somebody")
            .header("X-Pipelock-Agent", "somebody")
            .header("Proxy-Authorization", "Basic eA==")
            .header("X-Kept", "yes")
            .send()
            .await?;
        assert_eq!(answer.status, 200);
        let seen = &origin.seen()[0];
        assert_eq!(seen.path, "/?k=v");
        assert_eq!(seen.headers["x-kept"], "yes");
        for name in [
            "x-forwarded-for",
            "via",
            "x-pipelock-agent",
            "proxy-authorization",
        ] {
            assert!(!seen.headers.contains_key(name), "{name}");
        }
        Ok(())
    })
}
