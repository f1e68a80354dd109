//! `[[mount]]`: further folders and files of the host.

use std::path::Path;

use bottle_api::Mount;

use super::secret::inside_path;
use crate::{
    diagnostic::Diagnostic,
    node::{Node, absolute},
    source::Located,
    values::Word,
};

/// Reads the array of mounts.
pub(crate) fn read(node: &Node<'_>) -> Vec<Located<Mount>> {
    node.items().iter().filter_map(one).collect()
}

fn one(node: &Node<'_>) -> Option<Located<Mount>> {
    node.fields(|table| {
        let source = table.get("source");
        let target = table.get("target");
        let read_only = table.boolean("read_only");
        if source.is_none() || target.is_none() {
            node.wrong(
                "a mount needs `source` and `target`",
                "one is missing",
                "write `source = \"~/data\"` and `target = \"/data\"`",
            );
        }
        let (source, target) = (source?.path(), inside_path(&target?, false));
        let mount = Mount::Bind {
            source: source?,
            target: target?,
            read_only: read_only.is_none_or(|read_only| read_only.value),
        };
        Some(Located::new(mount, node.source()))
    })?
}

/// `SOURCE:TARGET[:rw|:ro]`.
pub(crate) fn from_flag(word: Word<'_>, cwd: &Path, home: &Path) -> Option<Located<Mount>> {
    let text = word.text.value.as_str();
    let (rest, read_only) = match text.rsplit_once(':') {
        Some((rest, "rw")) => (rest, false),
        Some((rest, "ro")) => (rest, true),
        _ => (text, true),
    };
    let parts = rest.rsplit_once(':').filter(|(source, target)| {
        !source.is_empty() && target.starts_with('/') && target.len() > 1
    });
    let Some((source, target)) = parts else {
        word.sink.push(
            Diagnostic::error(format!("`{text}` is not a mount"))
                .at(&word.text.source, "not a mount")
                .hint("write `SOURCE:/TARGET`, or `SOURCE:/TARGET:rw` to let the agent write"),
        );
        return None;
    };
    let mount = Mount::Bind {
        source: absolute(source, cwd, home),
        target: target.to_owned(),
        read_only,
    };
    Some(Located::new(mount, word.text.source.clone()))
}

/// Folders of the host that hold its control: a bottle that sees them is none.
const CONTROL: &[&str] = &["/", "/run", "/var", "/var/run", "/proc", "/sys", "/dev"];

/// Why this real path is never mounted, by whomever it is asked.
pub(crate) fn refused(path: &Path) -> Option<&'static str> {
    use std::os::unix::fs::FileTypeExt;
    if CONTROL.iter().any(|control| path == Path::new(control)) {
        return Some("it holds sockets or devices that control the host");
    }
    let socket = std::fs::metadata(path).is_ok_and(|found| found.file_type().is_socket());
    socket.then_some("it is a socket, and who answers there is outside the bottle")
}

/// Mounts add up; the higher layer has its say about a target.
pub(super) fn over(higher: Vec<Located<Mount>>, lower: Vec<Located<Mount>>) -> Vec<Located<Mount>> {
    let target = |mount: &Mount| match mount {
        Mount::Bind { target, .. } | Mount::Volume { target } | Mount::Tmpfs { target, .. } => {
            target.clone()
        }
    };
    let mut all: Vec<Located<Mount>> = lower;
    all.retain(|old| higher.iter().all(|new| target(new) != target(old)));
    all.extend(higher);
    all
}
