//! Files in and out of a container, as tar archives, by the way that is open.

use std::time::Duration;

use bottle_api::{BackendError, BackendErrorKind, ExecRequest, Process, async_trait};
use bytes::Bytes;

use crate::{
    Attempt, inside,
    split::{self, Split},
};

/// What an engine cannot do by itself with the files of a container; a program inside does it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Seal {
    /// Nothing.
    #[default]
    Open,
    /// A kernel of its own holds the root file system while it runs: the engine neither sees what
    /// changes inside, nor does the inside see what the engine changes. Mounts are shared.
    Root,
    /// The engine may be unable to write into mounts, but reads them.
    Mounts,
    /// Both: neither root nor mounts are seen.
    All,
}

/// What decides about the way files take.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// The engine writes nothing at `/`, not even into volumes below it.
    pub read_only: bool,
    /// What is unpacked at `/` reaches the mounts below it.
    pub writes_through: bool,
    /// What must be done inside.
    pub seal: Seal,
    /// Mounts that can be written to.
    pub mounts: Vec<String>,
}

/// A container's files, as its engine gives them.
#[async_trait]
pub trait Files: Sync {
    /// Unpacks an archive at a path.
    async fn upload(&self, path: &str, archive: Bytes) -> Result<(), BackendError>;
    /// Packs a path.
    async fn download(&self, path: &str) -> Result<Bytes, BackendError>;
    /// Runs a program inside.
    async fn exec(&self, request: &ExecRequest) -> Result<Process, BackendError>;
    /// How long moving files may take.
    fn patience(&self) -> Duration;
}

/// Unpacks an archive at `/`.
pub async fn put_files(
    files: &impl Files,
    attempt: &Attempt<'_>,
    place: &Place,
    archive: Bytes,
) -> Result<(), BackendError> {
    let at_once = place.writes_through || place.mounts.is_empty();
    if !place.read_only && place.seal == Seal::Open && at_once {
        return files.upload("/", archive).await;
    }
    let Split {
        parts,
        rest,
        in_mounts,
    } = split::split(&archive, &place.mounts).map_err(|error| {
        attempt.error(
            BackendErrorKind::Other,
            &format!("the archive cannot be read: {error}"),
        )
    })?;
    if let Some(first) = rest.first()
        && place.read_only
    {
        return Err(attempt
            .error(
                BackendErrorKind::Other,
                &format!(
                    "`/{}` is on the read-only root file system and in none of the volumes",
                    first.path.display()
                ),
            )
            .with_hint("put the file below a volume of this container"));
    }
    if matches!(place.seal, Seal::Root | Seal::All) {
        inside::put(files, attempt, rest).await?;
    } else if !rest.is_empty() {
        let mut archive: Vec<u8> = rest.into_iter().flat_map(|piece| piece.bytes).collect();
        archive.extend(split::END);
        files.upload("/", archive.into()).await?;
    }
    if place.seal == Seal::All {
        return inside::put(files, attempt, in_mounts).await;
    }
    for (mount, part) in parts {
        match files.upload(&mount, part).await {
            Err(error) if place.seal == Seal::Mounts && stumbled(&error) => {
                return inside::put(files, attempt, in_mounts).await;
            }
            other => other?,
        }
    }
    Ok(())
}

/// Whether the root file system stood in the way of a mount.
fn stumbled(error: &BackendError) -> bool {
    error.to_string().contains("read-only file system")
}

/// Packs a path.
pub async fn get_files(
    files: &impl Files,
    attempt: &Attempt<'_>,
    place: &Place,
    path: &str,
) -> Result<Bytes, BackendError> {
    match place.seal {
        Seal::Root if !split::in_a_mount(path, &place.mounts) => {
            inside::get(files, attempt, path).await
        }
        Seal::All => inside::get(files, attempt, path).await,
        Seal::Open | Seal::Root | Seal::Mounts => files.download(path).await,
    }
}
