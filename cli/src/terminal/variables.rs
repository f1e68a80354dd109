//! What a program inside may know about our terminal.

/// Terminals that the terminfo of a small image knows.
const COMMON: [&str; 10] = [
    "ansi",
    "linux",
    "rxvt",
    "screen",
    "screen-256color",
    "tmux",
    "tmux-256color",
    "vt100",
    "xterm",
    "xterm-256color",
];

/// Variables that describe our terminal. One that a small image would not know is described as
/// the common one that nearly all of them imitate.
pub(crate) fn variables() -> Vec<(&'static str, String)> {
    describe(|name| std::env::var(name).unwrap_or_default())
}

fn describe(env: impl Fn(&str) -> String) -> Vec<(&'static str, String)> {
    let mut term = env("TERM");
    if !COMMON.contains(&term.as_str()) {
        "xterm-256color".clone_into(&mut term);
    }
    let mut variables = vec![("TERM", term)];
    let colors = env("COLORTERM");
    if colors == "truecolor" || colors == "24bit" {
        variables.push(("COLORTERM", colors));
    }
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_terminals_are_called_by_a_common_name() {
        let term = |term: &str| {
            let described = describe(|name| match name {
                "TERM" => term.to_owned(),
                _ => "truecolor".to_owned(),
            });
            assert_eq!(described[1], ("COLORTERM", "truecolor".to_owned()));
            described[0].1.clone()
        };
        assert_eq!(term("xterm-kitty"), "xterm-256color");
        assert_eq!(term(""), "xterm-256color");
        assert_eq!(term("screen"), "screen");
        assert_eq!(describe(|_| String::new()).len(), 1);
    }
}
