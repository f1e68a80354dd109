//! `.dockerignore`: not the same language as `.gitignore`. A pattern is anchored at the root
//! (`foo` does not match `a/foo`), covers everything below what it matches, and `!` takes back
//! even inside of an excluded folder; the last match wins.

use std::path::{Component, Path, PathBuf};

use regex::bytes::Regex;

/// The rules of one `.dockerignore`.
#[derive(Clone, Debug, Default)]
pub struct IgnoreRules(Vec<Rule>);

#[derive(Clone, Debug)]
struct Rule {
    /// Takes back instead of excluding.
    keep: bool,
    /// Matches a whole path, relative to the root, parts joined by `/`.
    pattern: Regex,
}

/// A line that is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: `{pattern}` is no valid pattern")]
pub struct PatternError {
    /// Counted from 1.
    pub line: usize,
    /// The pattern.
    pub pattern: String,
}

impl IgnoreRules {
    /// Reads the text of a `.dockerignore`.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut rules = Vec::new();
        for (index, line) in text.lines().enumerate() {
            if line.starts_with('#') {
                continue;
            }
            let line = line.trim();
            let (keep, pattern) = match line.strip_prefix('!') {
                Some(rest) => (true, rest.trim()),
                None => (false, line),
            };
            let cleaned = clean(pattern);
            if cleaned.is_empty() {
                // Blank lines; a lone `.` has never had an effect.
                continue;
            }
            let pattern = translate(&cleaned)
                .and_then(|regex| Regex::new(&regex).ok())
                .ok_or_else(|| PatternError {
                    line: index + 1,
                    pattern: pattern.to_owned(),
                })?;
            rules.push(Rule { keep, pattern });
        }
        Ok(Self(rules))
    }

    /// Whether the rules leave this path out. `path` is relative, its parts joined by `/`.
    pub fn excludes(&self, path: &[u8]) -> bool {
        let mut excluded = false;
        for rule in &self.0 {
            // A rule that would not change the answer need not be asked.
            if rule.keep == excluded && covers(&rule.pattern, path) {
                excluded = !rule.keep;
            }
        }
        excluded
    }

    /// Whether something below an excluded folder may still go in.
    pub fn takes_back(&self) -> bool {
        self.0.iter().any(|rule| rule.keep)
    }
}

/// The pattern matches the path, or a folder that the path is in.
fn covers(pattern: &Regex, path: &[u8]) -> bool {
    pattern.is_match(path)
        || path
            .iter()
            .enumerate()
            .any(|(at, byte)| *byte == b'/' && pattern.is_match(&path[..at]))
}

/// `./a//b/../c/` is `a/c`; a leading slash means the root, as does none.
fn clean(pattern: &str) -> String {
    let mut parts = PathBuf::new();
    for component in Path::new(pattern).components() {
        match component {
            Component::Normal(part) => parts.push(part),
            Component::ParentDir => {
                parts.pop();
            }
            _ => {}
        }
    }
    parts.to_string_lossy().into_owned()
}

/// Anything but a slash: one UTF-8 character, or a byte that is part of none.
const ONE_CHARACTER: &str = r"(?:[^/\x80-\xff]|[\xc2-\xf4][\x80-\xbf]{1,3}|[\x80-\xff])";

/// As a regular expression. `**` stands for any number of folders, `*` and `?` for anything
/// but a slash; sets and backslash escapes as in shell patterns. `None`: malformed.
fn translate(pattern: &str) -> Option<String> {
    let mut regex = String::from("(?s-u)^");
    let mut rest = pattern.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '*' if rest.next_if_eq(&'*').is_some() => {
                while rest.next_if_eq(&'*').is_some() {}
                rest.next_if_eq(&'/');
                regex.push_str(if rest.peek().is_none() {
                    ".*"
                } else {
                    "(?:.*/)?"
                });
            }
            '*' => regex.push_str("[^/]*"),
            '?' => regex.push_str(ONE_CHARACTER),
            '\\' => literal(&mut regex, rest.next()?),
            '[' => set(&mut regex, &mut rest)?,
            other => literal(&mut regex, other),
        }
    }
    regex.push('$');
    Some(regex)
}

