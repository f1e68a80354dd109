//! Secrets that somebody wrote into a config by mistake must not reach an error's snippet.

use std::ops::Range;

use bottle_api::{names_secret, secret_shapes};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// Keys below a secret that never hold its value.
const REFERENCES: &[&str] = &[
    "from_env",
    "from_file",
    "from_command",
    "prompt",
    "hosts",
    "header",
    "format",
    "always",
    "env",
    "file",
    "path",
];

/// The byte ranges of `text` that must not be shown. `broken` texts are judged line by line as
/// well, for their tree is not complete.
pub(crate) fn ranges(text: &str, tree: Option<&DeTable<'_>>, broken: bool) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = secret_shapes(text);
    if let Some(tree) = tree {
        table(tree, false, &mut found);
    }
    if broken {
        lines(text, &mut found);
    }
    found.retain(|range| text.get(range.clone()).is_some() && !range.is_empty());
    found
}

/// `text` with those ranges starred out, byte for byte.
pub(crate) fn apply(text: &str, ranges: &[Range<usize>]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for byte in ranges.iter().flat_map(std::clone::Clone::clone) {
        if let Some(byte) = bytes.get_mut(byte).filter(|byte| **byte != b'\n') {
            *byte = b'*';
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `message` without the masked parts of `text` and without anything secret-shaped.
pub(crate) fn scrub(message: &str, text: &str, ranges: &[Range<usize>]) -> String {
    let mut message = message.to_owned();
    for range in ranges {
        let value = text.get(range.clone()).unwrap_or_default();
        let value = value.trim_matches(['"', '\'', '\n']);
        if value.len() >= 3 {
            message = message.replace(value, "***");
        }
    }
    let shaped = secret_shapes(&message);
    apply(&message, &shaped)
}

/// Whether a plain text looks like a credential.
pub(crate) fn looks_secret(text: &str) -> bool {
    !secret_shapes(text).is_empty()
}

fn table(tree: &DeTable<'_>, inside: bool, found: &mut Vec<Range<usize>>) {
    for (key, entry) in tree {
        let name = key.get_ref().as_ref();
        let secret = if inside {
            !REFERENCES.contains(&name)
        } else {
            names_secret(name)
        };
        value(entry, secret, inside || secret, found);
    }
}

fn value(entry: &Spanned<DeValue<'_>>, secret: bool, inside: bool, found: &mut Vec<Range<usize>>) {
    match entry.get_ref() {
        DeValue::Table(below) => table(below, inside, found),
        DeValue::Array(items) => {
            for item in items {
                value(item, secret, inside, found);
            }
        }
        DeValue::String(_) | DeValue::Integer(_) | DeValue::Float(_) | DeValue::Datetime(_)
            if secret =>
        {
            found.push(entry.span());
        }
        _ => {}
    }
}

/// What stands right of `=` on lines whose key names a secret.
fn lines(text: &str, found: &mut Vec<Range<usize>>) {
    let mut start = 0;
    let mut below_secret = false;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim();
        if trimmed.starts_with('[') && !trimmed.contains('=') {
            below_secret =
                trimmed.trim_start_matches('[').starts_with("secret") || trimmed.contains(".login");
        } else if let Some((key, rest)) = line.split_once('=') {
            let key = key.trim().trim_matches(['"', '\'']);
            let last = key.rsplit('.').next().unwrap_or(key);
            if !REFERENCES.contains(&last) && (below_secret || names_secret(key)) {
                let end = start + line.trim_end().len();
                found.push(start + line.len() - rest.len()..end);
            }
        }
        start += line.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let (tree, errors) = DeTable::parse_recoverable(text);
        apply(
            text,
            &ranges(text, Some(tree.get_ref()), !errors.is_empty()),
        )
    }

    #[test]
    fn values_of_secrets_are_starred_out_and_references_are_not() {
        for (text, expected) in [
            (
                "[secret.A]\nvalue = \"hunter2\"",
                "[secret.A]\nvalue = *********",
            ),
            ("[secret]\nA = 'x y'", "[secret]\nA = *****"),
            (
                "[secret.A]\nfrom_env = \"B\"",
                "[secret.A]\nfrom_env = \"B\"",
            ),
            ("[env]\nGH_TOKEN = 'abc'", "[env]\nGH_TOKEN = *****"),
            (
                "[env]\nGH_TOKEN = { from_env = 'X' }",
                "[env]\nGH_TOKEN = { from_env = 'X' }",
            ),
            ("[proxy.a]\nkey_file = '/k'", "[proxy.a]\nkey_file = '/k'"),
            ("[proxy.a]\npassword = 1234", "[proxy.a]\npassword = ****"),
            (
                "[proxy.a]\ntokens = ['ab', 'cd']",
                "[proxy.a]\ntokens = [****, ****]",
            ),
            (
                "x = 'sk-ant-0123456789abcdef'",
                "x = '***********************'",
            ),
            (
                "[secret.A]\nvalue = \"hunter2",
                "[secret.A]\nvalue =*********",
            ),
        ] {
            assert_eq!(shown(text), expected);
        }
    }

    #[test]
    fn image_digests_and_paths_are_not_secrets() {
        for text in [
            "image = 'a@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef'",
            "path = '/home/Someone/a-Very-Long-Folder/With/Parts/2024/and/More'",
            "require = ['egress_only_by_chain']",
        ] {
            assert_eq!(shown(text), text);
        }
    }

    #[test]
    fn messages_lose_masked_values() {
        let text = "[secret.A]\nvalue = \"hunter2\"";
        let (tree, _) = DeTable::parse_recoverable(text);
        let masked = ranges(text, Some(tree.get_ref()), false);
        assert_eq!(
            scrub("invalid type: string \"hunter2\"", text, &masked),
            "invalid type: string \"***\""
        );
        assert_eq!(
            scrub("got ghp_0123456789abcdefgh", "", &[]),
            "got **********************"
        );
    }
}
