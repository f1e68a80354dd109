//! Reading an archive back, and the folders the tests start from.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    collections::BTreeMap,
    fs,
    io::Read,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use bottle_api::{Derive, ImageId};
use bottle_backend_common::BuildInput;
use tempfile::TempDir;

/// Kind, mode, uid, link target or content of each entry of a tar.
pub(crate) type Seen = BTreeMap<Vec<u8>, (char, u32, u64, Vec<u8>)>;

pub(crate) fn read(tar: impl Read) -> Seen {
    let mut seen = Seen::new();
    for entry in tar::Archive::new(tar).entries().unwrap() {
        let mut entry = entry.unwrap();
        let header = entry.header().clone();
        let link = entry.link_name_bytes().map(std::borrow::Cow::into_owned);
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        let kind = match header.entry_type() {
            tar::EntryType::Regular => 'f',
            tar::EntryType::Directory => 'd',
            tar::EntryType::Symlink => 'l',
            other => panic!("{other:?}"),
        };
        seen.insert(
            entry.path_bytes().into_owned(),
            (
                kind,
                header.mode().unwrap(),
                header.uid().unwrap(),
                link.unwrap_or(content),
            ),
        );
    }
    seen
}

pub(crate) fn names(seen: &Seen) -> Vec<String> {
    seen.keys()
        .map(|name| {
            String::from_utf8_lossy(name)
                .trim_end_matches('/')
                .to_owned()
        })
        .collect()
}

pub(crate) fn write(root: &Path, path: &str, content: &str, mode: u32) {
    let full = root.join(path);
    fs::create_dir_all(full.parent().unwrap()).unwrap();
    fs::write(&full, content).unwrap();
    fs::set_permissions(&full, fs::Permissions::from_mode(mode)).unwrap();
}

pub(crate) fn workspace() -> TempDir {
    let dir = TempDir::new().unwrap();
    let root = dir.path();
    write(root, "src/main.rs", "fn main() {}", 0o644);
    write(root, "run.sh", "#!/bin/sh", 0o755);
    write(root, "secret.key", "k", 0o600);
    write(root, ".git/HEAD", "ref", 0o644);
    write(root, "vendor/dep/.git/HEAD", "ref", 0o644);
    write(root, "target/debug/x", "x", 0o644);
    symlink("src/main.rs", root.join("link")).unwrap();
    symlink("/etc/passwd", root.join("outside")).unwrap();
    fs::set_permissions(root, fs::Permissions::from_mode(0o750)).unwrap();
    dir
}

pub(crate) fn derive(folder: &Path) -> Derive {
    Derive {
        folder: folder.to_owned(),
        target: "/work".into(),
        uid: 1234,
        gid: 1235,
        include_git: false,
        exclude: vec![],
    }
}

/// Names relative to the target.
pub(crate) fn inside(seen: &Seen) -> Vec<String> {
    let names = names(seen).into_iter();
    names
        .filter_map(|name| name.strip_prefix("work/").map(str::to_owned))
        .collect()
}

/// The outer archive's Dockerfile and the layer inside.
pub(crate) fn layer(derive: &Derive) -> (String, Seen) {
    let base = ImageId::new("sha256:abc");
    let input = BuildInput::Derive {
        base: &base,
        derive,
    };
    let archive = input.archive().unwrap();
    assert_eq!(archive.file.metadata().unwrap().len(), archive.len);
    assert_eq!(archive.digest, input.digest().unwrap());
    let outer = read(archive.file);
    assert_eq!(names(&outer), ["Dockerfile", "layer.tar"]);
    let dockerfile = String::from_utf8(outer[b"Dockerfile".as_slice()].3.clone()).unwrap();
    (
        dockerfile,
        read(outer[b"layer.tar".as_slice()].3.as_slice()),
    )
}
