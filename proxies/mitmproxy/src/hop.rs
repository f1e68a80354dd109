//! The hop, as data.

use std::{collections::BTreeMap, time::Duration};

use bottle_api::{
    Accepts, CaPart, Content, Enforces, EnvValue, FilePlan, HealthEndpoint, HopContext, HopPlan,
    Mount, PluginError, ReadyCheck,
};
use serde_json::json;

use crate::{
    addon,
    config::{Config, Mode},
    guarantees,
    policy::{self, PolicyFile},
    recipe,
};

const PORT: u16 = 8080;
/// nobody: no name, no home, no files of its own.
const USER: u32 = 65534;
/// All its files. mitmproxy looks for its CA there, too.
const FOLDER: &str = "/conf";
/// One run of the probe, seconds. It is run again until the whole wait is over; when it gives
/// up, it prints the reason.
const PROBE_SECONDS: &str = "10";

/// Plans the hop.
pub(crate) fn plan(config: &Config, cx: &HopContext<'_>) -> Result<HopPlan, PluginError> {
    let file = PolicyFile::new(config, cx)?;
    let mut hop = HopPlan::new(recipe::image(config), PORT);
    hop.entrypoint = Some(vec!["mitmdump".into()]);
    hop.command = command(config, cx);
    hop.env = env(config);
    hop.user = format!("{USER}:{USER}");
    hop.mounts = vec![
        Mount::Volume {
            target: FOLDER.into(),
        },
        Mount::Tmpfs {
            target: "/tmp".into(),
            size: 16 << 20,
            mode: 0o1777,
        },
    ];
    hop.files = files(config, cx, file.text()?);
    hop.accepts = [
        Accepts::Connect,
        Accepts::AbsoluteHttp,
        Accepts::AbsoluteHttps,
    ]
    .into();
    hop.health = Some(HealthEndpoint {
        port: PORT,
        path: "/ready".into(),
        expect: [("ready".to_owned(), json!(true))].into(),
    });
    hop.ends_tls = true;
    hop.ready = ready(config);
    hop.guarantees = guarantees::statements(&file);
    hop.enforces = Enforces {
        hosts: true,
        http_rules: true,
        dlp: guarantees::refuses_secrets(&hop.guarantees),
        credentials: true,
    };
    hop.memory = config.memory_mb << 20;
    Ok(hop)
}

fn command(config: &Config, cx: &HopContext<'_>) -> Vec<String> {
    let mode = match (config.mode, cx.next) {
        (Mode::Upstream, Some(next)) => format!("upstream:http://{}:{}", next.host, next.port),
        _ => "regular".to_owned(),
    };
    addon::arguments(&[
        ("mode", &mode),
        ("listen", "0.0.0.0"),
        ("port", &PORT.to_string()),
        ("conf", FOLDER),
        ("body_limit", &format!("{}m", config.body_limit_mb)),
    ])
}

fn env(config: &Config) -> BTreeMap<String, EnvValue> {
    let mut trust = vec![format!("{FOLDER}/roots/public.pem")];
    if config.upstream_ca.is_some() {
        trust.push(format!("{FOLDER}/roots/further.pem"));
    }
    [
        ("BOTTLE_POLICY", format!("{FOLDER}/policy.json")),
        ("BOTTLE_SECRETS", format!("{FOLDER}/secrets.json")),
        ("BOTTLE_TRUST", trust.join(":")),
        ("HOME", "/tmp".into()),
        ("TMPDIR", "/tmp".into()),
        // Else nothing reaches the log before a buffer is full.
        ("PYTHONUNBUFFERED", "1".into()),
        ("PYTHONDONTWRITEBYTECODE", "1".into()),
    ]
    .map(|(name, value)| (name.to_owned(), value.into()))
    .into()
}

fn files(config: &Config, cx: &HopContext<'_>, policy: String) -> Vec<FilePlan> {
    // A next hop that ends TLS shows certificates of the session's CA.
    let roots = if cx.next.is_some_and(|next| next.ends_tls) {
        CaPart::Bundle
    } else {
        CaPart::PublicRoots
    };
    let mut files = vec![
        file("mitmproxy-ca.pem", Content::Ca(CaPart::KeyAndCertificate)),
        file("mitmproxy-dhparam.pem", text(addon::DHPARAM)),
        file("policy.json", Content::Text(policy)),
        file("secrets.json", Content::SecretMap(policy::secrets(cx))),
        file("roots/public.pem", Content::Ca(roots)),
    ];
    if let Some(path) = &config.upstream_ca {
        files.push(file("roots/further.pem", Content::HostFile(path.clone())));
    }
    let addon = addon::FILES.iter();
    files.extend(addon.map(|(path, code)| file(&format!("addon/{path}"), text(code))));
    files
}

fn text(text: &str) -> Content {
    Content::Text(text.to_owned())
}

fn file(name: &str, content: Content) -> FilePlan {
    FilePlan {
        path: format!("{FOLDER}/{name}"),
        mode: 0o400,
        uid: USER,
        gid: USER,
        content,
    }
}

fn ready(config: &Config) -> ReadyCheck {
    ReadyCheck::Exec {
        argv: [
            "python3",
            &format!("{FOLDER}/addon/probe.py"),
            "--proxy",
            &format!("127.0.0.1:{PORT}"),
            "--timeout",
            PROBE_SECONDS,
        ]
        .map(String::from)
        .into(),
        timeout: Duration::from_secs(config.ready_seconds),
    }
}
