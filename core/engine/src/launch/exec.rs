//! A program in a container, run to its end.

use std::time::Duration;

use bottle_api::{
    Backend, BackendError, BackendErrorKind, ContainerId, ExecOutput, ExecRequest, Output, Process,
};
use futures_util::{StreamExt as _, future::join};
use tokio::io::AsyncWriteExt as _;

/// More output than this is cut: nobody reads it.
const OUTPUT_LIMIT: usize = 4 << 20;

/// Runs a program with `stdin` as its whole input.
pub(super) async fn run(
    backend: &dyn Backend,
    id: &ContainerId,
    request: &ExecRequest,
    stdin: &[u8],
    limit: Duration,
) -> Result<ExecOutput, BackendError> {
    let run = async {
        let process = backend.exec(id, request).await?;
        collect(process, stdin).await
    };
    tokio::time::timeout(limit, run).await.unwrap_or_else(|_| {
        let program = request.argv.first().map_or("", String::as_str);
        Err(BackendError::new(
            BackendErrorKind::Timeout,
            "exec",
            format!("`{program}` did not end within {} s", limit.as_secs()),
        ))
    })
}

async fn collect(process: Process, stdin: &[u8]) -> Result<ExecOutput, BackendError> {
    let Process {
        stdin: pipe,
        mut output,
        control,
    } = process;
    // Side by side: a program may write before it has read everything.
    let feed = async move {
        if let Some(mut pipe) = pipe {
            // It may end without reading; its status tells.
            let _ = pipe.write_all(stdin).await;
            let _ = pipe.shutdown().await;
        }
    };
    let read = async {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        while let Some(part) = output.next().await {
            let (kept, bytes) = match part? {
                Output::Stdout(bytes) => (&mut stdout, bytes),
                Output::Stderr(bytes) => (&mut stderr, bytes),
            };
            let room = OUTPUT_LIMIT.saturating_sub(kept.len());
            kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
        Ok::<_, BackendError>((stdout, stderr))
    };
    let ((), read) = join(feed, read).await;
    let (stdout, stderr) = read?;
    Ok(ExecOutput {
        status: control.wait().await?,
        stdout,
        stderr,
    })
}
