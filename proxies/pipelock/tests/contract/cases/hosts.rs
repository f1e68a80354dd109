//! Which hosts are reached, in absolute form.

use std::path::Path;

use bottle_api::Decision;

use super::{Outcome, run, world};
use crate::{client, proxy::Setup};

pub(crate) fn unlisted(binary: &Path) -> Outcome {
    run(async move {
        let (_origin, process) = world(binary, &Setup::new()).await?;
        for url in ["https://unlisted.test/x", "http://unlisted.test/x"] {
            let answer = client::get(process.port, url).send().await?;
            assert_eq!(answer.status, 403, "{answer:?}");
            assert_eq!(
                answer.text,
                "blocked: domain not in allowlist: unlisted.test\n"
            );
            assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8");
        }
        let event = process.event(|event| event.decision == Decision::Deny)?;
        assert_eq!(event.host.as_deref(), Some("unlisted.test"));
        assert_eq!(event.path.as_deref(), Some("/x"));
        assert_eq!(event.rule.as_deref(), Some("allowlist"));
        assert_eq!(event.status, Some(403));
        assert_eq!(event.method.as_deref(), Some("GET"));
        assert!(!event.time.is_empty());
        Ok(())
    })
}

pub(crate) fn listed_https(binary: &Path) -> Outcome {
    run(async move {
        let (origin, process) = world(binary, &Setup::new()).await?;
        let answer = client::post(process.port, origin.url("/a?k=v"), "text/plain", "hello")
            .send()
            .await?;
        assert_eq!(
            (answer.status.as_u16(), answer.text.as_str()),
            (200, "/a hello")
        );
        let seen = origin.seen();
        assert_eq!(seen.len(), 1);
        assert_eq!(
            (seen[0].method.as_str(), seen[0].path.as_str()),
            ("POST", "/a?k=v")
        );
        assert_eq!(seen[0].headers["host"], origin.authority());
        assert_eq!(seen[0].body, "hello");
        let event = process.event(|event| event.decision == Decision::Allow)?;
        assert_eq!(event.host.as_deref(), Some("localhost"));
        assert_eq!(event.path.as_deref(), Some("/a"));
        assert_eq!((event.status, event.response_bytes), (Some(200), Some(8)));
        Ok(())
    })
}

pub(crate) fn listed_http(binary: &Path) -> Outcome {
    run(async move {
        let (origin, process) = world(binary, &Setup::new()).await?;
        let url = format!("http://localhost:{}/plain", origin.plain.port());
        let answer = client::get(process.port, url).send().await?;
        assert_eq!(
            (answer.status.as_u16(), answer.text.as_str()),
            (200, "/plain ")
        );
        Ok(())
    })
}

/// To pipelock itself `*.a.test` covers `a.test`; the plugin sees to it that it does not.
pub(crate) fn wildcard_parent(binary: &Path) -> Outcome {
    run(async move {
        let setup = Setup::allowing(&["localhost", "*.parent.test"]);
        let (_origin, process) = world(binary, &setup).await?;
        let parent = client::get(process.port, "https://parent.test/")
            .send()
            .await?;
        assert_eq!(parent.status, 403);
        assert_eq!(
            parent.text,
            "blocked: domain blocked: parent.test matches parent.test\n"
        );
        // Listed, but there is no such name.
        let child = client::get(process.port, "https://x.parent.test/")
            .send()
            .await?;
        assert!(
            child
                .text
                .starts_with("blocked: SSRF check failed: DNS resolution error"),
            "{child:?}"
        );
        let event = process.event(|event| event.host.as_deref() == Some("parent.test"))?;
        assert_eq!(event.rule.as_deref(), Some("blocklist"));
        Ok(())
    })
}

pub(crate) fn denied(binary: &Path) -> Outcome {
    run(async move {
        let mut setup = Setup::allowing(&["*.parent.test"]);
        setup.policy.deny = vec!["bad.parent.test".parse()?];
        let (_origin, process) = world(binary, &setup).await?;
        let answer = client::get(process.port, "https://bad.parent.test/")
            .send()
            .await?;
        assert_eq!(answer.status, 403);
        assert!(
            answer
                .text
                .starts_with("blocked: domain blocked: bad.parent.test")
        );
        Ok(())
    })
}

