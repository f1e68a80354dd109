//! The choice of the agent's OCI runtime.

use bottle_api::RuntimeChoice;

use super::{PlanError, PlanInput};

/// Taken when it is there and nothing else is asked for: a kernel of its own for the agent.
const PREFERRED: &str = "runsc";

/// The runtime's name, as the engine knows it.
pub(super) fn choose(input: &PlanInput<'_>) -> Result<String, PlanError> {
    let info = input.info;
    let chosen = match &input.spec.runtime {
        RuntimeChoice::Auto if info.runtimes.contains(PREFERRED) => PREFERRED,
        RuntimeChoice::Auto => &info.default_runtime,
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
    let install = if name == PREFERRED {
        "install it (on Debian: `apt-get install runsc`), add it to the runtimes in the engine's \
         configuration, and reload the engine; "
    } else {
        "add it to the runtimes in the engine's configuration and reload the engine; "
    };
    PlanError::conflict(
        format!("{} does not know the runtime `{name}`", input.info.engine),
        format!("{install}or choose one of {}, or `auto`", known.join(", ")),
    )
}
