//! The choice of the agent's OCI runtime.

use bottle_api::RuntimeChoice;

use super::{PlanError, PlanInput};

/// The runtime's name, as the engine knows it.
pub(super) fn choose(input: &PlanInput<'_>) -> Result<String, PlanError> {
    let info = input.info;
    let chosen = match &input.spec.runtime {
        RuntimeChoice::Auto => info.auto_runtime(),
        RuntimeChoice::Named(name) if info.runtimes.contains(name) => name,
        RuntimeChoice::Named(name) => return Err(missing(input, name)),
    };
    if let Some(pids) = input.spec.limits.pids
        && let Some(least) = info.min_pids.get(chosen)
        && pids < *least
    {
        return Err(PlanError::conflict(
            format!("`pids = {pids}` is too small for runtime `{chosen}`, whose own threads count"),
            format!("set `[limits] pids` to {least} at least, or choose another `runtime`"),
        ));
    }
    Ok(chosen.to_owned())
}

fn missing(input: &PlanInput<'_>, name: &str) -> PlanError {
    let known: Vec<_> = input
        .info
        .runtimes
        .iter()
        .map(|r| format!("`{r}`"))
        .collect();
    let preferred = input.info.preferred_runtime.as_ref();
    let install = preferred.filter(|one| one.name == name).map_or(
        "add it to the runtimes in the engine's configuration and reload the engine",
        |one| &one.install,
    );
    PlanError::conflict(
        format!("{} does not know the runtime `{name}`", input.info.engine),
        format!(
            "{install}; or choose one of {}, or `auto`",
            known.join(", ")
        ),
    )
}
