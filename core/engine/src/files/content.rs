//! The bytes of planned files.

use std::{fs, io, path::Path};

use bottle_api::{Content, ExposeSecret as _, FilePlan, Piece};
use bytes::Bytes;

use super::{ArchiveBuilder, OwnTree, VolumeRoot, archive::Owner, folder};
use crate::{LaunchError, secrets::Resolved, trust::TrustMaterial};

/// Where bytes come from that are not in the plan.
pub(crate) struct Sources<'a> {
    pub(crate) secrets: &'a Resolved,
    pub(crate) trust: &'a TrustMaterial,
}

/// Packs the files of one container into one archive. Reads files of the host.
pub(crate) fn pack(
    files: &[FilePlan],
    trees: Vec<OwnTree>,
    volumes: &[VolumeRoot],
    sources: &Sources<'_>,
) -> Result<Bytes, LaunchError> {
    let mut archive = ArchiveBuilder::new(trees);
    for VolumeRoot { path, uid, gid } in volumes {
        let owner = Owner {
            mode: 0o755,
            uid: *uid,
            gid: *gid,
        };
        archive
            .folder(path, owner)
            .map_err(|error| host_error(Path::new(path), &error))?;
    }
    for file in files {
        let owner = Owner {
            mode: file.mode,
            uid: file.uid,
            gid: file.gid,
        };
        if let Content::HostFolder(path) = &file.content {
            folder::add(&mut archive, path, &file.path, owner)?;
            continue;
        }
        if file.content == Content::Directory {
            archive
                .folder(&file.path, owner)
                .map_err(|error| host_error(Path::new(&file.path), &error))?;
            continue;
        }
        let added = if file.content == Content::Directory {
            archive.folder(&file.path, owner)
        } else {
            archive.file(&file.path, owner, &sources.bytes(&file.content)?)
        };
        added.map_err(|error| host_error(Path::new(&file.path), &error))?;
    }
    archive
        .finish()
        .map_err(|error| host_error(Path::new("/"), &error))
}

pub(super) fn host_error(path: &Path, error: &io::Error) -> LaunchError {
    LaunchError::HostFile {
        path: path.to_owned(),
        why: error.to_string(),
    }
}

impl Sources<'_> {
    fn bytes(&self, content: &Content) -> Result<Vec<u8>, LaunchError> {
        Ok(match content {
            Content::Text(text) => text.clone().into_bytes(),
            Content::Template(pieces) => self.template(pieces)?.into_bytes(),
            Content::SecretMap(map) => {
                let mut values = serde_json::Map::new();
                for (name, reference) in map {
                    let value = self.secrets.get(reference)?.expose_secret();
                    values.insert(name.clone(), value.into());
                }
                serde_json::Value::Object(values).to_string().into_bytes()
            }
            Content::HostFile(path) => host_file(path)?,
            // Packed as a tree, or as a folder.
            Content::HostFolder(_) | Content::Directory => vec![],
            Content::Ca(part) => self.trust.part(*part)?,
        })
    }

    fn template(&self, pieces: &[Piece]) -> Result<String, LaunchError> {
        let mut text = String::new();
        for piece in pieces {
            match piece {
                Piece::Text(plain) => text.push_str(plain),
                Piece::Secret(reference) => {
                    text.push_str(self.secrets.get(reference)?.expose_secret());
                }
                Piece::JsonSecret(reference) => {
                    let value = self.secrets.get(reference)?.expose_secret();
                    text.push_str(&serde_json::Value::from(value).to_string());
                }
            }
        }
        Ok(text)
    }
}

fn host_file(path: &Path) -> Result<Vec<u8>, LaunchError> {
    let read = || {
        // A pipe would block, a device may never end.
        if !fs::metadata(path)?.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        fs::read(path)
    };
    read().map_err(|error| host_error(path, &error))
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, io::Read as _, sync::Arc};

    use bottle_api::{SecretRef, SecretString};
    use tar::Archive;

    use super::*;
    use crate::{NoPrompt, PublicRoots, Secrets};

    fn plan(path: &str, content: Content) -> FilePlan {
        FilePlan {
            path: path.into(),
            mode: 0o400,
            uid: 65534,
            gid: 65534,
            content,
        }
    }

    #[tokio::test]
    async fn secrets_are_quoted_where_they_must_be_and_folders_have_owners() {
        let key = SecretRef::FromEnv("KEY".into());
        let env = BTreeMap::from([("KEY".to_owned(), SecretString::from("a\"b"))]);
        let secrets = Secrets::new(Arc::new(NoPrompt)).with_env(env);
        let secrets = secrets.resolve(&[key.clone()].into()).await.unwrap();
        let trust = TrustMaterial::new(None, PublicRoots::new(vec![]));
        let sources = Sources {
            secrets: &secrets,
            trust: &trust,
        };
        let pieces = vec![
            Piece::Text("raw ".into()),
            Piece::Secret(key.clone()),
            Piece::Text(" json ".into()),
            Piece::JsonSecret(key.clone()),
        ];
        let files = [
            plan("/v/sub/t", Content::Template(pieces)),
            plan("/v/map", Content::SecretMap([("K".to_owned(), key)].into())),
            plan("/opt/x", Content::Directory),
            plan("/etc/deep/y", Content::Text("y".into())),
        ];
        let volume = VolumeRoot {
            path: "/v".into(),
            uid: 65534,
            gid: 65534,
        };
        let bytes = pack(&files, vec![OwnTree("/v".into())], &[volume], &sources).unwrap();
        let mut found = Vec::new();
        for entry in Archive::new(bytes.as_ref()).entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            let mode = entry.header().mode().unwrap();
            found.push(format!(
                "{} {mode:o} {text}",
                entry.path().unwrap().display()
            ));
        }
        let want = [
            "v/ 755 ",
            "v/sub/ 755 ",
            r#"v/sub/t 400 raw a"b json "a\"b""#,
            r#"v/map 400 {"K":"a\"b"}"#,
            "opt/x/ 400 ",
            // No entry for `/etc`: that would change its owner.
            "etc/deep/y 400 y",
        ];
        assert_eq!(found, want);
    }

    #[test]
    fn what_is_no_file_is_not_read() {
        let error = host_file(Path::new("/dev/zero")).unwrap_err().to_string();
        assert!(
            error.contains("`/dev/zero`") && error.contains("not a regular"),
            "{error}"
        );
    }
}
