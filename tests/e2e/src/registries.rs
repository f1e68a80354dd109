//! What package clients expect of a registry, as far as one look-up needs it.

use hyper::Response;

use crate::origin::{Body, reply};

/// Answers under `/simple/` (Python), `/npm/` (npm), `/cargo/` (cargo) and `*.git/` (git).
pub(crate) fn answer(path: &str) -> Option<Response<Body>> {
    if path.starts_with("/simple/") {
        let page = "<!DOCTYPE html><html><body>\
            <a href=\"/files/bottle_probe-1.0-py3-none-any.whl\">bottle_probe-1.0-py3-none-any.whl</a>\
            </body></html>";
        return Some(reply(200, "text/html", page));
    }
    if path.starts_with("/npm/") {
        let packument = serde_json::json!({
            "_id": "bottle-probe", "name": "bottle-probe", "dist-tags": {"latest": "1.0.0"},
            "versions": {"1.0.0": {"name": "bottle-probe", "version": "1.0.0", "dist": {
                "tarball": "https://origin.test/files/bottle-probe-1.0.0.tgz",
                "shasum": "0000000000000000000000000000000000000000",
            }}},
        });
        return Some(reply(200, "application/json", &packument.to_string()));
    }
    if let Some(prefix) = path.strip_suffix("/config.json") {
        let config = serde_json::json!({
            "dl": format!("https://origin.test{prefix}/dl"),
            "api": format!("https://origin.test{prefix}"),
        });
        return Some(reply(200, "application/json", &config.to_string()));
    }
    if path.ends_with("/api/v1/crates") {
        let found = serde_json::json!({
            "crates": [{"name": "bottle-probe", "description": "", "max_version": "1.0.0"}],
            "meta": {"total": 1},
        });
        return Some(reply(200, "application/json", &found.to_string()));
    }
    if path.ends_with("/info/refs") {
        let refs = format!("{}\trefs/heads/main\n", "a".repeat(40));
        return Some(reply(200, "text/plain", &refs));
    }
    if path.ends_with(".git/HEAD") {
        return Some(reply(200, "text/plain", "ref: refs/heads/main\n"));
    }
    None
}
