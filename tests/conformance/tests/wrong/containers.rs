//! Faults in what a container is.

use bottle_api::{
    Backend, BackendError, ContainerId, ContainerPlan, ContainerRequest, Mount, OpContext,
    async_trait,
};
use bottle_conformance::Layer;

use crate::{Wrong, ownership::create_as, wrong};

/// Creates something else than the plan.
#[derive(Debug)]
pub(crate) struct Changes(pub(crate) fn(&mut ContainerPlan));
#[async_trait]
impl Layer for Changes {
    async fn create_container(
        &self,
        next: &dyn Backend,
        request: &ContainerRequest<'_>,
        cx: &OpContext,
    ) -> Result<ContainerId, BackendError> {
        create_as(next, request, cx, self.0).await
    }
}

#[derive(Debug)]
struct DropsEmptyVariables;
#[async_trait]
impl Layer for DropsEmptyVariables {
    async fn create_container(
        &self,
        next: &dyn Backend,
        request: &ContainerRequest<'_>,
        cx: &OpContext,
    ) -> Result<ContainerId, BackendError> {
        use bottle_api::ExposeSecret as _;
        let mut env = request.env.to_vec();
        env.retain(|(_, value)| !value.expose_secret().is_empty());
        let changed = ContainerRequest::new(request.plan, request.name, request.image)
            .env(&env)
            .networks(request.networks)
            .hosts(request.hosts);
        next.create_container(&changed, cx).await
    }
}

fn every_mount(plan: &mut ContainerPlan, change: fn(&mut Mount)) {
    plan.mounts.iter_mut().for_each(change);
}

type Other = (
    &'static str,
    fn(&mut ContainerPlan),
    &'static [&'static str],
);

const PLANS: [Other; 13] = [
    (
        "ignores the entry point",
        |plan| plan.entrypoint = None,
        &["container::entry point and command are the plan's"],
    ),
    (
        "ignores the user",
        |plan| plan.user = None,
        &[
            "container::user and group are the plan's",
            "exec::without a user it is the container's",
            "guarantee::no_new_privs: a setuid program gains nothing",
        ],
    ),
    (
        "ignores the working directory",
        |plan| plan.workdir = None,
        &[
            "container::the working directory is the plan's",
            "exec::without a user it is the container's",
        ],
    ),
    (
        "ignores the host name",
        |plan| plan.hostname = "container".into(),
        &["container::the host name is the plan's"],
    ),
    (
        "ignores that the root is read-only",
        |plan| plan.hardening.read_only_rootfs = false,
        &["container::a read-only root file system takes nothing"],
    ),
    (
        "makes every root read-only",
        |plan| {
            plan.hardening.read_only_rootfs |= plan.owner.role.as_str() == "agent"
                && plan.mounts.is_empty()
                && plan.command.iter().any(|word| word.contains("/written"));
        },
        &["container::a writable root file system takes what it is given"],
    ),
    (
        "ignores the size of a tmpfs",
        |plan| {
            every_mount(plan, |mount| {
                if let Mount::Tmpfs { size, .. } = mount {
                    *size = u64::MAX;
                }
            });
        },
        &["container::a tmpfs has its size"],
    ),
    (
        "ignores the mode of a tmpfs",
        |plan| {
            every_mount(plan, |mount| {
                if let Mount::Tmpfs { mode, .. } = mount {
                    *mode = 0o755;
                }
            });
        },
        &["container::a tmpfs is writable and has its mode"],
    ),
    (
        "makes every bind mount writable",
        |plan| {
            every_mount(plan, |mount| {
                if let Mount::Bind { read_only, .. } = mount {
                    *read_only = false;
                }
            });
        },
        &["container::a read-only bind mount takes nothing"],
    ),
    (
        "makes every bind mount read-only",
        |plan| {
            every_mount(plan, |mount| {
                if let Mount::Bind { read_only, .. } = mount {
                    *read_only = true;
                }
            });
        },
        &["container::a bind mount is the host's folder"],
    ),
    (
        "keeps capabilities",
        |plan| plan.hardening.cap_add.push("NET_BIND_SERVICE".into()),
        &["container::all capabilities are dropped"],
    ),
    (
        "drops the plan's capabilities",
        |plan| plan.hardening.cap_add.clear(),
        &["container::the plan's capabilities are kept"],
    ),
    (
        "lets setuid programs gain",
        |plan| plan.hardening.no_new_privileges = false,
        &["guarantee::no_new_privs: a setuid program gains nothing"],
    ),
];

pub(crate) fn all() -> Vec<Wrong> {
    let mut all = vec![wrong(
        "drops empty variables",
        || DropsEmptyVariables,
        &["container::the environment is what was asked for"],
    )];
    let plans = PLANS.into_iter();
    all.extend(plans.map(|(fault, change, fails)| wrong(fault, move || Changes(change), fails)));
    all
}
