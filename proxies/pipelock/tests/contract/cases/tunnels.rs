//! CONNECT without interception.

use std::path::Path;

use bottle_api::Decision;

use super::{Outcome, SECRET, run, world};
use crate::{client, proxy::Setup};

pub(crate) fn listed(binary: &Path) -> Outcome {
    run(async move {
        let (origin, process) = world(binary, &Setup::new()).await?;
        let tunnel = client::connect(process.port, &origin.authority(), &[])
            .await?
            .map_err(|refusal| format!("{refusal:?}"))?;
        let stream = client::tls(tunnel, "localhost", &origin.ca_pem).await?;
        let answer = client::get(0, "/through")
            .header("Host", "x")
            .send_over(stream)
            .await?;
        assert_eq!(
            (answer.status.as_u16(), answer.text.as_str()),
            (200, "/through ")
        );
        let event = process.event(|event| event.decision == Decision::Allow)?;
        assert_eq!(event.method.as_deref(), Some("CONNECT"));
        assert_eq!(event.host.as_deref(), Some("localhost"));
        Ok(())
    })
}

pub(crate) fn unlisted(binary: &Path) -> Outcome {
    run(async move {
        let (_origin, process) = world(binary, &Setup::new()).await?;
        let refused = client::connect(process.port, "unlisted.test:443", &[]).await?;
        let refused = refused.err().ok_or("it opened")?;
        assert_eq!(refused.status, 403);
        assert_eq!(
            refused.text,
            "CONNECT blocked: domain not in allowlist: unlisted.test\n"
        );
        let event = process.event(|event| event.decision == Decision::Deny)?;
        assert_eq!(event.method.as_deref(), Some("CONNECT"));
        assert_eq!(event.host.as_deref(), Some("unlisted.test"));
        assert_eq!(event.rule.as_deref(), Some("allowlist"));
        Ok(())
    })
}

pub(crate) fn other_name(binary: &Path) -> Outcome {
    run(async move {
        let (origin, process) = world(binary, &Setup::new()).await?;
        let tunnel = client::connect(process.port, &origin.authority(), &[])
            .await?
            .map_err(|refusal| format!("{refusal:?}"))?;
        assert!(
            client::tls(tunnel, "unlisted.test", &origin.ca_pem)
                .await
                .is_err()
        );
        let event = process.event(|event| event.decision == Decision::Deny)?;
        assert_eq!(event.rule.as_deref(), Some("sni_mismatch"));
        assert_eq!(event.host.as_deref(), Some("localhost"));
        assert!(
            event
                .reason
                .is_some_and(|reason| reason.contains("unlisted.test"))
        );
        assert!(origin.seen().is_empty());
        Ok(())
    })
}

pub(crate) fn secret_header(binary: &Path) -> Outcome {
    run(async move {
        let (origin, process) = world(binary, &Setup::new()).await?;
        let headers = [("Proxy-Authorization", SECRET)];
        let refused = client::connect(process.port, &origin.authority(), &headers).await?;
        let refused = refused.err().ok_or("it opened")?;
        assert_eq!(refused.status, 403);
        assert_eq!(refused.text, "CONNECT blocked: header DLP match\n");
        let event = process.event(|event| event.decision == Decision::Deny)?;
        assert_eq!(event.rule.as_deref(), Some("header_dlp"));
        Ok(())
    })
}
