//! What a credential looks like, for texts in which one was written by mistake.

use std::ops::Range;

/// Last words of a key that say "a reference to", not "the value of".
const POINTERS: &[&str] = &["file", "path", "env", "command", "header", "name", "dir"];

const SECRET_WORDS: &[&str] = &[
    "token",
    "tokens",
    "secret",
    "secrets",
    "password",
    "passwd",
    "passphrase",
    "credential",
    "credentials",
    "apikey",
    "key",
    "auth",
    "login",
    "bearer",
];

const SECRET_PREFIXES: &[&str] = &[
    "sk-",
    "sk_",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "xoxa-",
    "xoxb-",
    "xoxp-",
    "xoxr-",
    "xoxs-",
    "AKIA",
    "ASIA",
    "AIza",
    "npm_",
    "pypi-",
    "hf_",
    "eyJ",
];

/// Whether a name says that its value is a credential.
pub fn names_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let words: Vec<&str> = key.split(['_', '-', '.']).collect();
    let pointer = words.last().is_some_and(|last| POINTERS.contains(last));
    !pointer && words.iter().any(|word| SECRET_WORDS.contains(word))
}

/// The runs of characters, in bytes, that have the shape of a credential: a known prefix, or a
/// long mixture of letters and digits.
pub fn secret_shapes(text: &str) -> Vec<Range<usize>> {
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+' | '=' | '~');
    let mut found = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        match (part(c), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                let run = from..at;
                found.extend(text.get(run.clone()).and_then(|t| shaped(t, &run)));
                start = None;
            }
            _ => {}
        }
    }
    found
}

fn shaped(run: &str, at: &Range<usize>) -> Option<Range<usize>> {
    // `KEY=value` is one run: judge what is behind the last `=` that is no padding.
    let padded = run.trim_end_matches('=');
    let skip = padded.rfind('=').map_or(0, |equals| equals + 1);
    let word = &run[skip..];
    let known = SECRET_PREFIXES
        .iter()
        .any(|prefix| word.starts_with(prefix))
        && word.len() >= 16;
    let has = |test: fn(&u8) -> bool| word.as_bytes().iter().any(test);
    let random = word.len() >= 32
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_digit);
    (known || random).then(|| at.start + skip..at.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_and_names() {
        for (text, secrets) in [
            (
                "x TOKEN=ghp_0123456789abcdefgh y",
                vec!["ghp_0123456789abcdefgh"],
            ),
            ("/home/Someone/a-Very/Long-Path-2024", vec![]),
        ] {
            let found = secret_shapes(text).into_iter().map(|range| &text[range]);
            assert_eq!(found.collect::<Vec<_>>(), secrets);
        }
        for (name, secret) in [
            ("GH_TOKEN", true),
            ("api-key", true),
            ("TOKEN_FILE", false),
            ("HOME", false),
        ] {
            assert_eq!(names_secret(name), secret, "{name}");
        }
    }
}
