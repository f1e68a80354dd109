//! Files in and out of a container, as tar archives. The engine gives everything it packs to the
//! container's user; what it unpacks keeps its owners.

use std::{io, sync::Arc, time::Duration};

use bottle_api::{BackendError, BackendErrorKind, ContainerId, ExecRequest, Process, async_trait};
use bottle_backend_common::{
    Attempt, Files, Place, Seal, accepted, checked, get_files, put_files, request,
};
use bytes::Bytes;
use hyper::Method;
use serde::Deserialize;

use crate::{
    client::{Client, within},
    container::look,
    error::trying,
    process,
    raw::{self, encoded},
};

/// In Go's notation of file modes.
const SYMLINK: u32 = 1 << 27;
/// What the engine says about a path, base64 of JSON.
const STAT: &str = "x-docker-container-path-stat";

/// A container's files, while something is tried with them.
struct Container<'a> {
    client: &'a Arc<Client>,
    attempt: &'a Attempt<'a>,
    id: &'a ContainerId,
}

impl Container<'_> {
    async fn place(&self) -> Result<Place, BackendError> {
        let found = look(self.client, self.attempt, self.id).await?;
        let own_kernel = self.client.has_own_kernel(Some(&found.runtime));
        Ok(Place {
            read_only: found.host_config.readonly_rootfs,
            // Before the start, the engine unpacks below the mounts, not into them.
            writes_through: found.state.running,
            seal: match (found.state.running, own_kernel) {
                // It looks at the sandbox's mounts, which are not the container's.
                (true, true) => Seal::All,
                // Podman 4 cannot make the folder that leads to a mount, nor see that it is there.
                (true, false) if found.host_config.readonly_rootfs => Seal::Mounts,
                _ => Seal::Open,
            },
            mounts: found
                .mounts
                .into_iter()
                .flatten()
                .filter(|it| it.kind != "tmpfs" && it.writable)
                .map(|mount| mount.destination)
                .collect(),
        })
    }

    async fn packed(&self, path: &str) -> Result<Bytes, BackendError> {
        let path = self.path(path);
        let client = self.client;
        within(client.image_limit, self.attempt, async {
            let response = client.transport.get(&path).await;
            let response = response.map_err(|refusal| self.attempt.refusal(&refusal))?;
            raw::whole(self.attempt, response).await
        })
        .await
    }

    fn path(&self, path: &str) -> String {
        format!("/containers/{}/archive?path={}", self.id, encoded(path))
    }

    /// Whether the path itself is a link.
    async fn is_link(&self, path: &str) -> Result<bool, BackendError> {
        #[derive(Deserialize)]
        struct Stat {
            mode: u32,
        }
        let asked = request(Method::HEAD, &self.path(path), Bytes::new());
        let asking = async { accepted(self.client.transport.send(asked).await?).await };
        let answer = self.client.raw(self.attempt, asking).await?;
        let stat = answer
            .headers()
            .get(STAT)
            .and_then(|value| base64_decoded(value.as_bytes()))
            .and_then(|json| serde_json::from_slice::<Stat>(&json).ok());
        stat.map(|stat| stat.mode & SYMLINK != 0).ok_or_else(|| {
            self.attempt
                .not_understood("it does not say what the path is")
        })
    }
}

fn base64_decoded(text: &[u8]) -> Option<Vec<u8>> {
    use base64::{
        Engine as _,
        engine::general_purpose::{STANDARD, URL_SAFE},
    };
    STANDARD
        .decode(text)
        .or_else(|_| URL_SAFE.decode(text))
        .ok()
}

