//! Colours and signs. Both are redundant: a text without them says the same.

use std::io::IsTerminal;

use anstyle::{AnsiColor, Style as Ansi};

use crate::args::ColorWhen;

/// What a piece of text means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// It holds.
    Good,
    /// Look at this.
    Warn,
    /// It failed.
    Bad,
    /// A heading.
    Strong,
    /// Less important.
    Dim,
}

/// How text is decorated on one of the two outputs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    color: bool,
    unicode: bool,
}

impl Style {
    /// No colours, ASCII only.
    #[cfg(test)]
    pub(crate) const PLAIN: Self = Self {
        color: false,
        unicode: false,
    };
    /// No colours, with signs beyond ASCII.
    #[cfg(test)]
    pub(crate) const SIGNS: Self = Self {
        color: false,
        unicode: true,
    };

    /// Decides for an output.
    pub(crate) fn of(output: &impl IsTerminal, when: ColorWhen) -> Self {
        let env = |name: &str| std::env::var(name).unwrap_or_default();
        Self::decide(when, output.is_terminal(), env)
    }

    fn decide(when: ColorWhen, terminal: bool, env: impl Fn(&str) -> String) -> Self {
        let color = match when {
            ColorWhen::Always => true,
            ColorWhen::Never => false,
            ColorWhen::Auto => terminal && env("NO_COLOR").is_empty() && env("TERM") != "dumb",
        };
        // The first of these that is set decides, as in every C library.
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .map(env)
            .into_iter()
            .find(|value| !value.is_empty())
            .unwrap_or_default()
            .to_ascii_lowercase();
        Self {
            color,
            unicode: locale.contains("utf-8") || locale.contains("utf8"),
        }
    }

    /// Whether colours are used.
    pub(crate) fn colors(self) -> bool {
        self.color
    }

    /// Decorates a text.
    pub(crate) fn paint(self, tone: Tone, text: &str) -> String {
        if !self.color || text.is_empty() {
            return text.to_owned();
        }
        let style = match tone {
            Tone::Good => Ansi::new().fg_color(Some(AnsiColor::Green.into())),
            Tone::Warn => Ansi::new().fg_color(Some(AnsiColor::Yellow.into())),
            Tone::Bad => Ansi::new().fg_color(Some(AnsiColor::Red.into())).bold(),
            Tone::Strong => Ansi::new().bold(),
            Tone::Dim => Ansi::new().dimmed(),
        };
        format!("{style}{text}{style:#}")
    }

    /// An arrow between two parts of the chain.
    pub(crate) fn arrow(self) -> &'static str {
        if self.unicode { "──▶" } else { "-->" }
    }

    /// The sign of something that holds or does not.
    pub(crate) fn mark(self, holds: bool) -> &'static str {
        match (self.unicode, holds) {
            (true, true) => "✓",
            (true, false) => "✗",
            (false, true) => "+",
            (false, false) => "-",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(when: ColorWhen, terminal: bool, set: &[(&str, &str)]) -> Style {
        Style::decide(when, terminal, |name| {
            let found = set.iter().find(|(key, _)| *key == name);
            found.map_or(String::new(), |(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn colours_follow_flag_terminal_and_environment() {
        use ColorWhen::{Always, Auto, Never};
        assert!(decide(Auto, true, &[]).color);
        assert!(!decide(Auto, false, &[]).color);
        assert!(!decide(Auto, true, &[("NO_COLOR", "1")]).color);
        assert!(decide(Auto, true, &[("NO_COLOR", "")]).color);
        assert!(!decide(Auto, true, &[("TERM", "dumb")]).color);
        assert!(decide(Always, false, &[("NO_COLOR", "1")]).color);
        assert!(!decide(Never, true, &[]).color);
    }

    #[test]
    fn signs_follow_the_first_locale_variable_that_is_set() {
        let unicode = |set: &[(&str, &str)]| decide(ColorWhen::Never, true, set).unicode;
        assert!(unicode(&[("LANG", "en_GB.UTF-8")]));
        assert!(!unicode(&[("LC_ALL", "C"), ("LANG", "en_GB.UTF-8")]));
        assert!(!unicode(&[]));
    }

    #[test]
    fn without_colours_nothing_is_added() {
        assert_eq!(Style::PLAIN.paint(Tone::Bad, "x"), "x");
        let color = Style {
            color: true,
            unicode: false,
        };
        assert_eq!(color.paint(Tone::Strong, "x"), "\u{1b}[1mx\u{1b}[0m");
    }
}