pub(crate) fn private(binary: &Path) -> Outcome {
    run(async move {
        let mut setup = Setup::new();
        setup.trusted.clear();
        let (origin, process) = world(binary, &setup).await?;
        let named = client::get(process.port, origin.url("/")).send().await?;
        assert_eq!(named.status, 403);
        assert!(
            named
                .text
                .starts_with("blocked: SSRF blocked: localhost resolves to internal IP "),
            "{named:?}"
        );
        let event = process.event(|event| event.decision == Decision::Deny)?;
        assert_eq!(event.rule.as_deref(), Some("ssrf"));
        let refused = client::connect(process.port, &origin.authority(), &[]).await?;
        assert_eq!(
            refused.err().map(|answer| answer.status.as_u16()),
            Some(403)
        );
        for address in ["127.0.0.1", "169.254.169.254", "[::1]", "0x7f000001"] {
            let url = format!("https://{address}:{}/", origin.tls.port());
            let answer = client::get(process.port, url).send().await?;
            assert_eq!(answer.status, 403, "{address}");
        }
        assert!(origin.seen().is_empty());
        Ok(())
    })
}

pub(crate) fn fronting(binary: &Path) -> Outcome {
    run(async move {
        let (origin, process) = world(binary, &Setup::new()).await?;
        let fronted = client::get(process.port, origin.url("/"))
            .header("Host", "unlisted.test")
            .send()
            .await?;
        assert_eq!(fronted.status, 200, "{fronted:?}");
        assert_eq!(origin.seen()[0].headers["host"], origin.authority());
        let backed = client::get(process.port, "https://unlisted.test/")
            .header("Host", &origin.authority())
            .send()
            .await?;
        assert_eq!(backed.status, 403);
        Ok(())
    })
}

pub(crate) fn nothing_allowed(binary: &Path) -> Outcome {
    run(async move {
        let (origin, process) = world(binary, &Setup::allowing(&[])).await?;
        let answer = client::get(process.port, origin.url("/")).send().await?;
        assert_eq!(answer.text, "blocked: domain not in allowlist: localhost\n");
        assert!(origin.seen().is_empty());
        Ok(())
    })
}

pub(crate) fn redirect_away(binary: &Path) -> Outcome {
    run(async move {
        let (origin, process) = world(binary, &Setup::new()).await?;
        let answer = client::get(process.port, origin.url("/away"))
            .send()
            .await?;
        assert_eq!(answer.status, 403);
        assert_eq!(
            answer.text,
            "blocked: redirect blocked: domain not in allowlist: unlisted.test\n"
        );
        let event = process.event(|event| event.decision == Decision::Deny)?;
        assert_eq!(event.rule.as_deref(), Some("allowlist"));
        Ok(())
    })
}

pub(crate) fn redirect_on(binary: &Path) -> Outcome {
    run(async move {
        let (origin, process) = world(binary, &Setup::new()).await?;
        let answer = client::get(process.port, origin.url("/on")).send().await?;
        assert_eq!(
            (answer.status.as_u16(), answer.text.as_str()),
            (200, "/arrived ")
        );
        let paths: Vec<String> = origin.seen().into_iter().map(|seen| seen.path).collect();
        assert_eq!(paths, ["/on", "/arrived"]);
        Ok(())
    })
}

pub(crate) fn origin_down(binary: &Path) -> Outcome {
    run(async move {
        let (_origin, process) = world(binary, &Setup::new()).await?;
        let answer = client::get(process.port, "https://localhost:1/a?k=v")
            .send()
            .await?;
        assert_eq!(answer.status, 502);
        assert_eq!(answer.text, "forward proxy fetch failed\n");
        let refused = client::connect(process.port, "localhost:1", &[]).await?;
        let refused = refused.err().ok_or("a tunnel to nowhere")?;
        assert_eq!(
            (refused.status.as_u16(), refused.text.as_str()),
            (502, "tunnel dial failed\n")
        );
        let event = process.event(|event| event.decision == Decision::Error)?;
        assert_eq!(event.host.as_deref(), Some("localhost"));
        assert!(event.reason.is_some_and(|reason| !reason.contains("k=v")));
        Ok(())
    })
}