#[async_trait]
impl Files for Container<'_> {
    async fn upload(&self, path: &str, archive: Bytes) -> Result<(), BackendError> {
        let path = format!("{}&copyUIDGID=false", self.path(path));
        let mut put = request(Method::PUT, &path, archive);
        put.headers_mut().insert(
            hyper::header::CONTENT_TYPE,
            hyper::header::HeaderValue::from_static("application/x-tar"),
        );
        // A whole working folder may be on its way to another machine.
        within(self.client.image_limit, self.attempt, async {
            let sent = async { accepted(self.client.transport.send(put).await?).await };
            sent.await
                .map(drop)
                .map_err(|refusal| self.attempt.refusal(&refusal))
        })
        .await
    }

    async fn download(&self, path: &str) -> Result<Bytes, BackendError> {
        if !self.is_link(path).await? {
            return self.packed(path).await;
        }
        // The engine packs what a link leads to; in its folder's archive it is itself.
        let trimmed = path.trim_end_matches('/');
        let (folder, name) = trimmed.rsplit_once('/').unwrap_or(("", trimmed));
        let folder = if folder.is_empty() { "/" } else { folder };
        let archive = self.packed(folder).await?;
        let link = only(&archive, name)
            .map_err(|error| self.attempt.not_understood(&error.to_string()))?;
        link.ok_or_else(|| {
            self.attempt.error(
                BackendErrorKind::NotFound,
                "the link is not in its folder's archive",
            )
        })
    }

    async fn exec(&self, request: &ExecRequest) -> Result<Process, BackendError> {
        process::exec(self.client, self.id, request).await
    }

    fn patience(&self) -> Duration {
        self.client.image_limit
    }
}

/// The link of this name directly in an archive's folder.
fn only(archive: &[u8], name: &str) -> io::Result<Option<Bytes>> {
    for entry in tar::Archive::new(archive).entries()? {
        let entry = entry?;
        let path = entry.path()?.into_owned();
        let depth = path.components().count();
        let is_it = path.file_name().is_some_and(|it| it == name) && depth <= 2;
        if !is_it || !entry.header().entry_type().is_symlink() {
            continue;
        }
        let Some(target) = entry.link_name()? else {
            continue;
        };
        let mut header = entry.header().clone();
        let mut out = tar::Builder::new(Vec::new());
        out.append_link(&mut header, name, target)?;
        return out.into_inner().map(|bytes| Some(bytes.into()));
    }
    Ok(None)
}

pub(crate) async fn put(
    client: &Arc<Client>,
    id: &ContainerId,
    archive: Bytes,
) -> Result<(), BackendError> {
    let attempt = &trying("put files into container", checked(id.as_str())?);
    let container = Container {
        client,
        attempt,
        id,
    };
    let place = container.place().await?;
    put_files(&container, attempt, &place, archive).await
}

/// Unpacks at `/` of a container that was just created, read-only or not.
pub(crate) async fn put_at_root(
    client: &Arc<Client>,
    attempt: &Attempt<'_>,
    id: &ContainerId,
    archive: Bytes,
) -> Result<(), BackendError> {
    let container = Container {
        client,
        attempt,
        id,
    };
    container.upload("/", archive).await
}

pub(crate) async fn get(
    client: &Arc<Client>,
    id: &ContainerId,
    path: &str,
) -> Result<Bytes, BackendError> {
    let subject = format!("{}:{path}", checked(id.as_str())?);
    let attempt = &trying("read files of container", &subject);
    let container = Container {
        client,
        attempt,
        id,
    };
    let place = container.place().await?;
    get_files(&container, attempt, &place, path).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_taken_out_of_its_folder_as_it_is() {
        let mut tar = tar::Builder::new(Vec::new());
        let mut add = |path: &str, target: &str| {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_size(0);
            header.set_mode(0o777);
            tar.append_link(&mut header, path, target).unwrap();
        };
        add("srv/deep/link", "wrong");
        add("srv/link", "a/key");
        let archive = tar.into_inner().unwrap();
        let link = only(&archive, "link").unwrap().unwrap();
        let mut link = tar::Archive::new(link.as_ref());
        let entry = link.entries().unwrap().next().unwrap().unwrap();
        assert_eq!(entry.path().unwrap().to_str(), Some("link"));
        assert_eq!(entry.link_name().unwrap().unwrap().to_str(), Some("a/key"));
        assert!(only(&archive, "none").unwrap().is_none());
    }
}
