//! Plugins as a third party would write them.

use std::{collections::BTreeMap, time::Duration};

use bottle_api::{
    Accepts, AgentFiles, AgentHandle, AgentPatch, CaPart, Content, Decision, EgressEvent,
    EgressPolicy, Enforces, EnvValue, ExecRequest, FilePlan, Guarantee, HealthEndpoint, HopContext,
    HopPlan, HostPattern, ImagePlan, Mount, Piece, PluginError, ProvisionContext, Provisioner,
    Proxy, PutFile, Readable, ReadyCheck, Recipe, SecretRef, Statement, TrafficClass, async_trait,
};

fn file(path: &str, mode: u32, content: Content) -> FilePlan {
    FilePlan {
        path: path.into(),
        mode,
        uid: 65534,
        gid: 65534,
        content,
    }
}
fn hosts(policy: &EgressPolicy, of: fn(TrafficClass) -> bool) -> Vec<HostPattern> {
    let rules = policy.allow.iter().filter(|rule| of(rule.class));
    rules.map(|rule| rule.host.clone()).collect()
}
fn check(program: &str) -> ReadyCheck {
    ReadyCheck::Exec {
        argv: vec![program.into(), "ready".into()],
        timeout: Duration::from_secs(10),
    }
}

/// Ends TLS (but that of passthrough hosts), reads HTTP, injects credentials, forwards: inspected
/// requests decrypted, unless it only tunnels.
#[derive(Debug, Default)]
pub(crate) struct Front {
    pub(crate) tunnels: bool,
}
impl Proxy for Front {
    fn name(&self) -> &'static str {
        if self.tunnels {
            "front-tunnels"
        } else {
            "front"
        }
    }
    fn chains(&self) -> bool {
        true
    }
    fn hands_over(&self, policy: &EgressPolicy, _: &Readable) -> Readable {
        if self.tunnels {
            return Readable::Nothing;
        }
        Readable::AllBut(hosts(policy, |class| class != TrafficClass::Inspect))
    }
    fn plan(&self, cx: &HopContext<'_>) -> Result<HopPlan, PluginError> {
        let image = ImagePlan::pull("front:1", "proxy.front.image").or_recipe(Recipe {
            repository: "proxy-front".into(),
            dockerfile: "FROM debian\n".into(),
            files: vec![],
            args: BTreeMap::new(),
        });
        let mut hop = HopPlan::new(image, 8080);
        hop.command = match cx.next {
            Some(next) => vec![format!("--next=http://{}:{}", next.host, next.port)],
            None => vec!["--last".into()],
        };
        hop.mounts = vec![Mount::Volume {
            target: "/front".into(),
        }];
        let secrets = cx.policy.credentials.iter();
        let secrets = secrets
            .map(|c| (c.name.clone(), c.secret.clone()))
            .collect();
        hop.files = vec![
            file(
                "/front/ca/key.pem",
                0o400,
                Content::Ca(CaPart::KeyAndCertificate),
            ),
            file("/front/secrets.json", 0o400, Content::SecretMap(secrets)),
        ];
        hop.ends_tls = true;
        hop.enforces = Enforces {
            hosts: cx.next.is_none(),
            http_rules: true,
            dlp: false,
            credentials: true,
        };
        hop.ready = check("front");
        hop.guarantees = vec![
            match hosts(cx.policy, |class| class == TrafficClass::Passthrough) {
                closed if closed.is_empty() => {
                    Statement::given(Guarantee::TlsInspected, "front", "it decrypts")
                }
                closed => Statement::withheld(Guarantee::TlsInspected, "front", "some stay closed")
                    .only_for(closed),
            },
            Statement::given(
                Guarantee::CredentialsAtProxy,
                "front",
                "it swaps placeholders",
            ),
        ];
        if cx.next.is_none() {
            let how = "it checks hosts";
            hop.guarantees
                .push(Statement::given(Guarantee::HostPolicy, "front", how));
        }
        Ok(hop)
    }
    fn parse_log(&self, _: &str) -> Option<EgressEvent> {
        None
    }
}

