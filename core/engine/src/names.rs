//! Names of bottles, containers and sessions.

use bottle_api::SessionId;
use rand::RngExt as _;

/// Longest slug: with prefix, session and role every name stays below 128 bytes, and a host
/// name below 64.
const SLUG_LIMIT: usize = 40;
/// Letters and digits that cannot be mistaken for one another.
const ALPHABET: &[u8] = b"23456789abcdefghjkmnpqrstuvwxyz";
/// 31^10 is about 2^49: enough for one machine, short enough to read aloud.
const SESSION_LENGTH: usize = 10;

/// Turns any text into a name that every engine takes: lower-case letters, digits and single
/// hyphens, at most 40 bytes, never empty.
pub fn slug(text: &str) -> String {
    let mut slug = String::new();
    for c in text.chars().flat_map(char::to_lowercase) {
        if slug.len() == SLUG_LIMIT {
            break;
        }
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() {
        "bottle".to_owned()
    } else {
        slug.to_owned()
    }
}

/// The name of the agent's container for a bottle's name.
pub fn container_name(bottle: &str) -> String {
    format!("bottle-{bottle}")
}

/// A fresh session id.
pub fn new_session_id() -> SessionId {
    SessionId::new(random_text(SESSION_LENGTH))
}

/// Random letters and digits.
pub(crate) fn random_text(length: usize) -> String {
    let mut random = rand::rng();
    (0..length)
        .map(|_| char::from(ALPHABET[random.random_range(0..ALPHABET.len())]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_names() {
        for (text, want) in [
            ("claude", "claude"),
            ("My Repo_2!", "my-repo-2"),
            ("--a--b--", "a-b"),
            ("ÄÖ", "bottle"),
            ("", "bottle"),
            (&"x".repeat(99), &"x".repeat(40)),
            (&format!("{}-y", "x".repeat(39)), &"x".repeat(39)),
        ] {
            assert_eq!(slug(text), want, "{text:?}");
        }
    }

    #[test]
    fn session_ids_differ_and_fit_in_labels() {
        let (a, b) = (new_session_id(), new_session_id());
        assert_ne!(a, b);
        assert_eq!(slug(a.as_str()), a.as_str());
    }
}
