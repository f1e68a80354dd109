//! Tar archives, made and read.

use std::{collections::BTreeMap, io::Read};

use bytes::Bytes;

pub(crate) type Part = (tar::Header, String, Vec<u8>);

fn header(kind: tar::EntryType, mode: u32, uid: u32, size: usize) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(uid.into());
    header.set_gid((uid + 1).into());
    header.set_size(size as u64);
    header
}

/// A file; its group is the owner's number plus one.
pub(crate) fn entry(path: &str, content: &str, mode: u32, uid: u32) -> Part {
    let header = header(tar::EntryType::Regular, mode, uid, content.len());
    (header, path.to_owned(), content.as_bytes().to_vec())
}
pub(crate) fn folder(path: &str, mode: u32, uid: u32) -> Part {
    let header = header(tar::EntryType::Directory, mode, uid, 0);
    (header, format!("{path}/"), vec![])
}
pub(crate) fn link(path: &str, target: &str) -> Part {
    let mut header = header(tar::EntryType::Symlink, 0o777, 0, 0);
    header.set_link_name(target).unwrap();
    (header, path.to_owned(), vec![])
}

pub(crate) fn archive(parts: &[Part]) -> Bytes {
    let mut tar = tar::Builder::new(Vec::new());
    for (header, path, content) in parts {
        tar.append_data(&mut header.clone(), path, content.as_slice())
            .unwrap();
    }
    tar.into_inner().unwrap().into()
}

/// Name to (kind, mode, uid, content or link target).
pub(crate) fn unpack(archive: &[u8]) -> BTreeMap<String, (char, u32, u64, String)> {
    let mut seen = BTreeMap::new();
    for entry in tar::Archive::new(archive).entries().unwrap() {
        let mut entry = entry.unwrap();
        let header = entry.header().clone();
        let link = entry
            .link_name()
            .unwrap()
            .map(|link| link.display().to_string());
        let mut content = String::new();
        entry.read_to_string(&mut content).unwrap();
        let kind = match header.entry_type() {
            tar::EntryType::Regular => 'f',
            tar::EntryType::Directory => 'd',
            tar::EntryType::Symlink => 'l',
            _ => '?',
        };
        let name = entry.path().unwrap().display().to_string();
        seen.insert(
            name.trim_end_matches('/').to_owned(),
            (
                kind,
                header.mode().unwrap() & 0o7777,
                header.uid().unwrap(),
                link.unwrap_or(content),
            ),
        );
    }
    seen
}