/// Enforces hosts, cannot forward.
#[derive(Debug, Default)]
pub(crate) struct Back {
    /// The hop in front of it waits for it, and cannot ask it.
    pub(crate) first: bool,
}
impl Proxy for Back {
    fn name(&self) -> &'static str {
        if self.first { "back-first" } else { "back" }
    }
    fn chains(&self) -> bool {
        false
    }
    fn plan(&self, cx: &HopContext<'_>) -> Result<HopPlan, PluginError> {
        let mut hop = HopPlan::new(ImagePlan::pull("back:1", "proxy.back.image"), 8888);
        hop.mounts = vec![Mount::Volume {
            target: "/back".into(),
        }];
        let hosts: Vec<_> = cx.policy.allow.iter().map(|r| r.host.to_string()).collect();
        let config = vec![
            Piece::Text(format!("allow: {hosts:?}\ntoken: ")),
            Piece::JsonSecret(SecretRef::Session("scan".into())),
        ];
        hop.files = vec![file("/back/config.yaml", 0o400, Content::Template(config))];
        hop.accepts.insert(Accepts::AbsoluteHttps);
        hop.enforces = Enforces {
            hosts: true,
            http_rules: false,
            dlp: true,
            credentials: false,
        };
        hop.start_first = self.first;
        hop.health = (!self.first).then(|| HealthEndpoint {
            port: 8888,
            path: "/health".into(),
            expect: BTreeMap::new(),
        });
        hop.ready = check("back");
        hop.guarantees = vec![
            Statement::given(Guarantee::HostPolicy, "back", "strict list"),
            Statement::given(Guarantee::Dlp, "back", "it scans"),
            Statement::withheld(Guarantee::TlsInspected, "back", "it sees tunnels only"),
        ];
        Ok(hop)
    }
    /// `deny HOST REASON`
    fn parse_log(&self, line: &str) -> Option<EgressEvent> {
        let mut words = line.strip_prefix("deny ")?.splitn(2, ' ');
        let mut event = EgressEvent::new("back", Decision::Deny);
        event.host = words.next().map(str::to_owned);
        event.reason = words.next().map(str::to_owned);
        Some(event)
    }
}

/// Lets everything through.
#[derive(Debug, Default)]
pub(crate) struct Lax;
impl Proxy for Lax {
    fn name(&self) -> &'static str {
        "lax"
    }
    fn chains(&self) -> bool {
        true
    }
    fn plan(&self, _: &HopContext<'_>) -> Result<HopPlan, PluginError> {
        Ok(HopPlan::new(
            ImagePlan::pull("lax:1", "proxy.lax.image"),
            3128,
        ))
    }
    fn parse_log(&self, _: &str) -> Option<EgressEvent> {
        None
    }
}

/// Data, and a file of the image that is changed.
#[derive(Debug, Default)]
pub(crate) struct Trust;
#[async_trait]
impl Provisioner for Trust {
    fn name(&self) -> &'static str {
        "trust"
    }
    fn patch(&self, cx: &ProvisionContext<'_>) -> Result<AgentPatch, PluginError> {
        let mut patch = AgentPatch::default();
        if let Some(chain) = cx.chain {
            let url = EnvValue::from(chain.url.clone());
            patch.env.insert("HTTPS_PROXY".into(), url);
            if chain.ends_tls {
                patch.files.push(FilePlan {
                    path: "/etc/bottle/ca.crt".into(),
                    mode: 0o644,
                    uid: 0,
                    gid: 0,
                    content: Content::Ca(CaPart::Certificate),
                });
            }
        }
        Ok(patch)
    }
    async fn prepare(
        &self,
        _: &ProvisionContext<'_>,
        agent: &dyn AgentFiles,
    ) -> Result<(), PluginError> {
        let store = "/etc/ssl/store.pem";
        let mut bytes = agent.read(store).await?.unwrap_or_default();
        bytes.extend(agent.ca_certificate().unwrap_or_default().bytes());
        let put = PutFile {
            path: store.into(),
            mode: 0o644,
            uid: 0,
            gid: 0,
            bytes,
        };
        Ok(agent.put(vec![put]).await?)
    }
}

/// Has a program to run inside.
#[derive(Debug, Default)]
pub(crate) struct Helper;
#[async_trait]
impl Provisioner for Helper {
    fn name(&self) -> &'static str {
        "helper"
    }
    fn after(&self) -> &'static [&'static str] {
        &["trust"]
    }
    fn patch(&self, _: &ProvisionContext<'_>) -> Result<AgentPatch, PluginError> {
        Ok(AgentPatch::default())
    }
    fn applies(&self, _: &ProvisionContext<'_>) -> bool {
        true
    }
    async fn apply(
        &self,
        _: &ProvisionContext<'_>,
        agent: &dyn AgentHandle,
    ) -> Result<(), PluginError> {
        let done = agent.exec(&ExecRequest::new(["setup"]), b"input").await?;
        if done.status.success() {
            Ok(())
        } else {
            Err(PluginError::failed("setup said no"))
        }
    }
}
