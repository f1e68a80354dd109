//! Secrets on their way out, orders on their way in.

use std::path::Path;

use bottle_api::{Decision, DlpMode};

use super::{Outcome, SECRET, run, world};
use crate::{client, proxy::Setup};

const JSON: &str = "application/json";
const TEXT: &str = "text/plain";
const FORM: &str = "application/x-www-form-urlencoded";

pub(crate) fn header(binary: &Path) -> Outcome {
    run(async move {
        let (origin, process) = world(binary, &Setup::new()).await?;
        for name in ["X-Anything", "Cookie", "User-Agent"] {
            let answer = client::get(process.port, origin.url("/"))
                .header(name, &format!("v {SECRET}"))
                .send()
                .await?;
            assert_eq!(answer.status, 403, "{name}");
            assert_eq!(answer.text, "blocked: request header contains secret\n");
        }
        let event = process.event(|event| event.decision == Decision::Deny)?;
        assert_eq!(event.rule.as_deref(), Some("header_dlp"));
        assert!(
            event
                .reason
                .is_some_and(|reason| reason.contains("GitHub Token"))
        );
        assert!(origin.seen().is_empty());
        Ok(())
    })
}

pub(crate) fn credential_header(binary: &Path) -> Outcome {
    run(async move {
        let (origin, process) = world(binary, &Setup::new()).await?;
        for name in ["authorization", "x-api-key"] {
            let answer = client::get(process.port, origin.url("/"))
                .header(name, SECRET)
                .send()
                .await?;
            assert_eq!(answer.status, 200, "{name}: {answer:?}");
        }
        assert_eq!(origin.seen()[0].headers["authorization"], SECRET);
        Ok(())
    })
}

pub(crate) fn body(binary: &Path) -> Outcome {
    run(async move {
        let (origin, process) = world(binary, &Setup::new()).await?;
        let encoded = {
            use std::fmt::Write as _;
            SECRET.bytes().fold(String::new(), |mut all, byte| {
                let _ = write!(all, "{byte:02x}");
                all
            })
        };
        for (kind, body) in [
            (TEXT, format!("my key is {SECRET}")),
            (JSON, format!("{{\"a\":[{{\"b\":\"{SECRET}\"}}]}}")),
            (
                JSON,
                format!("{{\"b\":\"{}\"}}", SECRET.replace('_', "\\u005f")),
            ),
            (FORM, format!("a=b&k={}", SECRET.replace('_', "%5F"))),
            ("application/octet-stream", format!("\u{1}{SECRET}")),
            (TEXT, encoded),
        ] {
            let answer = client::post(process.port, origin.url("/"), kind, body.as_str())
                .send()
                .await?;
            assert_eq!(answer.status, 403, "{kind}: {body}");
            assert!(
                answer
                    .text
                    .starts_with("blocked: request body contains secret: ")
                    && answer.text.contains("GitHub Token"),
                "{kind}: {answer:?}"
            );
        }
        let event = process.event(|event| event.decision == Decision::Deny)?;
        assert_eq!(event.rule.as_deref(), Some("body_dlp"));
        assert!(origin.seen().is_empty());
        Ok(())
    })
}

pub(crate) fn query(binary: &Path) -> Outcome {
    run(async move {
        let (origin, process) = world(binary, &Setup::new()).await?;
        for path in [format!("/?k={SECRET}"), format!("/{SECRET}/x")] {
            let answer = client::get(process.port, origin.url(&path)).send().await?;
            assert_eq!(answer.status, 403);
            assert_eq!(
                answer.text,
                "blocked: core DLP match: GitHub Token (critical)\n"
            );
        }
        let event = process.event(|event| event.decision == Decision::Deny)?;
        assert_eq!(event.rule.as_deref(), Some("core_dlp"));
        assert_eq!(event.host.as_deref(), Some("localhost"));
        // pipelock's own line holds it; ours must not.
        let events = format!("{:?}", process.events()?);
        assert!(!events.contains(SECRET), "{events}");
        assert!(origin.seen().is_empty());
        Ok(())
    })
}

