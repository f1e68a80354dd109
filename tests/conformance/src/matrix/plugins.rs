//! The plugins of a matrix' launches: small, but with everything that a launch does for one.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bottle_api::{
    AgentFiles, AgentHandle, AgentPatch, CaPart, Content, EgressEvent, Enforces, ExecRequest,
    FilePlan, HopContext, HopPlan, ImagePlan, Mount, PluginError, ProvisionContext, Provisioner,
    Proxy, PutFile, ReadyCheck,
};

use crate::{
    Step,
    stage::{Ground, Plugins, Provisioners, Proxies},
};

/// A plugin of a launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A proxy that ends TLS and forwards.
    Front,
    /// A proxy that enforces hosts and is last.
    Back,
    /// A provisioner with a file to change before the start.
    Files,
    /// A provisioner with a program to run after it.
    Program,
}

/// The plugins for these parts.
pub(super) fn plugins(ground: &Arc<Ground>, parts: &'static [Part]) -> Plugins {
    let ground = Arc::clone(ground);
    Arc::new(move || {
        let (mut proxies, mut provisioners) = (Proxies::new(), Provisioners::new());
        for part in parts {
            let ground = Arc::clone(&ground);
            match part {
                Part::Front | Part::Back => proxies.push(Box::new(Hop {
                    ground,
                    last: *part == Part::Back,
                })),
                Part::Files => provisioners.push(Box::new(Files)),
                Part::Program => provisioners.push(Box::new(Program(ground))),
            }
        }
        Ok((proxies, provisioners))
    })
}

#[derive(Debug)]
pub(crate) struct Hop {
    pub(crate) ground: Arc<Ground>,
    pub(crate) last: bool,
}
impl Proxy for Hop {
    fn name(&self) -> &'static str {
        if self.last { "back" } else { "front" }
    }
    fn chains(&self) -> bool {
        !self.last
    }
    fn plan(&self, cx: &HopContext<'_>) -> Result<HopPlan, PluginError> {
        let image = ImagePlan::pull(&self.ground.image, "image");
        let mut hop = HopPlan::new(image, if self.last { 8888 } else { 8080 });
        let dialect = &self.ground.dialect;
        hop.entrypoint = Some(vec![]);
        hop.command = dialect.argv(&[Step::out("up"), Step::Forever]);
        hop.mounts = vec![Mount::Volume {
            target: "/hop".into(),
        }];
        let content = if self.last {
            Content::Text(format!("allow: {:?}", cx.policy.allow))
        } else {
            Content::Ca(CaPart::KeyAndCertificate)
        };
        hop.files = vec![FilePlan {
            path: "/hop/file".into(),
            mode: 0o400,
            uid: 65534,
            gid: 65534,
            content,
        }];
        hop.ends_tls = !self.last;
        hop.enforces = Enforces {
            hosts: self.last || cx.next.is_none(),
            http_rules: !self.last,
            dlp: self.last,
            credentials: !self.last,
        };
        hop.ready = ReadyCheck::Exec {
            argv: dialect.argv(&[Step::Exit(0)]),
            timeout: Duration::from_secs(10),
        };
        Ok(hop)
    }
    fn parse_log(&self, _: &str) -> Option<EgressEvent> {
        None
    }
}

#[derive(Debug)]
struct Files;
#[async_trait]
impl Provisioner for Files {
    fn name(&self) -> &'static str {
        "files"
    }
    fn patch(&self, _: &ProvisionContext<'_>) -> Result<AgentPatch, PluginError> {
        let mut patch = AgentPatch::default();
        patch.files.push(FilePlan {
            path: "/etc/bottle/note".into(),
            mode: 0o644,
            uid: 0,
            gid: 0,
            content: Content::Text("from a provisioner".into()),
        });
        Ok(patch)
    }
    async fn prepare(
        &self,
        _: &ProvisionContext<'_>,
        agent: &dyn AgentFiles,
    ) -> Result<(), PluginError> {
        // Every image has one.
        let mut bytes = agent.read("/etc/passwd").await?.unwrap_or_default();
        bytes.extend(agent.ca_certificate().unwrap_or_default().bytes());
        let put = PutFile {
            path: "/etc/bottle/accounts".into(),
            mode: 0o644,
            uid: 0,
            gid: 0,
            bytes,
        };
        Ok(agent.put(vec![put]).await?)
    }
}

#[derive(Debug)]
struct Program(Arc<Ground>);
#[async_trait]
impl Provisioner for Program {
    fn name(&self) -> &'static str {
        "program"
    }
    fn after(&self) -> &'static [&'static str] {
        &["files"]
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
        let request = ExecRequest::new(self.0.dialect.argv(&[Step::Exit(0)]));
        let done = agent.exec(&request, b"input").await?;
        if done.status.success() {
            return Ok(());
        }
        Err(PluginError::failed("the program said no"))
    }
}
