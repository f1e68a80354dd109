//! Single values, the same from a file, a variable or a flag.

use bottle_api::{DlpMode, Guarantee, HostPattern, RuntimeChoice, WorkspaceMode};
use bytesize::ByteSize;
use ipnet::Ipv4Net;

use crate::{
    diagnostic::{Diagnostic, Sink},
    source::Located,
    suggest,
};

/// A text, where it is, and where complaints go.
#[derive(Clone, Copy)]
pub(crate) struct Word<'a> {
    pub(crate) text: &'a Located<String>,
    pub(crate) sink: &'a Sink,
}

/// 1 PiB. The parser of sizes turns whatever is too big for it into the biggest it knows.
const MOST_BYTES: u64 = 1 << 50;

impl<'a> Word<'a> {
    pub(crate) fn new(text: &'a Located<String>, sink: &'a Sink) -> Self {
        Self { text, sink }
    }
    fn refuse<T>(
        self,
        message: impl Into<String>,
        label: &str,
        hint: impl Into<String>,
    ) -> Option<T> {
        let diagnostic = Diagnostic::error(message).at(&self.text.source, label);
        self.sink.push(diagnostic.hint(hint));
        None
    }
    fn accept<T>(self, value: T) -> Located<T> {
        Located::new(value, self.text.source.clone())
    }

