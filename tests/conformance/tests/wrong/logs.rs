//! Faults in logs.

use bottle_api::{Backend, BackendError, BoxStream, ContainerId, LogRequest, async_trait};
use bottle_conformance::Layer;
use futures_util::{StreamExt as _, stream};

use crate::{Wrong, wrong};

/// Logs that are told differently.
#[derive(Debug, Default)]
struct Logs {
    request: Option<fn(&mut LogRequest)>,
    lines: Option<fn(String) -> Vec<String>>,
    endless: bool,
}
#[async_trait]
impl Layer for Logs {
    async fn logs(
        &self,
        next: &dyn Backend,
        id: &ContainerId,
        request: LogRequest,
    ) -> Result<BoxStream<String>, BackendError> {
        let mut changed = request;
        if let Some(change) = self.request {
            change(&mut changed);
        }
        let mut log = next.logs(id, changed).await?;
        if let Some(lines) = self.lines {
            log = Box::pin(log.flat_map(move |line| {
                let all = match line {
                    Ok(line) => lines(line).into_iter().map(Ok).collect(),
                    Err(error) => vec![Err(error)],
                };
                stream::iter(all)
            }));
        }
        if self.endless && request.follow {
            log = Box::pin(log.chain(stream::pending()));
        }
        Ok(log)
    }
}

pub(crate) fn all() -> Vec<Wrong> {
    vec![
        wrong(
            "cuts long lines of the log",
            || Logs {
                lines: Some(|line| {
                    let pieces = line.as_bytes().chunks(16384);
                    let text = |piece: &[u8]| String::from_utf8_lossy(piece).into_owned();
                    if line.is_empty() {
                        vec![line]
                    } else {
                        pieces.map(text).collect()
                    }
                }),
                ..Logs::default()
            },
            &["logs::a long line is one line"],
        ),
        wrong(
            "keeps line ends in the log",
            || Logs {
                lines: Some(|line| {
                    let ends = ["three", "line 4", "line 5", "end"];
                    vec![if ends.contains(&line.as_str()) {
                        format!("{line}\n")
                    } else {
                        line
                    }]
                }),
                ..Logs::default()
            },
            &[
                "logs::line by line, without line ends, both outputs in order",
                "logs::on a terminal too",
                "logs::only the last so many",
                "logs::following delivers new lines and ends with the container",
                "logs::a long line is one line",
            ],
        ),
        wrong(
            "tells the whole log, not its end",
            || Logs {
                request: Some(|it| it.tail = None),
                ..Logs::default()
            },
            &["logs::only the last so many"],
        ),
        wrong(
            "follows the log when it is not to",
            || Logs {
                request: Some(|it| it.follow = true),
                ..Logs::default()
            },
            &["logs::not following ends while the container runs"],
        ),
        wrong(
            "never ends a log that is followed",
            || Logs {
                endless: true,
                ..Logs::default()
            },
            &["logs::following delivers new lines and ends with the container"],
        ),
    ]
}
