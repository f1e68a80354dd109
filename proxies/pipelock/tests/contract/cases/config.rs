//! Files, health, and the process itself.

use std::path::Path;

use rustix::process::Signal;
use serde_json::Value;

use super::{Outcome, run, world};
use crate::{
    client,
    proxy::{Folder, Setup},
};

pub(crate) fn accepted(binary: &Path) -> Outcome {
    let folder = Folder::new("")?;
    let path = folder.put(&Setup::new().yaml(folder.path(), 1, 2))?;
    let output = folder.run(binary, &["check", "-c", &path.to_string_lossy()])?;
    assert!(output.status.success(), "{output:?}");
    Ok(())
}

pub(crate) fn everything_set(binary: &Path) -> Outcome {
    let mut setup = Setup::allowing(&["localhost", "*.a.test"]);
    setup.config = toml::from_str(
        r#"
        tls_interception = true
        trusted_domains = ["b.test"]
        ip_allowlist = ["172.20.0.0/16"]
        [limits]
        url_entropy = 5.5
        [dlp]
        action = "warn"
        include_defaults = false
        credential_headers = ["X-Mine"]
        [[dlp.patterns]]
        name = "Mine"
        regex = 'mine_[a-z]{8}'
        severity = "high"
        exempt_domains = ["*.a.test"]
        [responses]
        block = true
        exempt_domains = ["a.test"]
        "#,
    )?;
    setup.scan_api = true;
    let folder = Folder::new("")?;
    let path = folder.put(&setup.yaml(folder.path(), 1, 2))?;
    let output = folder.run(binary, &["check", "-c", &path.to_string_lossy()])?;
    assert!(output.status.success(), "{output:?}");
    Ok(())
}

/// Both `check` and `run` must fail, and say `part`.
fn refused(binary: &Path, text: &str, part: &str) -> Outcome {
    let folder = Folder::new("")?;
    let path = folder.put(text)?;
    let path = path.to_string_lossy();
    for args in [["check", "--config", &path], ["run", "--config", &path]] {
        let output = folder.run(binary, &args)?;
        let words = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {words}");
        assert!(words.contains(part), "{args:?}: {words}");
    }
    Ok(())
}

pub(crate) fn no_hosts(binary: &Path) -> Outcome {
    let folder = Folder::new("")?;
    let text = Setup::new().yaml(folder.path(), 1, 2);
    let without = text.replace(
        "[\n    \"localhost\"\n  ],\n  \"default",
        "[],\n  \"default",
    );
    assert_ne!(text, without);
    refused(binary, &without, "api_allowlist")
}

pub(crate) fn unknown_key(binary: &Path) -> Outcome {
    let folder = Folder::new("")?;
    let text = Setup::new().yaml(folder.path(), 1, 2);
    for (known, unknown) in [
        ("\"enforce\"", "\"enforcement\""),
        ("\"timeout_seconds\"", "\"timeout_secs\""),
        ("\"max_event_bytes\"", "\"max_event_size\""),
    ] {
        let changed = text.replace(known, unknown);
        assert_ne!(text, changed);
        refused(binary, &changed, unknown.trim_matches('"'))?;
    }
    Ok(())
}

pub(crate) fn health(binary: &Path) -> Outcome {
    run(async move {
        let (_origin, process) = world(binary, &Setup::new()).await?;
        let answer = client::get(process.port, "/health").send().await?;
        assert_eq!(answer.status, 200);
        let health: Value = serde_json::from_str(&answer.text)?;
        for (key, value) in [
            ("status", Value::from("healthy")),
            ("mode", "strict".into()),
            ("response_scan_enabled", true.into()),
            ("forward_proxy_enabled", true.into()),
            ("websocket_proxy_enabled", false.into()),
            ("request_body_scan_enabled", true.into()),
            ("tls_interception_enabled", false.into()),
            ("kill_switch_active", false.into()),
        ] {
            assert_eq!(health[key], value, "{key}: {health}");
        }
        for key in ["version", "uptime_seconds", "dlp_patterns"] {
            assert!(!health[key].is_null(), "{key}: {health}");
        }
        Ok(())
    })
}

pub(crate) fn healthcheck(binary: &Path) -> Outcome {
    run(async move {
        let (_origin, mut process) = world(binary, &Setup::new()).await?;
        let address = format!("127.0.0.1:{}", process.port);
        let args = ["healthcheck", "--addr", address.as_str()];
        let alive = process.folder.run(binary, &args)?;
        assert!(alive.status.success(), "{alive:?}");
        process.signal(Signal::TERM)?;
        process.wait()?;
        let dead = process.folder.run(binary, &args)?;
        assert_eq!(dead.status.code(), Some(1), "{dead:?}");
        assert!(!dead.stderr.is_empty());
        Ok(())
    })
}

pub(crate) fn sigterm(binary: &Path) -> Outcome {
    run(async move {
        let (origin, mut process) = world(binary, &Setup::new()).await?;
        // An open tunnel must not keep it.
        let tunnel = client::connect(process.port, &origin.authority(), &[]).await?;
        assert!(tunnel.is_ok());
        process.signal(Signal::TERM)?;
        assert_eq!(process.wait()?.code(), Some(0));
        Ok(())
    })
}