    /// One of these words.
    pub(crate) fn choice<T: Copy>(self, what: &str, choices: &[(&str, T)]) -> Option<Located<T>> {
        let found = choices.iter().find(|(name, _)| *name == self.text.value);
        if let Some((_, value)) = found {
            Some(self.accept(*value))
        } else {
            let names = choices.iter().map(|(name, _)| *name);
            let hint = suggest::hint(self.text, names, "it can be");
            let message = format!("unknown {what} `{}`", self.text.value);
            self.refuse(message, "unknown", hint)
        }
    }
    pub(crate) fn host(self) -> Option<Located<HostPattern>> {
        match self.text.parse::<HostPattern>() {
            Ok(host) => Some(self.accept(host)),
            Err(error) => {
                let (message, example) = split_host_error(&error.to_string());
                let hint = host_hint(self.text).unwrap_or(example);
                self.refuse(message, "not a host pattern", hint)
            }
        }
    }
    pub(crate) fn runtime(self) -> Option<Located<RuntimeChoice>> {
        match self.text.as_str() {
            "auto" => Some(self.accept(RuntimeChoice::Auto)),
            "" => self.refuse(
                "the runtime is empty",
                "empty",
                "write `auto`, or a name the engine knows, such as `runsc`",
            ),
            name => Some(self.accept(RuntimeChoice::Named(name.to_owned()))),
        }
    }
    pub(crate) fn guarantee(self) -> Option<Located<Guarantee>> {
        let all: Vec<_> = Guarantee::ALL
            .iter()
            .map(|one| (one.as_str(), *one))
            .collect();
        self.choice("guarantee", &all)
    }
    pub(crate) fn dlp(self) -> Option<Located<DlpMode>> {
        self.choice(
            "dlp mode",
            &[
                ("block", DlpMode::Block),
                ("warn", DlpMode::Warn),
                ("off", DlpMode::Off),
            ],
        )
    }
    pub(crate) fn mode(self) -> Option<Located<WorkspaceMode>> {
        self.choice(
            "workspace mode",
            &[
                ("bind", WorkspaceMode::Bind),
                ("copy", WorkspaceMode::Copy),
                ("clone", WorkspaceMode::Clone),
                ("worktree", WorkspaceMode::Worktree),
                ("none", WorkspaceMode::None),
            ],
        )
    }
    /// Bytes; `None` is no limit.
    pub(crate) fn size(self, at_least: u64) -> Option<Located<Option<u64>>> {
        if self.text.value == "unlimited" {
            return Some(self.accept(None));
        }
        match self.text.parse::<ByteSize>() {
            Err(_) => self.refuse(
                format!("`{}` is not a size", self.text.value),
                "not a size",
                SIZE_HINT,
            ),
            Ok(size) if size.as_u64() < at_least => self.refuse(
                format!(
                    "{} is too little; {} is the least",
                    size,
                    ByteSize::b(at_least)
                ),
                "too little",
                SIZE_HINT,
            ),
            Ok(size) if size.as_u64() > MOST_BYTES => self.refuse(
                format!("{} is more than any machine has", self.text.value),
                "too much",
                SIZE_HINT,
            ),
            Ok(size) => Some(self.accept(Some(size.as_u64()))),
        }
    }
    /// Thousandths of a core; `None` is no limit.
    pub(crate) fn cpus(self) -> Option<Located<Option<u64>>> {
        if self.text.value == "unlimited" {
            return Some(self.accept(None));
        }
        match self.text.parse::<f64>() {
            Ok(cores) if (0.01..=4096.0).contains(&cores) => {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "between 10 and 4096000 after the check above"
                )]
                let thousandths = (cores * 1000.0).round() as u64;
                Some(self.accept(Some(thousandths)))
            }
            _ => self.refuse(
                format!("`{}` is not a number of processors", self.text.value),
                "not a number of processors",
                "write a number such as `2` or `1.5`, or `unlimited`",
            ),
        }
    }
    /// A whole number; `None` is no limit.
    pub(crate) fn count(self, what: &str, at_least: u64) -> Option<Located<Option<u64>>> {
        if self.text.value == "unlimited" {
            return Some(self.accept(None));
        }
        match self.text.parse::<u64>() {
            Ok(count) if count >= at_least => Some(self.accept(Some(count))),
            _ => self.refuse(
                format!("`{}` is not a number of {what}", self.text.value),
                "not such a number",
                format!("write a whole number from {at_least} up, or `unlimited`"),
            ),
        }
    }
    /// The name of a bottle.
    pub(crate) fn slug(self) -> Option<Located<String>> {
        let slug = slug(self.text);
        if slug == self.text.value && !slug.is_empty() {
            return Some(self.accept(slug));
        }
        let hint = if slug.is_empty() {
            "use lower-case letters, digits and hyphens".to_owned()
        } else {
            format!("use lower-case letters, digits and hyphens: `{slug}`")
        };
        let message = format!("`{}` cannot be the name of a bottle", self.text.value);
        self.refuse(message, "not a name", hint)
    }
    /// The name of an environment variable.
    pub(crate) fn variable(self) -> Option<Located<String>> {
        if is_variable(self.text) {
            return Some(self.accept(self.text.value.clone()));
        }
        self.refuse(
            "this is not the name of an environment variable",
            "not a name",
            "names are letters, digits and `_`, and do not begin with a digit",
        )
    }
    /// Words separated by commas; `none` or nothing is the empty list.
    pub(crate) fn names(self) -> Located<Vec<Located<String>>> {
        let names = match self.text.trim() {
            "" | "none" => vec![],
            list => list
                .split(',')
                .map(|name| self.accept(name.trim().to_owned()))
                .collect(),
        };
        self.accept(names)
    }
    pub(crate) fn pool(self) -> Option<Located<Ipv4Net>> {
        match self.text.parse::<Ipv4Net>() {
            Ok(net) if (8..=26).contains(&net.prefix_len()) => Some(self.accept(net.trunc())),
            _ => self.refuse(
                format!("`{}` is not a pool of addresses", self.text.value),
                "not a pool",
                "write an IPv4 network between /8 and /26, such as `10.213.0.0/16`",
            ),
        }
    }
}

const SIZE_HINT: &str = "write a size such as `512MiB` or `4GiB`, or `unlimited`";

