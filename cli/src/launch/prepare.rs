//! From flags and files to a plan. Nothing is created.

use std::sync::Arc;

use bottle_api::{
    Backend, BackendInfo, EnvValue, LaunchPlan, LaunchSpec, Provisioner, Proxy, Stdio,
};
use bottle_config::{Config, SpecRequest};
use bottle_engine::{AddressPool, Parts, PlanInput, SessionStore, new_session_id, plan};

use super::{Found, choose};
use crate::{args::LaunchArgs, context::Context, output::Failure, terminal};

/// A launch that could begin.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// What was read.
    pub(crate) config: Config,
    /// What was asked for.
    pub(crate) spec: LaunchSpec,
    /// Who runs it.
    pub(crate) backend: Arc<dyn Backend>,
    /// What that one said.
    pub(crate) info: BackendInfo,
    /// From the agent outward.
    pub(crate) proxies: Vec<Box<dyn Proxy>>,
    /// In the configured order.
    pub(crate) provisioners: Vec<Box<dyn Provisioner>>,
    /// The journal.
    pub(crate) store: SessionStore,
    /// What would be done.
    pub(crate) plan: LaunchPlan,
}

/// Reads, chooses and plans.
pub(crate) async fn prepare(
    cx: &Context,
    args: &LaunchArgs,
    stdio: Stdio,
) -> Result<Prepared, Failure> {
    prepare_with(cx, args, stdio, |_| {}).await
}

/// The same, with a last change of what was asked for.
pub(crate) async fn prepare_with(
    cx: &Context,
    args: &LaunchArgs,
    stdio: Stdio,
    adjust: impl FnOnce(&mut LaunchSpec),
) -> Result<Prepared, Failure> {
    let config = cx.config(args.flags())?;
    let mut spec = config.spec(&SpecRequest {
        args: args.args.clone(),
        stdio,
    })?;
    if stdio.tty {
        // The agent's terminal is ours: it may know what ours can do.
        for (name, value) in terminal::variables() {
            let entry = spec.env.entry(name.to_owned());
            entry.or_insert(EnvValue::Literal(value));
        }
    }
    adjust(&mut spec);
    for warning in config.warnings(&spec) {
        cx.printer.diagnostic(&warning);
    }
    let Found { backend, info } = choose(cx, &config).await?;
    let proxies = config.build_proxies(&cx.registry)?;
    let provisioners = config.build_provisioners(&cx.registry)?;
    let store = Context::store()?;
    let plan = plan(&PlanInput {
        session: &new_session_id(),
        instance: store.instance(),
        spec: &spec,
        backend: &*backend,
        info: &info,
        proxies: &proxies,
        provisioners: &provisioners,
    })?;
    Ok(Prepared {
        config,
        spec,
        backend,
        info,
        proxies,
        provisioners,
        store,
        plan,
    })
}

impl Prepared {
    /// The range that addresses are taken from.
    pub(crate) fn pool(&self) -> Result<AddressPool, Failure> {
        Ok(AddressPool::new((**self.config.network_pool()).into())?)
    }

    /// What the launcher needs besides the plan.
    pub(crate) fn parts(&mut self, cx: &Context, attach: bool) -> Parts {
        let proxies = std::mem::take(&mut self.proxies);
        let provisioners = std::mem::take(&mut self.provisioners);
        Parts::new(self.spec.clone(), proxies, provisioners)
            .attach(attach)
            .backend_table(Some(self.config.backend_toml(self.backend.name())))
            .stop(cx.stop.clone())
    }
}
