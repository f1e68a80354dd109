//! A whole file.

use std::collections::BTreeMap;

use bottle_api::{ImagePlan, Mount};
use schemars::JsonSchema;

use super::{
    AgentTable, Egress, Launch, Limits, Network, Overlay, PluginTables, SecretTable, Workspace,
    agent,
    env::{self, EnvTable},
    joined, mount, secret,
};
use crate::{node::Node, schema::forms, source::Located};

/// What one layer says, and after merging what all of them say.
#[derive(Clone, Debug, Default, JsonSchema)]
#[schemars(
    deny_unknown_fields,
    default,
    title = "bottle",
    rename_all = "snake_case"
)]
pub(crate) struct Sections {
    /// Files this one builds on: a path relative to this file (with a `/` or `.toml`), or the
    /// name of a profile in the user's configuration folder.
    pub(crate) extends: Vec<Located<String>>,
    /// Selects what is run, where and behind what.
    pub(crate) launch: Launch,
    /// What may leave the bottle.
    pub(crate) egress: Egress,
    /// Secrets by name: where each comes from and how it reaches its use.
    #[schemars(schema_with = "forms::secrets")]
    pub(crate) secret: SecretTable,
    /// The working folder.
    pub(crate) workspace: Workspace,
    /// What the agent's container may use up.
    pub(crate) limits: Limits,
    /// The agent's environment.
    #[schemars(schema_with = "forms::variables")]
    pub(crate) env: EnvTable,
    /// Further folders and files of the host.
    #[schemars(schema_with = "forms::mounts")]
    pub(crate) mount: Vec<Located<Mount>>,
    /// Agents of one's own, and presets changed.
    #[schemars(schema_with = "forms::agents")]
    pub(crate) agent: BTreeMap<String, Located<AgentTable>>,
    /// The bottle's networks.
    pub(crate) network: Network,
    /// The chosen agent's image; only `--image` and `BOTTLE_IMAGE` say this.
    #[schemars(skip)]
    pub(crate) image: Option<Located<ImagePlan>>,
    #[schemars(skip)]
    pub(crate) backend: PluginTables,
    #[schemars(skip)]
    pub(crate) proxy: PluginTables,
    #[schemars(skip)]
    pub(crate) provisioner: PluginTables,
}

impl Sections {
    pub(crate) fn read(root: &Node<'_>) -> Self {
        root.fields(|table| Self {
            extends: table.read("extends", Node::texts),
            launch: table.read("launch", Launch::read),
            egress: table.read("egress", Egress::read),
            secret: table.read("secret", secret::read),
            workspace: table.read("workspace", Workspace::read),
            limits: table.read("limits", Limits::read),
            env: table.read("env", env::read),
            mount: table.read("mount", mount::read),
            agent: table.read("agent", agent::read),
            network: table.read("network", Network::read),
            image: None,
            backend: table.read("backend", PluginTables::read),
            proxy: table.read("proxy", PluginTables::read),
            provisioner: table.read("provisioner", PluginTables::read),
        })
        .unwrap_or_default()
    }
}

impl Overlay for Sections {
    fn over(self, lower: Self) -> Self {
        Self {
            extends: joined(self.extends, lower.extends),
            launch: self.launch.over(lower.launch),
            egress: self.egress.over(lower.egress),
            secret: self.secret.over(lower.secret),
            workspace: self.workspace.over(lower.workspace),
            limits: self.limits.over(lower.limits),
            env: self.env.over(lower.env),
            mount: mount::over(self.mount, lower.mount),
            agent: self.agent.over(lower.agent),
            network: self.network.over(lower.network),
            image: self.image.over(lower.image),
            backend: self.backend.over(lower.backend),
            proxy: self.proxy.over(lower.proxy),
            provisioner: self.provisioner.over(lower.provisioner),
        }
    }
}
