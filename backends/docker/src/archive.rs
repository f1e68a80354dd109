//! Files in and out of a container, as tar archives.

use std::{
    io::{self, Read},
    path::{Component, Path, PathBuf},
};

use bollard::{
    body_full,
    query_parameters::{
        DownloadFromContainerOptionsBuilder, InspectContainerOptions,
        UploadToContainerOptionsBuilder,
    },
};
use bottle_api::{BackendError, BackendErrorKind, ContainerId};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

use crate::{
    client::{Client, within},
    error::Attempt,
    ids::checked,
};

/// What the engine says when `/` of such a container is to be written to.
const READ_ONLY: &str = "read-only";

pub(crate) async fn put(
    client: &Client,
    id: &ContainerId,
    archive: Bytes,
) -> Result<(), BackendError> {
    let attempt = Attempt::new("put files into container", checked(id.as_str())?);
    match upload(client, &attempt, id, "/", archive.clone()).await {
        Err(error) if error.to_string().contains(READ_ONLY) => {
            into_mounts(client, &attempt, id, &archive).await
        }
        other => other,
    }
}

async fn upload(
    client: &Client,
    attempt: &Attempt<'_>,
    id: &ContainerId,
    path: &str,
    archive: Bytes,
) -> Result<(), BackendError> {
    let options = UploadToContainerOptionsBuilder::default()
        .path(path)
        .build();
    within(
        // A whole working folder may be on its way to another machine.
        client.image_limit,
        attempt,
        client
            .docker
            .upload_to_container(id.as_str(), Some(options), body_full(archive)),
    )
    .await
}

/// The engine writes nothing at `/` of a container with a read-only root, not even into its
/// volumes: each volume gets its own part of the archive.
async fn into_mounts(
    client: &Client,
    attempt: &Attempt<'_>,
    id: &ContainerId,
    archive: &[u8],
) -> Result<(), BackendError> {
    let inspected = client
        .call(
            attempt,
            client
                .docker
                .inspect_container(id.as_str(), None::<InspectContainerOptions>),
        )
        .await?;
    let mounts: Vec<String> = inspected
        .mounts
        .into_iter()
        .flatten()
        .filter(|mount| mount.typ.as_deref() != Some("tmpfs") && mount.rw != Some(false))
        .filter_map(|mount| mount.destination)
        .collect();
    let parts = split(archive, &mounts).map_err(|error| match error {
        Unsplit::Outside(path) => attempt
            .error(
                BackendErrorKind::Other,
                &format!(
                    "`/{}` is on the read-only root file system and in none of the volumes",
                    path.display()
                ),
            )
            .with_hint("put the file below a volume of this container"),
        Unsplit::Broken(error) => attempt.error(
            BackendErrorKind::Other,
            &format!("the archive cannot be read: {error}"),
        ),
    })?;
    for (mount, part) in parts {
        upload(client, attempt, id, &mount, part).await?;
    }
    Ok(())
}

