//! The keys that leave an agent without ending it.

use std::{fmt, str::FromStr};

/// A short sequence of keys, written as `ctrl-p,ctrl-q`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DetachKeys(Vec<Key>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Plain(u8),
    Control(u8),
}

/// More would make the patterns many and nobody's fingers happy.
const MAX_KEYS: usize = 4;

impl Default for DetachKeys {
    fn default() -> Self {
        Self(vec![Key::Control(b'p'), Key::Control(b'q')])
    }
}

impl FromStr for DetachKeys {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let keys = text.split(',').map(key).collect::<Option<Vec<_>>>();
        keys.filter(|keys| keys.len() <= MAX_KEYS)
            .map(Self)
            .ok_or_else(|| {
                format!(
                    "write up to {MAX_KEYS} keys such as `ctrl-p,ctrl-q`, `ctrl-]` or `a`, \
                     separated by commas"
                )
            })
    }
}

fn key(text: &str) -> Option<Key> {
    if let Some(name) = text.strip_prefix("ctrl-") {
        return match name.as_bytes() {
            [c @ (b'a'..=b'z' | b'@' | b'[' | b'\\' | b']' | b'^' | b'_')] => {
                Some(Key::Control(*c))
            }
            _ => None,
        };
    }
    match text.as_bytes() {
        [c] if c.is_ascii_graphic() => Some(Key::Plain(*c)),
        _ => None,
    }
}

impl fmt::Display for DetachKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, key) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            match key {
                Key::Plain(c) => write!(f, "{comma}{}", char::from(*c))?,
                Key::Control(c) => write!(f, "{comma}ctrl-{}", char::from(*c))?,
            }
        }
        Ok(())
    }
}

impl Key {
    /// What a terminal may send for it. Agents switch on keyboard protocols in which a control
    /// key is no longer one byte: `CSI code ; 5 u` and `CSI 27 ; 5 ; code ~`.
    fn encodings(self) -> Vec<Vec<u8>> {
        match self {
            Self::Plain(c) => vec![vec![c]],
            Self::Control(c) => vec![
                vec![c & 0x1f],
                format!("\x1b[{c};5u").into_bytes(),
                format!("\x1b[{c};5:1u").into_bytes(),
                format!("\x1b[27;5;{c}~").into_bytes(),
            ],
        }
    }
}

/// Finds the keys in what is typed.
#[derive(Debug)]
pub(crate) struct Matcher {
    /// Whole sequences.
    patterns: Vec<Vec<u8>>,
    /// Their beginnings that end where a key ends.
    beginnings: Vec<Vec<u8>>,
    held: Vec<u8>,
}

/// What to do with a piece of input.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Matched {
    /// Goes to the agent.
    pub(crate) forward: Vec<u8>,
    /// The keys were pressed; what follows them is dropped.
    pub(crate) detach: bool,
}

impl Matcher {
    pub(crate) fn new(keys: &DetachKeys) -> Self {
        let mut beginnings = vec![];
        let mut patterns = vec![vec![]];
        for key in &keys.0 {
            beginnings.append(&mut patterns.clone());
            let endings = key.encodings();
            patterns = patterns
                .iter()
                .flat_map(|head| endings.iter().map(|end| [&head[..], end].concat()))
                .collect();
        }
        Self {
            patterns,
            beginnings,
            held: vec![],
        }
    }

    /// Takes what one read returned. A key of the sequence is held back until the next one shows
    /// whether it was meant for us; half of an escape sequence never is, or the Escape key would
    /// only work together with the next one.
    pub(crate) fn feed(&mut self, input: &[u8]) -> Matched {
        let mut forward = vec![];
        for byte in input {
            self.held.push(*byte);
            while !self.patterns.iter().any(|p| p.starts_with(&self.held)) {
                forward.push(self.held.remove(0));
            }
            if self.patterns.contains(&self.held) {
                self.held.clear();
                return Matched {
                    forward,
                    detach: true,
                };
            }
        }
        if !self.beginnings.contains(&self.held) {
            forward.append(&mut self.held);
        }
        Matched {
            forward,
            detach: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(matcher: &mut Matcher, input: &str) -> (String, bool) {
        let found = matcher.feed(input.as_bytes());
        (String::from_utf8(found.forward).unwrap(), found.detach)
    }

    fn with(keys: &str) -> Matcher {
        Matcher::new(&keys.parse().unwrap())
    }

    #[test]
    fn written_and_read_back() {
        for text in ["ctrl-p,ctrl-q", "ctrl-]", "a,ctrl-@,~"] {
            assert_eq!(text.parse::<DetachKeys>().unwrap().to_string(), text);
        }
        assert_eq!(DetachKeys::default().to_string(), "ctrl-p,ctrl-q");
        for bad in [
            "",
            "ctrl-",
            "ctrl-P",
            "ctrl-pp",
            "ab",
            "a,",
            "a,b,c,d,e",
            "é",
        ] {
            assert!(bad.parse::<DetachKeys>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn in_one_read_or_in_two() {
        let mut m = with("ctrl-p,ctrl-q");
        assert_eq!(feed(&mut m, "ab\x10\x11cd"), ("ab".into(), true));
        assert_eq!(feed(&mut m, "x\x10"), ("x".into(), false));
        assert_eq!(feed(&mut m, "\x11"), (String::new(), true));
    }

    #[test]
    fn what_was_held_is_sent_when_it_was_not_meant() {
        let mut m = with("ctrl-p,ctrl-q");
        assert_eq!(feed(&mut m, "\x10"), (String::new(), false));
        assert_eq!(feed(&mut m, "a"), ("\x10a".into(), false));
        assert_eq!(feed(&mut m, "\x10\x10"), ("\x10".into(), false));
        assert_eq!(feed(&mut m, "\x11"), (String::new(), true));
    }

    #[test]
    fn a_lone_escape_is_not_held() {
        let mut m = with("ctrl-p,ctrl-q");
        assert_eq!(feed(&mut m, "\x1b"), ("\x1b".into(), false));
        assert_eq!(feed(&mut m, "\x1b[A"), ("\x1b[A".into(), false));
        assert_eq!(feed(&mut m, "\x10\x1b"), ("\x10\x1b".into(), false));
    }

    #[test]
    fn newer_keyboard_protocols() {
        let mut m = with("ctrl-p,ctrl-q");
        assert_eq!(feed(&mut m, "\x1b[112;5u"), (String::new(), false));
        assert_eq!(feed(&mut m, "\x1b[113;5u"), (String::new(), true));
        assert_eq!(
            feed(&mut m, "\x1b[27;5;112~\x1b[27;5;113~"),
            (String::new(), true)
        );
        assert_eq!(feed(&mut m, "\x1b[112;5ux"), ("\x1b[112;5ux".into(), false));
    }
}
