//! The hop, as data.

use std::{collections::BTreeMap, path::Path, time::Duration};

use bottle_api::{
    Accepts, CaPart, Content, DlpMode, Enforces, EnvValue, FilePlan, HealthEndpoint, HopContext,
    HopPlan, ImagePlan, Mount, PluginError, ReadyCheck, Recipe, RecipeFile, RecipeSource, ScanApi,
    SecretRef,
};
use serde_json::json;

use crate::{
    NAME,
    config::{Config, IMAGE},
    guarantees,
    hosts::HostLists,
    yaml::{Paths, Token, Yaml},
};

const PORT: u16 = 8888;
const SCAN_PORT: u16 = 9090;
/// nobody: no name, no home, no files of its own.
const USER: u32 = 65534;
/// A folder, not a file: pipelock watches it for changes.
const FOLDER: &str = "/config";

/// Plans the hop.
pub(crate) fn plan(config: &Config, cx: &HopContext<'_>) -> Result<HopPlan, PluginError> {
    check_place(cx)?;
    let hosts = HostLists::new(cx.policy).map_err(|error| {
        PluginError::failed_with_hint(
            error.to_string(),
            format!(
                "deny the names below `{}` one by one, or deny the name itself too",
                error.allowed
            ),
        )
    })?;
    let dlp = config.dlp.action.unwrap_or(cx.policy.dlp);
    // Only a hop in front asks; the agent has no business there.
    let token = (!cx.first).then(|| SecretRef::Session(format!("{}-scan", cx.host)));
    let content = configuration(config, cx, &hosts, dlp, token.as_ref());
    let mut hop = HopPlan::new(image(config), PORT);
    hop.entrypoint = Some(vec!["/pipelock".into()]);
    hop.command = ["run", "--config", &format!("{FOLDER}/pipelock.yaml")]
        .map(String::from)
        .into();
    hop.user = format!("{USER}:{USER}");
    hop.mounts = vec![Mount::Volume {
        target: FOLDER.into(),
    }];
    hop.files = files(config, content);
    hop.env = env(config);
    hop.memory = config.limits.memory_mb << 20;
    hop.accepts = [
        Accepts::Connect,
        Accepts::AbsoluteHttp,
        Accepts::AbsoluteHttps,
    ]
    .into();
    hop.scan = token.map(|token| ScanApi {
        port: SCAN_PORT,
        path: "/api/v1/scan".into(),
        dialect: "pipelock-v1".into(),
        token,
    });
    hop.health = Some(health());
    hop.ends_tls = config.tls_interception;
    hop.ready = ReadyCheck::Exec {
        argv: [
            "/pipelock",
            "healthcheck",
            "--addr",
            &format!("127.0.0.1:{PORT}"),
        ]
        .map(String::from)
        .into(),
        timeout: Duration::from_secs(30),
    };
    hop.guarantees = guarantees::statements(config, cx, dlp);
    hop.enforces = Enforces {
        hosts: true,
        http_rules: false,
        dlp: guarantees::refuses_secrets(&hop.guarantees),
        credentials: false,
    };
    Ok(hop)
}

/// The configuration file; with the token by reference when there is one.
fn configuration(
    config: &Config,
    cx: &HopContext<'_>,
    hosts: &HostLists,
    dlp: DlpMode,
    token: Option<&SecretRef>,
) -> Content {
    let yaml = Yaml {
        config,
        hosts,
        trusted: &trusted(config, cx),
        dlp,
        injected: &injected(config, cx),
        agent: &identity(cx),
        paths: &Paths {
            listen: format!("0.0.0.0:{PORT}"),
            scan_listen: token.map(|_| format!("0.0.0.0:{SCAN_PORT}")),
            ca_cert: format!("{FOLDER}/ca.pem"),
            ca_key: format!("{FOLDER}/ca-key.pem"),
        },
    };
    match token {
        None => Content::Text(yaml.text("")),
        Some(token) => Content::Template(yaml.pieces(&Token(token.clone()))),
    }
}