pub(crate) fn own_pattern(binary: &Path) -> Outcome {
    run(async move {
        let mut setup = Setup::new();
        setup.config =
            toml::from_str("[[dlp.patterns]]\nname = 'House Key'\nregex = 'house-[0-9]{12}'")?;
        let (origin, process) = world(binary, &setup).await?;
        let answer = client::post(process.port, origin.url("/"), TEXT, "HOUSE-123456789012")
            .send()
            .await?;
        assert_eq!(answer.status, 403);
        assert_eq!(
            answer.text,
            "blocked: request body contains secret: House Key\n"
        );
        Ok(())
    })
}

pub(crate) fn warn(binary: &Path) -> Outcome {
    run(async move {
        let (origin, process) = world(binary, &Setup::new().dlp(DlpMode::Warn)).await?;
        let answer = client::post(process.port, origin.url("/"), TEXT, SECRET)
            .header("X-Other", SECRET)
            .send()
            .await?;
        assert_eq!(answer.status, 200);
        assert_eq!(origin.seen()[0].body, SECRET);
        for rule in ["body_dlp", "header_dlp"] {
            let event = process.event(|event| event.rule.as_deref() == Some(rule))?;
            assert_eq!(event.decision, Decision::Warn);
        }
        Ok(())
    })
}

pub(crate) fn off(binary: &Path) -> Outcome {
    run(async move {
        let (origin, process) = world(binary, &Setup::new().dlp(DlpMode::Off)).await?;
        let answer = client::post(process.port, origin.url("/"), JSON, "{not json")
            .header("X-Other", SECRET)
            .send()
            .await?;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(origin.seen()[0].body, "{not json");
        Ok(())
    })
}

pub(crate) fn unreadable(binary: &Path) -> Outcome {
    run(async move {
        // Warn does not soften these.
        let (origin, process) = world(binary, &Setup::new().dlp(DlpMode::Warn)).await?;
        let bad = client::post(process.port, origin.url("/"), JSON, "{bad")
            .send()
            .await?;
        assert_eq!(
            (bad.status.as_u16(), bad.text.as_str()),
            (403, "blocked: invalid JSON body\n")
        );
        let packed = client::post(process.port, origin.url("/"), TEXT, "zip")
            .header("Content-Encoding", "gzip")
            .send()
            .await?;
        assert_eq!(packed.status, 403);
        assert!(
            packed
                .text
                .starts_with("blocked: request body uses Content-Encoding \"gzip\""),
            "{packed:?}"
        );
        let event = process.event(|event| event.decision == Decision::Deny)?;
        assert_eq!(event.rule.as_deref(), Some("body_dlp"));
        assert!(origin.seen().is_empty());
        Ok(())
    })
}

pub(crate) fn gzip_response(binary: &Path) -> Outcome {
    run(async move {
        let (origin, process) = world(binary, &Setup::new()).await?;
        let answer = client::get(process.port, origin.url("/gzip"))
            .send()
            .await?;
        assert_eq!(answer.status, 403);
        assert_eq!(
            answer.text,
            "blocked: compressed response cannot be scanned\n"
        );
        let event = process.event(|event| event.decision == Decision::Deny)?;
        assert_eq!(event.rule.as_deref(), Some("response_scan"));
        Ok(())
    })
}

pub(crate) fn orders(binary: &Path) -> Outcome {
    run(async move {
        let (origin, process) = world(binary, &Setup::new()).await?;
        let warned = client::get(process.port, origin.url("/orders"))
            .send()
            .await?;
        assert_eq!(warned.status, 200);
        let event = process.event(|event| event.decision == Decision::Warn)?;
        assert_eq!(event.rule.as_deref(), Some("response_scan"));

        let mut setup = Setup::new();
        setup.config.responses.block = true;
        let (origin, process) = world(binary, &setup).await?;
        let refused = client::get(process.port, origin.url("/orders"))
            .send()
            .await?;
        assert_eq!(refused.status, 403);
        assert_eq!(refused.text, "blocked: response contains injection\n");
        let event = process.event(|event| event.decision == Decision::Deny)?;
        assert_eq!(event.rule.as_deref(), Some("response_scan"));
        Ok(())
    })
}
