//! The agent's command, held back until every provisioner has been applied.
//!
//! Only when some provisioner has programs to run inside; otherwise the agent's command is the
//! container's main process from the start.

use bottle_api::{ContainerPlan, ExecRequest};

/// Made inside, because gVisor does not see files that are put in from outside after the start.
const GATE: &str = "/tmp/.bottle-go";

/// Wraps the container's command.
pub(super) fn wrap(container: &mut ContainerPlan) {
    let script = format!("while [ ! -e {GATE} ]; do sleep 0.1; done; rm -f {GATE}; exec \"$@\"");
    let mut command = vec!["-c".to_owned(), script, "bottle".to_owned()];
    command.append(&mut container.command);
    container.command = command;
    container.entrypoint = Some(vec!["/bin/sh".to_owned()]);
}

/// Lets the agent's command begin.
pub(crate) fn release() -> ExecRequest {
    ExecRequest::new(["/bin/sh", "-c", &format!(": > {GATE}")])
}