#[derive(Debug)]
enum Unsplit {
    Outside(PathBuf),
    Broken(io::Error),
}
impl From<io::Error> for Unsplit {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

/// The parts of an archive for `/`, each for the mount its entries lie in. Folders that only
/// lead to a mount are left out: they are there.
fn split(archive: &[u8], mounts: &[String]) -> Result<Vec<(String, Bytes)>, Unsplit> {
    let mut parts: Vec<(&String, tar::Builder<Vec<u8>>)> = mounts
        .iter()
        .map(|mount| (mount, tar::Builder::new(Vec::new())))
        .collect();
    // The deepest mount that holds a path is the one that counts.
    parts.sort_by_key(|(mount, _)| std::cmp::Reverse(mount.len()));
    let mut used = vec![false; parts.len()];

    let mut reader = tar::Archive::new(archive);
    for entry in reader.entries()? {
        let mut entry = entry?;
        let path = relative(&entry.path()?);
        let found = parts
            .iter()
            .position(|(mount, _)| path.starts_with(relative(Path::new(mount))));
        let Some(index) = found else {
            let leads_to_a_mount = entry.header().entry_type().is_dir()
                && mounts
                    .iter()
                    .any(|mount| relative(Path::new(mount)).starts_with(&path));
            if leads_to_a_mount {
                continue;
            }
            return Err(Unsplit::Outside(path));
        };
        let (mount, part) = &mut parts[index];
        let root = relative(Path::new(mount));
        append(part, &mut entry, &path, &root)?;
        used[index] = true;
    }
    let mut ready = Vec::new();
    for ((mount, part), used) in parts.into_iter().zip(used) {
        if used {
            ready.push((mount.clone(), Bytes::from(part.into_inner()?)));
        }
    }
    Ok(ready)
}

/// Copies an entry with its path (and a hard link's target) made relative to `root`. The root of
/// a mount itself keeps the owner and mode it has: no engine applies an entry for the very place
/// it unpacks to.
fn append<R: Read>(
    part: &mut tar::Builder<Vec<u8>>,
    entry: &mut tar::Entry<'_, R>,
    path: &Path,
    root: &Path,
) -> Result<(), Unsplit> {
    let inside = path.strip_prefix(root).unwrap_or(path);
    if inside.as_os_str().is_empty() {
        return Ok(());
    }
    let mut header = entry.header().clone();
    match entry.link_name()? {
        Some(target) if header.entry_type().is_hard_link() => {
            let target = relative(&target);
            let target = target
                .strip_prefix(root)
                .map_err(|_| Unsplit::Outside(target.clone()))?
                .to_owned();
            part.append_link(&mut header, inside, target)?;
        }
        Some(target) => {
            let target = target.into_owned();
            part.append_link(&mut header, inside, target)?;
        }
        None => part.append_data(&mut header, inside, entry)?,
    }
    Ok(())
}

/// Without a leading slash and without dots.
fn relative(path: &Path) -> PathBuf {
    path.components()
        .filter(|part| matches!(part, Component::Normal(_)))
        .collect()
}

pub(crate) async fn get(
    client: &Client,
    id: &ContainerId,
    path: &str,
) -> Result<Bytes, BackendError> {
    let subject = format!("{}:{path}", checked(id.as_str())?);
    let attempt = Attempt::new("read files of container", &subject);
    let options = DownloadFromContainerOptionsBuilder::default()
        .path(path)
        .build();
    let mut stream = client
        .docker
        .download_from_container(id.as_str(), Some(options));
    let mut archive = BytesMut::new();
    loop {
        let next = async { stream.next().await.transpose() };
        match client.call(&attempt, next).await? {
            Some(bytes) => archive.extend_from_slice(&bytes),
            None => return Ok(archive.freeze()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive() -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        let mut add = |path: &str, kind, mode, uid, data: &[u8]| {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(kind);
            header.set_mode(mode);
            header.set_uid(uid);
            header.set_gid(uid);
            header.set_size(data.len() as u64);
            tar.append_data(&mut header, path, data).unwrap();
        };
        let (dir, file) = (tar::EntryType::Directory, tar::EntryType::Regular);
        add("etc/", dir, 0o755, 0, b"");
        add("etc/proxy/", dir, 0o700, 7, b"");
        add("etc/proxy/key", file, 0o400, 7, b"secret");
        add("etc/proxy/deep/in", file, 0o644, 8, b"deep");
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        header.set_mode(0o777);
        header.set_uid(0);
        tar.append_link(&mut header, "etc/proxy/link", "key")
            .unwrap();
        tar.into_inner().unwrap()
    }

    #[test]
    fn entries_go_to_the_deepest_mount_with_owner_and_mode() {
        let mounts = ["/etc/proxy".to_owned(), "/etc/proxy/deep".to_owned()];
        let parts = split(&archive(), &mounts).unwrap();
        let seen: Vec<_> = parts
            .iter()
            .flat_map(|(mount, part)| {
                let mut archive = tar::Archive::new(part.as_ref());
                archive
                    .entries()
                    .unwrap()
                    .map(|entry| {
                        let entry = entry.unwrap();
                        format!(
                            "{mount} {} {:o} {} {:?}",
                            entry.path().unwrap().display(),
                            entry.header().mode().unwrap(),
                            entry.header().uid().unwrap(),
                            entry.link_name().unwrap().map(std::borrow::Cow::into_owned),
                        )
                    })
                    .collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(
            seen,
            [
                "/etc/proxy/deep in 644 8 None",
                "/etc/proxy key 400 7 None",
                "/etc/proxy link 777 0 Some(\"key\")",
            ]
        );
    }

    #[test]
    fn what_lies_in_no_volume_is_named() {
        let error = split(&archive(), &["/etc/other".to_owned()]).unwrap_err();
        assert!(matches!(error, Unsplit::Outside(path) if path == Path::new("etc/proxy")));
        assert!(split(&archive(), &["/etcetera".to_owned()]).is_err());
    }
}