fn check_place(cx: &HopContext<'_>) -> Result<(), PluginError> {
    if let Some(next) = cx.next {
        return Err(PluginError::Chain {
            message: format!(
                "`{NAME}` connects to the internet by itself and cannot forward to `{}`",
                next.host
            ),
            hint: format!("put `{NAME}` last, as in `proxies = [\"mitmproxy\", \"{NAME}\"]`"),
        });
    }
    let ported = cx.policy.allow.iter().find(|rule| !rule.ports.is_empty());
    if let (true, Some(rule)) = (cx.first, ported) {
        return Err(PluginError::Chain {
            message: format!(
                "the rule for `{}` names ports, which `{NAME}` cannot enforce",
                rule.host
            ),
            hint: format!(
                "drop `ports`, or put a hop in front that reads requests, as in \
                 `proxies = [\"mitmproxy\", \"{NAME}\"]`"
            ),
        });
    }
    Ok(())
}

fn image(config: &Config) -> ImagePlan {
    let Some(binary) = &config.binary else {
        let reference = config.image.as_deref().unwrap_or(IMAGE);
        return ImagePlan::pull(reference, "proxy.pipelock.image");
    };
    let recipe = Recipe {
        repository: "proxy-pipelock".into(),
        dockerfile: "FROM scratch\nCOPY pipelock /pipelock\nENTRYPOINT [\"/pipelock\"]\n".into(),
        files: vec![RecipeFile {
            path: "pipelock".into(),
            mode: 0o755,
            source: RecipeSource::HostFile(binary.clone()),
        }],
        args: BTreeMap::new(),
    };
    ImagePlan::recipe(recipe, "proxy.pipelock.binary")
}

fn files(config: &Config, yaml: Content) -> Vec<FilePlan> {
    let mut files = vec![file("pipelock.yaml", yaml)];
    if config.tls_interception {
        files.push(file("ca.pem", Content::Ca(CaPart::Certificate)));
        files.push(file("ca-key.pem", Content::Ca(CaPart::Sec1Key)));
    }
    if config.binary.is_some() {
        // An image made of one binary has no roots of its own.
        files.push(file("roots.pem", Content::Ca(CaPart::PublicRoots)));
    }
    if let Some(path) = &config.upstream_ca {
        files.push(file("upstream/ca.pem", Content::HostFile(path.clone())));
    }
    files
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

/// Go reads roots from one file *and* from folders; each variable replaces one default.
fn env(config: &Config) -> BTreeMap<String, EnvValue> {
    let mut env = BTreeMap::new();
    let mut set = |name: &str, value: String| env.insert(name.to_owned(), value.into());
    if config.binary.is_some() {
        set("SSL_CERT_FILE", format!("{FOLDER}/roots.pem"));
    }
    if config.upstream_ca.is_some() {
        let folder = Path::new(FOLDER).join("upstream");
        set("SSL_CERT_DIR", folder.to_string_lossy().into_owned());
    }
    // The collector works harder before the kernel kills.
    set(
        "GOMEMLIMIT",
        format!("{}MiB", config.limits.memory_mb * 9 / 10),
    );
    env
}

fn health() -> HealthEndpoint {
    HealthEndpoint {
        port: PORT,
        path: "/health".into(),
        expect: [
            ("status", json!("healthy")),
            ("mode", json!("strict")),
            ("forward_proxy_enabled", json!(true)),
            ("kill_switch_active", json!(false)),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into(),
    }
}

fn trusted(config: &Config, cx: &HopContext<'_>) -> Vec<String> {
    let own = config.trusted_domains.iter();
    let mut names: Vec<String> = cx
        .policy
        .trusted_private
        .iter()
        .chain(own)
        .map(ToString::to_string)
        .collect();
    names.sort();
    names.dedup();
    names
}

/// Handed-over requests carry placeholders; what comes through a tunnel that is opened here
/// carries the credentials themselves.
fn injected(config: &Config, cx: &HopContext<'_>) -> Vec<String> {
    if cx.first || !config.tls_interception {
        return vec![];
    }
    let credentials = cx.policy.credentials.iter();
    let mut headers: Vec<String> = credentials.map(|one| one.header.clone()).collect();
    headers.sort();
    headers.dedup();
    headers
}

/// The session's name in pipelock's alphabet.
fn identity(cx: &HopContext<'_>) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let text = format!("bottle-{}", cx.session);
    text.chars().filter(|c| safe(*c)).take(64).collect()
}
