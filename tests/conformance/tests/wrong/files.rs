//! Faults in archives.

use std::io::Read as _;

use bottle_api::{Backend, BackendError, BackendErrorKind, ContainerId, async_trait};
use bottle_conformance::Layer;
use bytes::Bytes;
use tar::{Archive, Builder, EntryType, Header};

use crate::{Wrong, wrong};

/// The same archive with other headers; `None` drops an entry.
fn changed(archive: &Bytes, change: fn(Header) -> Option<Header>) -> Option<Bytes> {
    let mut builder = Builder::new(Vec::new());
    for entry in Archive::new(archive.as_ref()).entries().ok()? {
        let mut entry = entry.ok()?;
        let link = entry.link_name().ok()?.map(std::borrow::Cow::into_owned);
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).ok()?;
        let Some(mut header) = change(entry.header().clone()) else {
            continue;
        };
        let path = header.path().ok()?.into_owned();
        match link {
            Some(target) => builder.append_link(&mut header, path, target).ok()?,
            None => builder
                .append_data(&mut header, path, bytes.as_slice())
                .ok()?,
        }
    }
    builder.into_inner().ok().map(Bytes::from)
}

#[derive(Debug)]
struct Puts(fn(Header) -> Option<Header>);
#[async_trait]
impl Layer for Puts {
    async fn put_archive(
        &self,
        next: &dyn Backend,
        id: &ContainerId,
        archive: Bytes,
    ) -> Result<(), BackendError> {
        let archive = changed(&archive, self.0).unwrap_or(archive);
        next.put_archive(id, archive).await
    }
}

/// Writes only what is new.
#[derive(Debug)]
struct KeepsOld;
#[async_trait]
impl Layer for KeepsOld {
    async fn put_archive(
        &self,
        next: &dyn Backend,
        id: &ContainerId,
        archive: Bytes,
    ) -> Result<(), BackendError> {
        let there = next.get_archive(id, "/srv/f").await.is_ok();
        if there {
            Ok(())
        } else {
            next.put_archive(id, archive).await
        }
    }
}

#[derive(Debug)]
struct OnlyBeforeTheStart;
#[async_trait]
impl Layer for OnlyBeforeTheStart {
    async fn put_archive(
        &self,
        next: &dyn Backend,
        id: &ContainerId,
        archive: Bytes,
    ) -> Result<(), BackendError> {
        // As gVisor: what is put in from outside is not seen inside.
        let running = next.inspect(id).await?.running;
        if running {
            Ok(())
        } else {
            next.put_archive(id, archive).await
        }
    }
    async fn get_archive(
        &self,
        next: &dyn Backend,
        id: &ContainerId,
        path: &str,
    ) -> Result<Bytes, BackendError> {
        if next.inspect(id).await?.running {
            let why = format!("no `{path}`");
            return Err(BackendError::new(
                BackendErrorKind::NotFound,
                "get archive",
                why,
            ));
        }
        next.get_archive(id, path).await
    }
}

#[derive(Debug)]
struct RootOnly;
#[async_trait]
impl Layer for RootOnly {
    async fn put_archive(
        &self,
        next: &dyn Backend,
        id: &ContainerId,
        archive: Bytes,
    ) -> Result<(), BackendError> {
        // It writes to the root file system, below what is mounted there.
        let archive = changed(&archive, |header| {
            let path = header.path().ok()?.into_owned();
            (!path.starts_with("v")).then_some(header)
        });
        next.put_archive(id, archive.unwrap_or_default()).await
    }
}

#[derive(Debug)]
struct Follows;
#[async_trait]
impl Layer for Follows {
    async fn get_archive(
        &self,
        next: &dyn Backend,
        id: &ContainerId,
        path: &str,
    ) -> Result<Bytes, BackendError> {
        let archive = next.get_archive(id, path).await?;
        let mut entries = Archive::new(archive.as_ref());
        let first = entries.entries().ok().and_then(|mut all| all.next()?.ok());
        let link = first.and_then(|entry| Some(entry.link_name().ok()??.into_owned()));
        match link {
            Some(target) => {
                let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
                let target = format!("{folder}/{}", target.display());
                next.get_archive(id, &target).await
            }
            None => Ok(archive),
        }
    }
}

#[derive(Debug)]
struct MissingIsEmpty;
#[async_trait]
impl Layer for MissingIsEmpty {
    async fn get_archive(
        &self,
        next: &dyn Backend,
        id: &ContainerId,
        path: &str,
    ) -> Result<Bytes, BackendError> {
        next.inspect(id).await?;
        match next.get_archive(id, path).await {
            Err(error) if error.kind() == BackendErrorKind::NotFound => {
                Ok(Bytes::from(vec![0; 1024]))
            }
            archive => archive,
        }
    }
}

/// Names entries from `/` on.
#[derive(Debug)]
struct WholePaths;
#[async_trait]
impl Layer for WholePaths {
    async fn get_archive(
        &self,
        next: &dyn Backend,
        id: &ContainerId,
        path: &str,
    ) -> Result<Bytes, BackendError> {
        let archive = next.get_archive(id, path).await?;
        if path != "/srv/d/e/f" {
            return Ok(archive);
        }
        let renamed = changed(&archive, |mut header| {
            header.set_path("srv/d/e/f").ok()?;
            Some(header)
        });
        Ok(renamed.unwrap_or(archive))
    }
}

pub(crate) fn all() -> Vec<Wrong> {
    vec![
        wrong(
            "loses file modes",
            || {
                Puts(|mut header| {
                    header.set_mode(if header.entry_type() == EntryType::Directory {
                        0o755
                    } else {
                        0o644
                    });
                    Some(header)
                })
            },
            &[
                "files::put_archive keeps owner, group and mode",
                "files::put_archive writes through to volumes",
                "files::get_archive keeps owner, group and mode",
                "guarantee::no_new_privs: a setuid program gains nothing",
            ],
        ),
        wrong(
            "loses owners of files",
            || {
                Puts(|mut header| {
                    header.set_uid(0);
                    header.set_gid(0);
                    Some(header)
                })
            },
            &[
                "files::put_archive keeps owner, group and mode",
                "files::put_archive writes through to volumes",
                "files::put_archive replaces existing files",
                "files::put_archive works on a running container",
                "files::get_archive keeps owner, group and mode",
            ],
        ),
        wrong(
            "loses symbolic links",
            || Puts(|header| (header.entry_type() != EntryType::Symlink).then_some(header)),
            &[
                "files::put_archive keeps symbolic links",
                "files::get_archive does not follow links",
            ],
        ),
        wrong(
            "loses hard links",
            || Puts(|header| (header.entry_type() != EntryType::Link).then_some(header)),
            &["files::put_archive keeps hard links"],
        ),
        wrong(
            "does not replace files",
            || KeepsOld,
            &["files::put_archive replaces existing files"],
        ),
        wrong(
            "loses files of running containers",
            || OnlyBeforeTheStart,
            &[
                "files::put_archive works on a running container",
                "files::get_archive works on a running container",
            ],
        ),
        wrong(
            "writes below volumes",
            || RootOnly,
            &[
                "files::put_archive writes through to volumes",
                "files::put_archive writes to a volume under a read-only root",
            ],
        ),
        wrong(
            "follows links",
            || Follows,
            &["files::get_archive does not follow links"],
        ),
        wrong(
            "gets an empty archive of what is missing",
            || MissingIsEmpty,
            &["files::get_archive of what is missing is NotFound"],
        ),
        wrong(
            "names the entries of archives by their whole path",
            || WholePaths,
            &["files::get_archive names entries from the path's last part on"],
        ),
    ]
}
