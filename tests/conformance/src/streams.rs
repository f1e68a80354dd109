//! Reading and writing the streams of programs.

use std::time::Duration;

use bottle_api::{BoxStream, ExitStatus, Output as Piece, Process};
use futures_util::StreamExt as _;
use tokio::io::AsyncWriteExt as _;

use crate::{Checked, Miss};

/// Nothing that a suite waits for takes that long.
const PATIENCE: Duration = Duration::from_secs(20);

/// A program that ran to its end.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}
impl Output {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
    pub(crate) fn errors(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

/// Waits, but not forever.
pub(crate) async fn soon<T>(what: &str, wait: impl Future<Output = T>) -> Checked<T> {
    let waited = tokio::time::timeout(PATIENCE, wait).await;
    waited.map_err(|_| Miss::broken(format!("{what}: not within {PATIENCE:?}")))
}

/// Reads everything a program writes, then how it ended.
pub(crate) async fn collect(process: Process) -> Checked<Output> {
    let Process {
        stdin,
        mut output,
        control,
    } = process;
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    soon("the output's end", async {
        while let Some(piece) = output.next().await {
            match piece? {
                Piece::Stdout(bytes) => stdout.extend_from_slice(&bytes),
                Piece::Stderr(bytes) => stderr.extend_from_slice(&bytes),
            }
        }
        Ok::<_, Miss>(())
    })
    .await??;
    drop(stdin);
    let status = soon("the program's end", control.wait()).await??;
    Ok(Output {
        status,
        stdout,
        stderr,
    })
}

/// What has come so far of standard output and standard error.
#[derive(Clone, Debug, Default)]
pub(crate) struct SoFar {
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Reads until this text has come on standard output, and returns all that came.
pub(crate) async fn until(process: &mut Process, wanted: &str) -> Checked<SoFar> {
    let mut so_far = SoFar::default();
    let what = format!("`{wanted}` of the program");
    let found = soon(&what, async {
        while let Some(piece) = process.output.next().await {
            let (to, bytes) = match piece? {
                Piece::Stdout(bytes) => (&mut so_far.out, bytes),
                Piece::Stderr(bytes) => (&mut so_far.err, bytes),
            };
            to.push_str(&String::from_utf8_lossy(&bytes));
            if so_far.out.contains(wanted) {
                return Ok::<_, Miss>(true);
            }
        }
        Ok(false)
    });
    if found.await?? {
        return Ok(so_far);
    }
    Err(Miss::broken(format!(
        "the output ends without `{wanted}`: {so_far:?}"
    )))
}

/// Types something.
pub(crate) async fn write(process: &mut Process, bytes: &[u8]) -> Checked {
    let Some(stdin) = process.stdin.as_mut() else {
        return Err(Miss::broken(
            "standard input was asked for and is not there",
        ));
    };
    stdin.write_all(bytes).await?;
    stdin.flush().await?;
    Ok(())
}
/// Ends standard input.
pub(crate) async fn shut(process: &mut Process) -> Checked {
    if let Some(stdin) = process.stdin.as_mut() {
        stdin.shutdown().await?;
    }
    Ok(())
}

/// All lines of a log that ends.
pub(crate) async fn lines(mut log: BoxStream<String>) -> Checked<Vec<String>> {
    let mut all = Vec::new();
    soon("the log's end", async {
        while let Some(line) = log.next().await {
            all.push(line?);
        }
        Ok::<_, Miss>(())
    })
    .await??;
    Ok(all)
}
/// Follows a log until this line.
pub(crate) async fn until_line(mut log: BoxStream<String>, wanted: &str) -> Checked {
    let what = format!("`{wanted}` in the log");
    let found = soon(&what, async {
        while let Some(line) = log.next().await {
            if line? == wanted {
                return Ok::<_, Miss>(true);
            }
        }
        Ok(false)
    });
    if found.await?? {
        return Ok(());
    }
    Err(Miss::broken(format!("the log ends without `{wanted}`")))
}
