//! The guides' code is code: every block of Rust or TOML in `docs/writing-a-*.md` is a part of
//! `tests/third-party` (which `strangers.rs` builds and runs), or of what `bottle plugin new`
//! writes.
//!
//! A block follows a line `<!-- FILE: PART -->`; the part stands in the file between
//! `[docs: PART]` and `[docs: end]`, or is the whole file when there is no `: PART`.
//! `BOTTLE_UPDATE_GUIDES=1 cargo test -p bottle-house --test guides` copies the parts in.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a check fails loudly"
)]

use std::{
    fs,
    path::{Path, PathBuf},
};

const GUIDES: [&str; 3] = [
    "docs/writing-a-backend.md",
    "docs/writing-a-proxy.md",
    "docs/writing-a-provisioner.md",
];

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap().to_owned()
}

/// A part of a file of the third-party repository, without its indentation.
fn part(reference: &str) -> String {
    let (file, name) = reference.split_once(": ").unwrap_or((reference, ""));
    let path = root().join("tests/third-party").join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    if name.is_empty() {
        return text.trim_end().to_owned();
    }
    let begin = format!("[docs: {name}]");
    let mut lines = text.lines().skip_while(|line| !line.contains(&begin));
    assert!(lines.next().is_some(), "no {begin} in {file}");
    let lines: Vec<_> = lines
        .take_while(|line| !line.contains("[docs: end]"))
        .collect();
    assert!(
        !lines.is_empty(),
        "nothing between {begin} and its end in {file}"
    );
    let full = lines.iter().filter(|line| !line.trim().is_empty());
    let indent = full
        .map(|line| line.len() - line.trim_start().len())
        .min()
        .unwrap();
    let cut: Vec<_> = lines
        .iter()
        .map(|line| line.get(indent..).unwrap_or(""))
        .collect();
    cut.join("\n").trim_end().to_owned()
}

/// The guide with all its parts copied in, and how many there are.
fn filled(guide: &str) -> (String, usize) {
    let text = fs::read_to_string(root().join(guide)).unwrap();
    let (mut out, mut parts) = (Vec::new(), 0);
    let mut lines = text.lines();
    let mut reference = None;
    while let Some(line) = lines.next() {
        out.push(line.to_owned());
        let comment = line
            .strip_prefix("<!-- ")
            .and_then(|rest| rest.strip_suffix(" -->"));
        if comment.is_some() {
            reference = comment;
            continue;
        }
        let code = ["```rust", "```toml"].contains(&line);
        if code {
            let from = reference.take();
            let from = from.unwrap_or_else(|| panic!("{guide}: code from nowhere: {line}"));
            out.push(part(from));
            parts += 1;
            let end = lines.by_ref().find(|line| *line == "```");
            out.push(end.expect("a block ends").to_owned());
        }
    }
    (out.join("\n") + "\n", parts)
}

#[test]
fn every_snippet_is_a_part_of_what_is_built() {
    let update = std::env::var_os("BOTTLE_UPDATE_GUIDES").is_some();
    for guide in GUIDES {
        let (filled, parts) = filled(guide);
        assert!(parts >= 5, "{guide} has {parts} snippets only");
        if update {
            fs::write(root().join(guide), &filled).unwrap();
        }
        let written = fs::read_to_string(root().join(guide)).unwrap();
        let differs = written
            .lines()
            .zip(filled.lines())
            .find(|(is, should)| is != should);
        assert!(
            written == filled,
            "{guide} is not what is built, first at {differs:?}; \
             BOTTLE_UPDATE_GUIDES=1 copies the parts in"
        );
    }
}
