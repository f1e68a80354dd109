//! Readiness, proven through the chain.

use std::time::Duration;

use bottle_api::{
    BackendError, ContainerId, ExecOutput, ExecRequest, ExitStatus, LogRequest, Phase, ReadyCheck,
};
use futures_util::{
    FutureExt as _, StreamExt as _,
    future::{join_all, select_all},
};

use super::{
    LaunchError,
    attempt::{Failed, Step, quietly},
    exec,
    follow::LAST_LINES,
    hop::Hop,
    run::Run,
};

/// First pause between two checks that said no; it doubles up to the second.
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// For questions that are asked only to explain a failure.
const ASK_LIMIT: Duration = Duration::from_secs(5);

/// Why a check did not succeed.
enum Refusal {
    Backend(BackendError),
    Said(String),
}

impl Run<'_> {
    /// Proves that the chain works. A hop's check covers the hops behind it where the next one
    /// answers for them, so the checks of the first hops suffice, down to the first one that
    /// is more than "it runs" and has such a hop, or none, behind it.
    pub(super) async fn ready(&self, hops: &[Hop]) -> Step<()> {
        if hops.is_empty() {
            return Ok(());
        }
        let _phase = self.phases.enter(Phase::Ready);
        let mut inward: Vec<&Hop> = hops.iter().collect();
        inward.sort_by_key(|hop| hop.position);
        let covers = |at: &usize| {
            matches!(inward[*at].ready, ReadyCheck::Exec { .. })
                && inward.get(at + 1).is_none_or(|next| next.health)
        };
        let enough = (0..inward.len())
            .find(covers)
            .map_or(inward.len(), |at| at + 1);
        let (mut checks, mut deaths) = (Vec::new(), Vec::new());
        for hop in &inward[..enough] {
            checks.push(async { (*hop, self.check(hop).await) }.boxed());
        }
        for hop in hops {
            deaths.push(async move { (hop, hop.log.ended().await) }.boxed());
        }
        let waited = self.attempt.wait(async {
            tokio::select! {
                biased;
                ((hop, status), ..) = select_all(deaths) => Err((hop, Refusal::Said(ended(status)))),
                answers = join_all(checks) => answers
                    .into_iter()
                    .find_map(|(hop, answer)| answer.err().map(|refusal| (hop, refusal)))
                    .map_or(Ok(()), Err),
            }
        });
        match waited.await? {
            Ok(()) => Ok(()),
            Err((hop, refusal)) => Err(self.not_ready(hops, hop, refusal).await),
        }
    }

    async fn check(&self, hop: &Hop) -> Result<(), Refusal> {
        let ReadyCheck::Exec { argv, timeout } = &hop.ready else {
            let state = self.launcher.backend.inspect(&hop.id).await;
            return match state.map_err(Refusal::Backend)? {
                state if state.running => Ok(()),
                state => Err(Refusal::Said(ended(state.exit.unwrap_or(ExitStatus(-1))))),
            };
        };
        let request = ExecRequest::new(argv);
        let (mut last, mut pause) = (String::from("no answer"), PAUSE);
        let asking = async {
            loop {
                let output = self.ask(&hop.id, &request, *timeout).await?;
                if output.status.success() {
                    return Ok(());
                }
                last = last_line(&output);
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        };
        match tokio::time::timeout(*timeout, asking).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Refusal::Backend(error)),
            Err(_) => Err(Refusal::Said(format!(
                "not ready after {} s: {last}",
                timeout.as_secs_f32()
            ))),
        }
    }

    async fn ask(
        &self,
        id: &ContainerId,
        request: &ExecRequest,
        limit: Duration,
    ) -> Result<ExecOutput, BackendError> {
        exec::run(self.launcher.backend.as_ref(), id, request, &[], limit).await
    }

    /// Finds out which hop is to blame: one that has ended, else one behind that says no for
    /// itself, else the one whose check failed.
    async fn not_ready(&self, hops: &[Hop], asked: &Hop, refusal: Refusal) -> Failed {
        let blamed = quietly(2 * ASK_LIMIT, self.culprit(hops, asked))
            .await
            .flatten();
        let (hop, reason) = match (blamed, refusal) {
            (Some(blamed), _) => blamed,
            (None, Refusal::Said(reason)) => (asked, reason),
            (None, Refusal::Backend(source)) => {
                let phase = Phase::Ready;
                return self.attempt.fail(LaunchError::Backend { phase, source });
            }
        };
        let logs = quietly(ASK_LIMIT, self.last_words(hop)).await;
        self.attempt.fail(LaunchError::NotReady {
            role: hop.role.clone(),
            reason,
            logs: logs.flatten().unwrap_or_else(|| hop.log.last()),
        })
    }

    async fn culprit<'b>(&self, hops: &'b [Hop], asked: &Hop) -> Option<(&'b Hop, String)> {
        for hop in hops {
            if let Ok(state) = self.launcher.backend.inspect(&hop.id).await
                && !state.running
            {
                return Some((hop, ended(state.exit.unwrap_or(ExitStatus(-1)))));
            }
        }
        for hop in hops.iter().filter(|hop| hop.position > asked.position) {
            if let ReadyCheck::Exec { argv, .. } = &hop.ready {
                let request = ExecRequest::new(argv);
                match self.ask(&hop.id, &request, ASK_LIMIT).await {
                    Ok(output) if !output.status.success() => {
                        return Some((hop, last_line(&output)));
                    }
                    _ => {}
                }
            }
        }
        None
    }

    async fn last_words(&self, hop: &Hop) -> Option<Vec<String>> {
        let request = LogRequest {
            follow: false,
            tail: Some(LAST_LINES),
        };
        let lines = self.launcher.backend.logs(&hop.id, request).await.ok()?;
        let lines: Vec<_> = lines.collect().await;
        let lines: Vec<_> = lines.into_iter().filter_map(Result::ok).collect();
        (!lines.is_empty()).then_some(lines)
    }
}

fn ended(status: ExitStatus) -> String {
    match status {
        ExitStatus(-1) => "it is gone".to_owned(),
        ExitStatus(status) => format!("it ended with status {status}"),
    }
}

/// The last line a program wrote.
fn last_line(output: &ExecOutput) -> String {
    [&output.stderr, &output.stdout]
        .into_iter()
        .find_map(|bytes| {
            let text = String::from_utf8_lossy(bytes);
            let line = text.lines().map(str::trim).rfind(|line| !line.is_empty());
            line.map(str::to_owned)
        })
        .unwrap_or_else(|| format!("its check ended with status {}", output.status.0))
}
