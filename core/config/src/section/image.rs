//! `image = ...` of an agent: a reference, a folder to build, or a recipe in place.

use std::{collections::BTreeMap, path::PathBuf};

use bottle_api::{ContextBuild, ImagePlan, ImageSource, PullPolicy, Recipe};

use crate::{
    diagnostic::Diagnostic,
    node::{Fields, Node},
    source::Located,
    values::{Word, slug},
};

const FORMS: &str = "write a reference such as `\"debian:bookworm-slim\"`, \
                     `{ build = \"FOLDER\" }` or `{ recipe = \"FROM ...\" }`";

/// The image of agent `agent`.
pub(super) fn read(node: &Node<'_>, agent: &str) -> Option<Located<ImagePlan>> {
    let plan = |source| {
        let plan = ImagePlan {
            source,
            fallback: None,
            derive: None,
            config_key: format!("agent.{agent}.image"),
        };
        Some(Located::new(plan, node.source()))
    };
    if node.is_text() {
        let reference = reference(node)?;
        let policy = PullPolicy::default();
        return plan(ImageSource::Pull { reference, policy });
    }
    if !node.is_table() {
        node.wrong(
            format!("`{}` is not an image", node.key),
            "not an image",
            FORMS,
        );
        return None;
    }
    node.fields(|table| {
        let given: Vec<Node<'_>> = ["reference", "build", "recipe"]
            .into_iter()
            .filter_map(|key| table.get(key))
            .collect();
        let [kind] = given.as_slice() else {
            node.wrong(
                format!(
                    "`{}` needs exactly one of `reference`, `build` and `recipe`",
                    node.key
                ),
                "one of them",
                FORMS,
            );
            known_keys(table);
            return None;
        };
        plan(match kind.name.as_str() {
            "reference" => pulled(kind, table)?,
            "build" => built(kind, table, agent)?,
            _ => ImageSource::Recipe(Recipe {
                repository: repository(agent),
                dockerfile: kind.text()?.to_owned(),
                files: vec![],
                args: arguments(table),
            }),
        })
    })?
}

/// An image named by a flag or a variable.
pub(crate) fn from_word(word: Word<'_>) -> Option<Located<ImagePlan>> {
    let text = word.text;
    if !is_reference(text) {
        word.sink.push(
            Diagnostic::error(format!("`{}` is not an image", text.value))
                .at(&text.source, "not a reference")
                .hint("write a reference such as `debian:bookworm-slim`, its name in lower case"),
        );
        return None;
    }
    let plan = ImagePlan::pull(text.value.clone(), "--image");
    Some(Located::new(plan, text.source.clone()))
}

fn is_reference(text: &str) -> bool {
    let odd = |c: char| c.is_whitespace() || c.is_control();
    if text.contains(odd) || text.starts_with('-') {
        return false;
    }
    // `[HOST/]PATH[:TAG][@DIGEST]`. Engines differ in what they complete, not in this.
    let named = text.split('@').next().unwrap_or_default();
    let (host, path) = match named.split_once('/') {
        Some((first, rest)) if is_host(first) => (Some(first), rest),
        _ => (None, named),
    };
    let (path, tag) = match path.rsplit_once(':') {
        Some((path, tag)) => (path, Some(tag)),
        None => (path, None),
    };
    let part = |part: &str| {
        let ends =
            |byte: Option<u8>| byte.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let inside = |b: u8| ends(Some(b)) || matches!(b, b'.' | b'_' | b'-');
        ends(part.bytes().next()) && ends(part.bytes().last()) && part.bytes().all(inside)
    };
    let tag_byte = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    host.is_none_or(|host| !host.starts_with(':'))
        && path.split('/').all(part)
        && tag.is_none_or(|tag| !tag.is_empty() && tag.len() <= 128 && tag.bytes().all(tag_byte))
}

/// What stands before the first `/` is a registry, not a part of the path.
fn is_host(text: &str) -> bool {
    text == "localhost"
        || text.contains(['.', ':'])
        || text.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// Makes the keys of every form known, so that none is reported on top.
fn known_keys(table: &Fields<'_, '_>) {
    for key in ["pull", "dockerfile", "target", "args"] {
        let _ = table.get(key);
    }
}

fn pulled(node: &Node<'_>, table: &Fields<'_, '_>) -> Option<ImageSource> {
    let policy = table.text("pull").and_then(|text| {
        Word::new(&text, node.reading.sink).choice(
            "pull policy",
            &[
                ("missing", PullPolicy::Missing),
                ("always", PullPolicy::Always),
                ("never", PullPolicy::Never),
            ],
        )
    });
    Some(ImageSource::Pull {
        reference: reference(node)?,
        policy: policy.map(|policy| policy.value).unwrap_or_default(),
    })
}

fn built(node: &Node<'_>, table: &Fields<'_, '_>, agent: &str) -> Option<ImageSource> {
    let dockerfile = table.text("dockerfile");
    let target = table.text("target");
    let args = arguments(table);
    Some(ImageSource::Context(ContextBuild {
        repository: repository(agent),
        context: node.path()?,
        dockerfile: dockerfile.map_or_else(
            || PathBuf::from("Dockerfile"),
            |name| PathBuf::from(name.value),
        ),
        args,
        target: target.map(|target| target.value),
    }))
}

fn reference(node: &Node<'_>) -> Option<String> {
    let text = node.text()?;
    if !is_reference(text) {
        node.wrong(
            format!("`{text}` is not an image"),
            "not a reference",
            FORMS,
        );
        return None;
    }
    Some(text.to_owned())
}

fn arguments(table: &Fields<'_, '_>) -> BTreeMap<String, String> {
    let entries = table.get("args").map(|node| node.entries());
    entries
        .unwrap_or_default()
        .iter()
        .filter_map(|entry| Some((entry.name.value.clone(), entry.text()?.to_owned())))
        .collect()
}

fn repository(agent: &str) -> String {
    format!("agent-{}", slug(agent))
}

#[cfg(test)]
mod tests {
    use super::is_reference;

    #[test]
    fn references() {
        for good in [
            "debian",
            "debian:bookworm-slim",
            "localhost/a",
            "localhost:5000/a/b_c:V1.2",
            "ghcr.io/a/b@sha256:0123456789abcdef",
            "HOST/a__b:1",
            "[::1]:5000/a",
        ] {
            assert!(is_reference(good), "{good}");
        }
        for bad in [
            "", "-a", "a b", "UPPER", "UPPER//x", "a//b", "/a", "a/", "a:", "a/B", "a:b:c", "a:t/",
        ] {
            assert!(!is_reference(bad), "{bad}");
        }
    }
}
