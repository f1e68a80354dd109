//! Programs on the host: before anything is created, and to undo that.

use std::{process::Stdio, time::Duration};

use bottle_api::{HostStep, Phase};
use tokio::process::Command;

use super::{LaunchError, attempt::Step, owned::Owned, run::Run};
use crate::teardown::Stage;

/// A clone of a big repository takes its time.
const LIMIT: Duration = Duration::from_mins(15);
/// Removing one does not.
const UNDO_LIMIT: Duration = Duration::from_mins(1);

impl Run<'_> {
    pub(super) async fn host_steps(&self) -> Step<()> {
        if self.plan.host_steps.is_empty() {
            return Ok(());
        }
        let _phase = self.phases.enter(Phase::Preflight);
        for step in &self.plan.host_steps {
            self.arm_host_undo(step);
            self.events.progress(step.label.clone(), "");
            let done = tokio::time::timeout(LIMIT, run(&step.argv));
            let why = match self.attempt.wait(done).await? {
                Ok(Ok(())) => continue,
                Ok(Err(why)) => why,
                Err(_) => format!("no end after {} s", LIMIT.as_secs()),
            };
            let label = step.label.clone();
            return Err(self.attempt.fail(LaunchError::HostStep { label, why }));
        }
        Ok(())
    }
}

impl Owned<'_> {
    /// Arms the undoing of a host step, if there is any.
    pub(super) fn arm_host_undo(&self, step: &HostStep) {
        if let Some(argv) = step.undo.clone() {
            let label = format!("undo {}", step.label);
            self.teardown
                .arm(Stage::Host, label, UNDO_LIMIT, async move {
                    run(&argv).await.map_err(Into::into)
                });
        }
    }
}

/// Undoes the host steps of a dead session; tells what failed.
pub(crate) async fn undo_all(steps: &[HostStep]) -> Vec<String> {
    let mut failed = Vec::new();
    for step in steps.iter().rev() {
        let Some(argv) = &step.undo else { continue };
        let why = match tokio::time::timeout(UNDO_LIMIT, run(argv)).await {
            Ok(Ok(())) => continue,
            Ok(Err(why)) => why,
            Err(_) => format!("no end after {} s", UNDO_LIMIT.as_secs()),
        };
        failed.push(format!("undo {}: {why}", step.label));
    }
    failed
}

/// Runs a program to its end; what it complained about is the error.
async fn run(argv: &[String]) -> Result<(), String> {
    let (program, arguments) = argv.split_first().ok_or("the command is empty")?;
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| format!("`{program}` cannot be run: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let mut last: Vec<&str> = text.lines().rev().take(5).collect();
    last.reverse();
    Err(format!(
        "`{program}` ended with {}: {}",
        output.status,
        last.join("; ")
    ))
}
