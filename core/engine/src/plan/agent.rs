//! The agent's container: what the user, the agent and the provisioners want of it.

use bottle_api::{
    AgentPatch, Attachment, ChainView, ContainerPlan, Derive, EnvValue, HostStep, Limits, Mount,
    ProvisionContext, Provisioner, Role,
};

use super::{
    PlanError, PlanInput,
    chain::Hop,
    input::provision_context,
    merge::Merged,
    planner::owner,
    policy::Delivered,
    shim,
    sidecar::{CLIENT, host_entry},
};
use crate::names::{container_name, slug};

/// Size of `/tmp`; it counts against the memory limit.
const TMP_SIZE: u64 = 1 << 30;

/// The agent's part of the plan.
pub(super) struct AgentPart {
    pub(super) container: ContainerPlan,
    pub(super) host_steps: Vec<HostStep>,
}

/// Puts the container together.
pub(super) fn container(
    input: &PlanInput<'_>,
    runtime: &str,
    hops: &[Hop],
    provisioners: &[&dyn Provisioner],
    delivered: &mut Delivered,
) -> Result<AgentPart, PlanError> {
    let spec = input.spec;
    let view = view(hops);
    let policy = delivered.policy.clone();
    let context = provision_context(input.session, spec, &policy, view.as_ref());
    let mut merged = Merged::default();
    own_wishes(input, &context, &mut merged)?;
    let patched = patches(&context, provisioners, &mut merged)?;
    secrets(input, &context, delivered, &mut merged)?;
    for mount in &spec.mounts {
        merged.mount(mount.clone(), "`[[mount]]`")?;
    }
    if !merged.has_mount("/tmp") {
        let tmp = Mount::Tmpfs {
            target: "/tmp".to_owned(),
            size: TMP_SIZE,
            mode: 0o1777,
        };
        merged.mount(tmp, "`bottle`")?;
    }
    merged.check_files()?;

    let mut image = spec.agent.image.clone();
    if let Some((derive, by)) = patched.derive {
        if image.derive.is_some() {
            return Err(derived_twice(&format!("agent `{}`", spec.agent.name), &by));
        }
        image.derive = Some(derive);
    }
    let mut container = ContainerPlan::new(
        owner(input, Role::agent()),
        container_name(&spec.name.base),
        image,
    );
    container.env = merged.env_with(&spec.env);
    container.files = merged.file_plans;
    container.mounts = merged.mount_plans;
    container.command = command(input, patched.args);
    // A command names the whole program: an entry point of the image must not swallow it.
    container.entrypoint = (!spec.agent.command.is_empty()).then(Vec::new);
    container.user = Some(format!("{}:{}", spec.user.uid, spec.user.gid));
    container.workdir = patched.workdir.or_else(|| Some(spec.user.home.clone()));
    container.hostname = slug(&spec.name.base);
    container.runtime = Some(runtime.to_owned());
    container.limits = limits(input);
    container.stdio = spec.stdio;
    if let Some(first) = hops.first() {
        container.hosts = vec![host_entry(first)];
        container.networks = vec![Attachment {
            network: Role::link(0),
            host: CLIENT,
        }];
    }
    if provisioners.iter().any(|p| p.applies(&context)) {
        hold_back(input, &mut container)?;
    }
    Ok(AgentPart {
        container,
        host_steps: patched.host_steps,
    })
}

/// What the user set; without a word about CPUs, all that the engine's machine has.
pub(super) fn limits(input: &PlanInput<'_>) -> Limits {
    let mut limits = input.spec.limits.clone();
    let whole = input.info.cpus.filter(|cpus| *cpus > 0);
    let all = whole.map(|cpus| cpus.saturating_mul(1000));
    limits.milli_cpus = limits.milli_cpus.or(all);
    limits
}

/// The way out, as the agent sees it.
fn view(hops: &[Hop]) -> Option<ChainView> {
    let first = hops.first()?;
    Some(ChainView {
        url: format!("http://{}:{}", first.host, first.plan.port),
        host: first.host.clone(),
        port: first.plan.port,
        ends_tls: hops.iter().any(|hop| hop.plan.ends_tls),
    })
}

