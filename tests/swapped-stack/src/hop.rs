//! The hop, as data.

use std::{collections::BTreeMap, time::Duration};

use bottle_api::{
    Accepts, Content, Enforces, FilePlan, Guarantee, HopContext, HopPlan, ImagePlan, Mount,
    PluginError, ReadyCheck, Recipe, Statement,
};
use serde_json::json;

use crate::{NAME, acl, config::Config};

const PORT: u16 = 3128;
/// nobody: no name, no home, no files of its own.
const USER: u32 = 65534;
/// All its files.
const FOLDER: &str = "/squid";
const PROBE: &str = include_str!("../files/probe.pl");
const DOCKERFILE: &str = "\
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends squid \\
    && rm -rf /var/lib/apt/lists/*
ENTRYPOINT [\"squid\"]
";

/// Plans the hop.
pub(crate) fn plan(config: &Config, cx: &HopContext<'_>) -> Result<HopPlan, PluginError> {
    check_place(config, cx)?;
    let mut hop = HopPlan::new(image(config), PORT);
    hop.entrypoint = Some(vec!["squid".into()]);
    // -N: no daemon, no second process that would look after the first.
    hop.command = ["-N", "-f", &path("squid.conf")].map(String::from).into();
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
    hop.files = vec![
        file("squid.conf", acl::squid_conf(config, cx)),
        file("probe.pl", PROBE.to_owned()),
        file("next.json", next(cx)),
    ];
    // No `AbsoluteHttps`: nobody's TLS is made here.
    hop.accepts = [Accepts::AbsoluteHttp].into();
    if config.connect {
        hop.accepts.insert(Accepts::Connect);
    }
    hop.ends_tls = false;
    hop.enforces = Enforces {
        hosts: true,
        http_rules: false,
        dlp: false,
        credentials: false,
    };
    hop.ready = ReadyCheck::Exec {
        argv: ["perl", &path("probe.pl"), &path("next.json")]
            .map(String::from)
            .into(),
        timeout: Duration::from_secs(config.ready_seconds),
    };
    hop.guarantees = guarantees();
    hop.memory = config.memory_mb << 20;
    Ok(hop)
}

/// Squid hands over what it takes, in the form it came in.
fn check_place(config: &Config, cx: &HopContext<'_>) -> Result<(), PluginError> {
    let Some(next) = cx.next else { return Ok(()) };
    let (needed, what) = if config.connect && !next.accepts.contains(&Accepts::Connect) {
        (
            "CONNECT",
            "set `proxy.squid.connect = false`, or put another proxy behind it",
        )
    } else if !next.accepts.contains(&Accepts::AbsoluteHttp) {
        ("plain `http`", "put another proxy behind it")
    } else {
        return Ok(());
    };
    Err(PluginError::Chain {
        message: format!(
            "`{}` takes no {needed}, which `{NAME}` would send it",
            next.host
        ),
        hint: what.into(),
    })
}

fn image(config: &Config) -> ImagePlan {
    const KEY: &str = "proxy.squid.image";
    match &config.image {
        Some(reference) => ImagePlan::pull(reference, KEY),
        None => ImagePlan::recipe(
            Recipe {
                repository: "proxy-squid".into(),
                dockerfile: DOCKERFILE.into(),
                files: vec![],
                args: BTreeMap::new(),
            },
            KEY,
        ),
    }
}

/// What the probe has to ask of the next hop.
fn next(cx: &HopContext<'_>) -> String {
    let next = match cx.next {
        None => json!({}),
        Some(next) => match &next.health {
            None => json!({ "host": next.host }),
            Some(health) => json!({
                "host": next.host, "port": health.port,
                "path": health.path, "expect": health.expect,
            }),
        },
    };
    format!("{next}\n")
}

fn path(name: &str) -> String {
    format!("{FOLDER}/{name}")
}

fn file(name: &str, text: String) -> FilePlan {
    FilePlan {
        path: path(name),
        mode: 0o400,
        uid: USER,
        gid: USER,
        content: Content::Text(text),
    }
}

fn guarantees() -> Vec<Statement> {
    let closed = "TLS passes it closed";
    let remedy = "put a proxy that decrypts into the chain, such as `mitmproxy`";
    vec![
        Statement::given(
            Guarantee::HostPolicy,
            NAME,
            "host and port of every tunnel and request; names inside a tunnel's TLS are not read",
        ),
        Statement::withheld(Guarantee::TlsInspected, NAME, closed).remedy(remedy),
        Statement::withheld(Guarantee::Dlp, NAME, closed).remedy(remedy),
        Statement::withheld(Guarantee::CredentialsAtProxy, NAME, "it injects none").remedy(remedy),
    ]
}
