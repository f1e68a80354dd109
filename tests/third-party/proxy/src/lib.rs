//! [tinyproxy](https://tinyproxy.github.io) as a hop: an allowlist of hosts and nothing else. It
//! opens no TLS, so it sees names and ports, and forwards to another proxy where there is one.

mod config_file;
mod log;

// [docs: imports]
use std::{collections::BTreeMap, time::Duration};

use bottle_api::{
    ConfigError, Content, EgressEvent, Enforces, FilePlan, Guarantee, HopContext, HopPlan,
    ImagePlan, Mount, PluginBuild, PluginError, Proxy, ReadyCheck, Recipe, Statement,
    register_proxy,
};
use schemars::JsonSchema;
use serde::Deserialize;
// [docs: end]

const NAME: &str = "turnstile";
/// tinyproxy's own default.
const PORT: u16 = 8888;

// [docs: config]
/// The table `[proxy.turnstile]`. Every field has a default.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TurnstileConfig {
    /// An image with tinyproxy, instead of one that is built when it is first needed.
    pub image: Option<String>,
    /// Seconds after which an idle connection is closed.
    pub timeout_secs: u32,
}
impl Default for TurnstileConfig {
    fn default() -> Self {
        Self {
            image: None,
            timeout_secs: 600,
        }
    }
}
// [docs: end]

// [docs: build]
/// The plugin.
#[derive(Clone, Debug)]
pub struct Turnstile {
    config: TurnstileConfig,
}

impl PluginBuild<dyn Proxy> for Turnstile {
    const NAME: &'static str = NAME;
    const SUMMARY: &'static str = "tinyproxy: an allowlist of hosts";
    type Config = TurnstileConfig;

    fn build(config: TurnstileConfig) -> Result<Box<dyn Proxy>, ConfigError> {
        if config.timeout_secs == 0 {
            return Err(ConfigError::new("`timeout_secs` must be at least 1"));
        }
        Ok(Box::new(Self { config }))
    }
}

register_proxy!(Turnstile);
// [docs: end]

// [docs: plan]
impl Proxy for Turnstile {
    fn name(&self) -> &'static str {
        NAME
    }
    fn chains(&self) -> bool {
        true
    }
    fn plan(&self, cx: &HopContext<'_>) -> Result<HopPlan, PluginError> {
        refuse_what_it_cannot(cx)?;
        let mut hop = HopPlan::new(self.image(), PORT);
        hop.entrypoint = Some(vec!["tinyproxy".into()]);
        hop.command = vec!["-d".into(), "-c".into(), "/turnstile/tinyproxy.conf".into()];
        hop.mounts = vec![Mount::Volume {
            target: "/turnstile".into(),
        }];
        hop.files = vec![
            file(
                "/turnstile/tinyproxy.conf",
                config_file::main(&self.config, cx),
            ),
            file("/turnstile/allow", config_file::allowed(cx.policy)),
        ];
        hop.enforces = Enforces {
            hosts: true,
            ..Enforces::default()
        };
        hop.ready = ready(cx);
        hop.guarantees = guarantees();
        hop.memory = 64 << 20;
        Ok(hop)
    }
    fn parse_log(&self, line: &str) -> Option<EgressEvent> {
        log::parse(line)
    }
}
// [docs: end]

// [docs: refuse]
/// A proxy that does not open TLS must not pretend to look inside.
fn refuse_what_it_cannot(cx: &HopContext<'_>) -> Result<(), PluginError> {
    let next = cx.next.map(|next| next.enforces).unwrap_or_default();
    let blind = |what: &str| PluginError::Chain {
        message: format!("proxy `{NAME}` sees hosts only, and cannot enforce {what}"),
        hint: format!("put one that opens TLS before it: `proxies = [\"mitmproxy\", \"{NAME}\"]`"),
    };
    // Behind another hop, that one has seen the request already.
    if cx.first && cx.policy.needs_http() && !next.http_rules {
        return Err(blind("methods and paths"));
    }
    if cx.first && !cx.policy.credentials.is_empty() && !next.credentials {
        return Err(blind("credentials"));
    }
    Ok(())
}
// [docs: end]

// [docs: image]
impl Turnstile {
    fn image(&self) -> ImagePlan {
        let key = "proxy.turnstile.image";
        match &self.config.image {
            Some(reference) => ImagePlan::pull(reference, key),
            None => ImagePlan::recipe(recipe(), key),
        }
    }
}

/// Built once: the tag is the hash of this.
fn recipe() -> Recipe {
    Recipe {
        repository: "proxy-turnstile".into(),
        dockerfile: "FROM debian:bookworm-slim\n\
                     RUN apt-get update && apt-get install -y --no-install-recommends tinyproxy \
                     && rm -rf /var/lib/apt/lists/*\n"
            .into(),
        files: vec![],
        args: BTreeMap::new(),
    }
}
// [docs: end]

fn file(path: &str, text: String) -> FilePlan {
    FilePlan {
        path: path.into(),
        mode: 0o440,
        uid: 65534,
        gid: 65534,
        content: Content::Text(text),
    }
}

// [docs: ready]
/// It answers for its own status page, and reaches the hop behind it.
fn ready(cx: &HopContext<'_>) -> ReadyCheck {
    let mut script = format!(
        "until exec 3<>/dev/tcp/127.0.0.1/{PORT}; do sleep 0.1; done 2>/dev/null\n\
         printf 'GET http://tinyproxy.stats/ HTTP/1.0\\r\\n\\r\\n' >&3\n\
         grep -q tinyproxy <&3 || {{ echo 'no status page'; exit 1; }}\n"
    );
    if let Some(next) = cx.next {
        let (host, port) = (&next.host, next.port);
        script += &format!(
            "exec 4<>/dev/tcp/{host}/{port} || {{ echo '{host} does not answer'; exit 1; }}\n"
        );
    }
    ReadyCheck::Exec {
        argv: ["bash", "-c", &script].map(str::to_owned).to_vec(),
        timeout: Duration::from_secs(30),
    }
}
// [docs: end]

// [docs: guarantees]
fn guarantees() -> Vec<Statement> {
    vec![
        Statement::given(
            Guarantee::HostPolicy,
            NAME,
            "tinyproxy's filter refuses by default",
        ),
        Statement::withheld(Guarantee::TlsInspected, NAME, "it passes TLS on as it is")
            .remedy("put a hop that opens TLS before it"),
        Statement::withheld(Guarantee::Dlp, NAME, "it looks at names only"),
    ]
}
// [docs: end]
