//! Files of a running container whose kernel keeps them to itself, by way of a `tar` inside. It
//! runs with no more rights than the owner of the files: what it is, the container decides.

use bottle_api::{BackendError, BackendErrorKind, ExecOutput, ExecRequest, ExitStatus, Output};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::{io::AsyncWriteExt, time::timeout};

use crate::{
    Attempt,
    files::Files,
    split::{END, Piece},
};

/// Unpacks, as each owner what belongs to it.
pub(crate) async fn put(
    files: &impl Files,
    attempt: &Attempt<'_>,
    pieces: Vec<Piece>,
) -> Result<(), BackendError> {
    // One run an owner, in the order in which the owners first come: folders before their files.
    let mut runs: Vec<((u64, u64), Vec<u8>)> = Vec::new();
    for piece in pieces {
        match runs.iter_mut().find(|(owner, _)| *owner == piece.owner) {
            Some((_, bytes)) => bytes.extend(piece.bytes),
            None => runs.push((piece.owner, piece.bytes)),
        }
    }
    for ((uid, gid), mut bytes) in runs {
        bytes.extend(END);
        let mut request =
            ExecRequest::new(["tar", "-xpf", "-", "-C", "/"]).user(format!("{uid}:{gid}"));
        request.stdin = true;
        let output = run(files, attempt, request, bytes).await?;
        done(attempt, &output)?;
    }
    Ok(())
}

/// Packs, as the container's user.
pub(crate) async fn get(
    files: &impl Files,
    attempt: &Attempt<'_>,
    path: &str,
) -> Result<Bytes, BackendError> {
    let path = path.trim_end_matches('/');
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let folder = if folder.is_empty() { "/" } else { folder };
    let name = if name.is_empty() { "." } else { name };
    // Not `--`: not every `tar` knows it. A name cannot be taken for an option behind `./`.
    let name = format!("./{name}");
    let request = ExecRequest::new(["tar", "-cf", "-", "-C", folder, &name]);
    let output = run(files, attempt, request, vec![]).await?;
    done(attempt, &output)?;
    renamed(&output.stdout)
        .map_err(|error| attempt.error(BackendErrorKind::Other, &error.to_string()))
}

async fn run(
    files: &impl Files,
    attempt: &Attempt<'_>,
    request: ExecRequest,
    input: Vec<u8>,
) -> Result<ExecOutput, BackendError> {
    let running = async {
        let mut process = files.exec(&request).await?;
        let stdin = process.stdin.take();
        let writing = async move {
            if let Some(mut stdin) = stdin {
                // A `tar` that gives up says why.
                let _ = stdin.write_all(&input).await;
                let _ = stdin.shutdown().await;
            }
        };
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let reading = async {
            while let Some(piece) = process.output.next().await {
                match piece? {
                    Output::Stdout(bytes) => stdout.extend_from_slice(&bytes),
                    Output::Stderr(bytes) => stderr.extend_from_slice(&bytes),
                }
            }
            Ok::<_, BackendError>(())
        };
        let ((), read) = tokio::join!(writing, reading);
        read?;
        let status = process.control.wait().await?;
        Ok(ExecOutput {
            status,
            stdout,
            stderr,
        })
    };
    timeout(files.patience(), running)
        .await
        .map_err(|_| attempt.timeout(files.patience()))?
}

fn done(attempt: &Attempt<'_>, output: &ExecOutput) -> Result<(), BackendError> {
    if output.status.success() {
        return Ok(());
    }
    let said = [
        output.stderr.as_slice(),
        &output.stdout[..output.stdout.len().min(500)],
    ]
    .concat();
    let said = String::from_utf8_lossy(&said);
    if matches!(output.status, ExitStatus(126..=128)) {
        return Err(attempt
            .error(
                BackendErrorKind::Unsupported,
                &format!(
                    "a running container that keeps its files to itself (under gVisor, or \
                     read-only) needs a `tar` inside: {said}"
                ),
            )
            .with_hint("put the files before the start, or into a volume"));
    }
    let kind = if said.contains("No such file") || said.contains("Cannot chdir") {
        BackendErrorKind::NotFound
    } else {
        BackendErrorKind::Other
    };
    Err(attempt.error(kind, &format!("`tar` inside failed: {said}")))
}

/// Takes the `./` off the names again.
fn renamed(archive: &[u8]) -> std::io::Result<Bytes> {
    let mut out = tar::Builder::new(Vec::new());
    let mut reader = tar::Archive::new(archive);
    for entry in reader.entries()? {
        let mut entry = entry?;
        let path = entry.path()?;
        let path = path.strip_prefix("./").unwrap_or(&path).to_owned();
        let mut header = entry.header().clone();
        match entry.link_name()? {
            Some(target) => {
                let target = target.into_owned();
                out.append_link(&mut header, path, target)?;
            }
            None => out.append_data(&mut header, path, &mut entry)?,
        }
    }
    Ok(out.into_inner()?.into())
}