/// Lower-case letters, digits and single hyphens, forty at most.
pub(crate) fn slug(text: &str) -> String {
    let mut slug = String::new();
    for c in text.to_lowercase().chars() {
        let good = c.is_ascii_lowercase() || c.is_ascii_digit();
        if good {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() == 40 {
            break;
        }
    }
    slug.trim_end_matches('-').to_owned()
}

pub(crate) fn is_variable(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !text.is_empty() && text.bytes().all(good) && !text.as_bytes()[0].is_ascii_digit()
}

/// "what and why" and "write ...".
fn split_host_error(text: &str) -> (String, String) {
    match text.split_once("; ") {
        Some((message, hint)) => (message.to_owned(), hint.to_owned()),
        None => (text.to_owned(), String::new()),
    }
}

/// What the author may have meant by an URL or `host:port`.
fn host_hint(text: &str) -> Option<String> {
    let bare = text.split_once("://").map_or(text, |(_, rest)| rest);
    let (authority, path) = match bare.split_once('/') {
        Some((authority, path)) => (authority, Some(path)),
        None => (bare, None),
    };
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    if host == text || host.parse::<HostPattern>().is_err() {
        return None;
    }
    let path = path.filter(|path| !path.is_empty());
    if port.is_none() && path.is_none() {
        return Some(format!("write `{host}`"));
    }
    let port = port.filter(|port| port.parse::<u16>().is_ok());
    let form = [
        Some(format!("host = \"{host}\"")),
        port.map(|port| format!("ports = [{port}]")),
        path.map(|path| format!("paths = [\"/{path}\"]")),
    ];
    let form: Vec<String> = form.into_iter().flatten().collect();
    Some(format!("in `allow`, write `{{ {} }}`", form.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls a method of [`Word`]; `None` exactly when it reported something.
    macro_rules! word {
        ($text:expr, $method:ident $(, $argument:expr)*) => {{
            let text = Located::default_value($text.to_owned());
            let sink = Sink::default();
            let value = Word::new(&text, &sink).$method($($argument),*);
            assert_eq!(value.is_none(), !sink.is_empty(), "{}", $text);
            value.map(|value| value.value)
        }};
    }

    #[test]
    fn sizes_and_numbers() {
        let size = |text: &str| word!(text, size, 1 << 20);
        assert_eq!(size("4GiB"), Some(Some(4 << 30)));
        assert_eq!(size("1.5 GiB"), Some(Some(3 << 29)));
        assert_eq!(size("2097152"), Some(Some(2 << 20)));
        assert_eq!(size("unlimited"), Some(None));
        for bad in ["4 gigs", "", "-1", "1KiB", "GiB"] {
            assert_eq!(size(bad), None, "{bad}");
        }
        for absurd in ["99999999999999999999GiB", "2PiB", "18446744073709551615"] {
            assert_eq!(size(absurd), None, "{absurd}");
        }
        assert_eq!(word!("1.5", cpus), Some(Some(1500)));
        for bad in ["0", "-1", "nan", "inf", "two", "1e9"] {
            assert_eq!(word!(bad, cpus), None, "{bad}");
        }
        assert_eq!(word!("64", count, "processes", 16), Some(Some(64)));
        assert_eq!(word!("8", count, "processes", 16), None);
    }

    #[test]
    fn names_and_pools() {
        assert_eq!(slug("My Repo (2)"), "my-repo-2");
        assert_eq!(slug("--"), "");
        assert_eq!(word!("fix-2", slug).as_deref(), Some("fix-2"));
        assert_eq!(word!("Fix", slug), None);
        assert_eq!(word!("A_1", variable).as_deref(), Some("A_1"));
        for bad in ["", "1A", "A-B", "A=B"] {
            assert_eq!(word!(bad, variable), None, "{bad}");
        }
        assert_eq!(
            word!("10.9.1.7/16", pool)
                .map(|net| net.to_string())
                .as_deref(),
            Some("10.9.0.0/16")
        );
        for bad in ["10.0.0.0", "10.0.0.0/28", "fd00::/16"] {
            assert_eq!(word!(bad, pool), None, "{bad}");
        }
    }

    #[test]
    fn urls_get_the_form_that_works() {
        for (text, hint) in [
            ("https://a.b", Some("write `a.b`")),
            (
                "a.b:8443",
                Some("in `allow`, write `{ host = \"a.b\", ports = [8443] }`"),
            ),
            (
                "https://a.b/c/**",
                Some("in `allow`, write `{ host = \"a.b\", paths = [\"/c/**\"] }`"),
            ),
            ("*", None),
            ("::1", None),
        ] {
            assert_eq!(host_hint(text).as_deref(), hint, "{text}");
        }
    }
}