/// What every container has, and what the agent's preset wants.
fn own_wishes(
    input: &PlanInput<'_>,
    context: &ProvisionContext<'_>,
    merged: &mut Merged,
) -> Result<(), PlanError> {
    let spec = input.spec;
    let by = format!("agent `{}`", spec.agent.name);
    for (name, value) in [("HOME", &spec.user.home), ("USER", &spec.user.name)] {
        merged.env(name, EnvValue::Literal(value.clone()), &by)?;
    }
    for (name, value) in &spec.agent.env {
        merged.env(name, value.clone(), &by)?;
    }
    for file in &spec.agent.files {
        let mut file = file.clone();
        file.path = context.expand_home(&file.path);
        (file.uid, file.gid) = (spec.user.uid, spec.user.gid);
        merged.file(file, &by)?;
    }
    Ok(())
}

/// What provisioners add that is not env, file or mount.
#[derive(Default)]
struct Patched {
    derive: Option<(Derive, String)>,
    workdir: Option<String>,
    host_steps: Vec<HostStep>,
    args: Vec<String>,
}

fn patches(
    context: &ProvisionContext<'_>,
    provisioners: &[&dyn Provisioner],
    merged: &mut Merged,
) -> Result<Patched, PlanError> {
    let mut patched = Patched::default();
    for provisioner in provisioners {
        let by = format!("provisioner `{}`", provisioner.name());
        let patch = provisioner
            .patch(context)
            .map_err(|source| PlanError::Plugin {
                kind: "provisioner",
                name: provisioner.name().to_owned(),
                source: Box::new(source),
            })?;
        add(patch, &by, merged, &mut patched)?;
    }
    Ok(patched)
}

fn add(
    patch: AgentPatch,
    by: &str,
    merged: &mut Merged,
    patched: &mut Patched,
) -> Result<(), PlanError> {
    for (name, value) in patch.env {
        merged.env(&name, value, by)?;
    }
    for file in patch.files {
        merged.file(file, by)?;
    }
    for mount in patch.mounts {
        merged.mount(mount, by)?;
    }
    if let Some(derive) = patch.derive {
        if let Some((_, other)) = &patched.derive {
            return Err(derived_twice(other, by));
        }
        patched.derive = Some((derive, by.to_owned()));
    }
    patched.workdir = patch.workdir.or(patched.workdir.take());
    patched.host_steps.extend(patch.host_steps);
    patched.args.extend(patch.args);
    Ok(())
}

fn derived_twice(one: &str, other: &str) -> PlanError {
    PlanError::conflict(
        format!("{one} and {other} both bake a folder into the image"),
        "choose another workspace mode, or drop one of the two",
    )
}

/// Placeholders, and secrets that were granted.
fn secrets(
    input: &PlanInput<'_>,
    context: &ProvisionContext<'_>,
    delivered: &mut Delivered,
    merged: &mut Merged,
) -> Result<(), PlanError> {
    for (name, value, by) in delivered.env.drain(..) {
        if input.spec.env.contains_key(&name) {
            return Err(PlanError::conflict(
                format!("`[env]` and {by} both set `{name}`"),
                "drop one of the two",
            ));
        }
        merged.env(&name, value, &by)?;
    }
    for (mut file, by) in delivered.files.drain(..) {
        file.path = context.expand_home(&file.path);
        merged.file(file, &by)?;
    }
    Ok(())
}

/// The agent's command, the provisioners' arguments, the user's.
fn command(input: &PlanInput<'_>, args: Vec<String>) -> Vec<String> {
    let spec = input.spec;
    if spec.agent.replace_command && !spec.args.is_empty() {
        return spec.args.clone();
    }
    let mut command = spec.agent.command.clone();
    command.extend(args);
    command.extend(spec.args.clone());
    command
}

fn hold_back(input: &PlanInput<'_>, container: &mut ContainerPlan) -> Result<(), PlanError> {
    if container.command.is_empty() {
        return Err(PlanError::conflict(
            format!(
                "agent `{}` leaves its command to its image, but a provisioner has to run before it",
                input.spec.agent.name
            ),
            format!("set `command` in `[agent.{}]`", input.spec.agent.name),
        ));
    }
    shim::wrap(container);
    Ok(())
}