/// `[abc]`, `[a-z]`, `[^a]`; the caller has read the bracket.
fn set(regex: &mut String, rest: &mut impl Iterator<Item = char>) -> Option<()> {
    let mut inner = String::new();
    let mut negated = false;
    let mut empty = true;
    loop {
        match rest.next()? {
            '^' if empty && !negated => negated = true,
            ']' if !empty => break,
            '-' => {
                inner.push('-');
                empty = false;
            }
            '\\' => {
                literal(&mut inner, rest.next()?);
                empty = false;
            }
            other => {
                literal(&mut inner, other);
                empty = false;
            }
        }
    }
    // A set never matches the slash; without Unicode a class cannot hold more than ASCII.
    if !inner.is_ascii() {
        return None;
    }
    regex.push_str(if negated { "[^/" } else { "[" });
    regex.push_str(&inner);
    regex.push(']');
    Some(())
}

fn literal(regex: &mut String, c: char) {
    regex.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excluded(rules: &str, paths: &[&str]) -> Vec<bool> {
        let rules = IgnoreRules::parse(rules).unwrap();
        paths
            .iter()
            .map(|path| rules.excludes(path.as_bytes()))
            .collect()
    }

    #[test]
    fn patterns_are_anchored_and_cover_what_is_below() {
        assert_eq!(
            excluded("target\n", &["target", "target/a/b", "a/target", "targets"]),
            [true, true, false, false]
        );
        assert_eq!(
            excluded("/a/b/\n", &["a/b", "a/b/c", "b"]),
            [true, true, false]
        );
        assert_eq!(
            excluded("./a/../b", &["b", "a", "a/b"]),
            [true, false, false]
        );
        assert_eq!(
            excluded("*/temp*", &["x/temp", "x/tempo/y", "temp", "x/y/temp"]),
            [true, true, false, false]
        );
    }

    #[test]
    fn two_stars_cross_folders_and_one_does_not() {
        assert_eq!(
            excluded("**/*.go", &["a.go", "x/y/a.go", "a.rs"]),
            [true, true, false]
        );
        assert_eq!(
            excluded("docs/**", &["docs/a", "docs/a/b", "docs", "doc"]),
            [true, true, false, false]
        );
        assert_eq!(
            excluded("a/**/z", &["a/z", "a/b/c/z", "az"]),
            [true, true, false]
        );
        assert_eq!(excluded("*.md", &["a.md", "x/a.md"]), [true, false]);
    }

    #[test]
    fn the_last_match_wins_even_below_an_excluded_folder() {
        let rules = "*.md\n!README*.md\nREADME-secret.md\n";
        assert_eq!(
            excluded(rules, &["a.md", "README.md", "README-secret.md"]),
            [true, false, true]
        );
        assert_eq!(
            excluded("out\n!out/keep\n", &["out", "out/x", "out/keep/y"]),
            [true, true, false]
        );
        assert!(
            IgnoreRules::parse("out\n! out/keep\n")
                .unwrap()
                .takes_back()
        );
    }

    #[test]
    fn comments_blanks_dots_and_odd_characters() {
        assert_eq!(
            excluded("# a\n\n   \n.\n/\n#b\n", &["a", "b", "# a"]),
            [false; 3]
        );
        assert_eq!(
            excluded("\u{feff}a\r\nb  \n", &["a", "b"]),
            [true, true],
            "byte order mark, carriage return, trailing blanks"
        );
        assert_eq!(
            excluded("a+(b).{c}$|^", &["a+(b).{c}$|^", "aab"]),
            [true, false]
        );
        assert_eq!(
            excluded("\\!x\n\\*", &["!x", "*", "y"]),
            [true, true, false]
        );
        assert_eq!(
            excluded("[a-c]x\n[^d]y\n[]]z", &["bx", "dx", "ey", "dy", "/y", "]z"]),
            [true, false, true, false, false, true]
        );
        assert!(IgnoreRules::parse("*\n").unwrap().excludes(b"\xff\xfe"));
        assert_eq!(
            excluded("?.é", &["ü.é", "x.é", "xx.é"]),
            [true, true, false]
        );
    }

    #[test]
    fn a_malformed_pattern_is_named_with_its_line() {
        let error = IgnoreRules::parse("ok\n[a-\n").unwrap_err();
        assert_eq!((error.line, error.pattern.as_str()), (2, "[a-"));
        assert!(IgnoreRules::parse("[z-a]").is_err());
    }
}
