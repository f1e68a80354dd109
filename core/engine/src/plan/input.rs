//! What goes in, and what can be read off a plan.

use bottle_api::{
    Backend, BackendInfo, CaPart, ChainView, Content, InstanceId, LaunchPlan, LaunchSpec,
    ProvisionContext, Provisioner, Proxy, SessionId,
};

/// Everything a plan is made of.
#[derive(Clone, Copy, Debug)]
pub struct PlanInput<'a> {
    /// The session to be.
    pub session: &'a SessionId,
    /// The state directory it will belong to.
    pub instance: &'a InstanceId,
    /// What the user asked for.
    pub spec: &'a LaunchSpec,
    /// Only its name and its statements are asked for; nothing is called.
    pub backend: &'a dyn Backend,
    /// What its probe found.
    pub info: &'a BackendInfo,
    /// From the agent outward; empty means no network at all.
    pub proxies: &'a [Box<dyn Proxy>],
    /// In the user's order; what they declare with `after` comes first.
    pub provisioners: &'a [Box<dyn Provisioner>],
}

/// The way out as the agent of this plan sees it; `None` without a chain.
pub fn chain_view(plan: &LaunchPlan) -> Option<ChainView> {
    let first = plan.sidecars.iter().find(|hop| hop.position == 0)?;
    let host = plan.agent.hosts.first()?.name.clone();
    Some(ChainView {
        url: format!("http://{host}:{}", first.port),
        host,
        port: first.port,
        ends_tls: ends_tls(plan),
    })
}

/// Whether the session needs a CA: some hop is given its key.
pub(crate) fn ends_tls(plan: &LaunchPlan) -> bool {
    plan.sidecars
        .iter()
        .flat_map(|hop| &hop.container.files)
        .any(|file| {
            matches!(
                file.content,
                Content::Ca(CaPart::KeyAndCertificate | CaPart::Sec1Key)
            )
        })
}

/// What provisioners may know, the same while planning and while launching.
pub(crate) fn provision_context<'a>(
    session: &'a SessionId,
    spec: &'a LaunchSpec,
    policy: &'a bottle_api::EgressPolicy,
    chain: Option<&'a ChainView>,
) -> ProvisionContext<'a> {
    ProvisionContext::new(
        session,
        &spec.name.base,
        &spec.agent,
        &spec.user,
        &spec.workspace,
        policy,
    )
    .chain(chain)
}
