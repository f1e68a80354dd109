//! Image references: checked before they become part of a request's path.

use std::fmt;

/// The registry meant when a reference names none.
const DEFAULT_REGISTRY: &str = "docker.io";
/// The longest name and tag the registries' grammar allows.
const MAX_NAME: usize = 255;
const MAX_TAG: usize = 128;

/// A reference taken apart: `registry/path:tag@digest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageReference {
    name: String,
    tag: Option<String>,
    digest: Option<String>,
}

/// Why a reference is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{reference}` is no image reference: {reason}")]
pub struct ReferenceError {
    /// What was given.
    pub reference: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl ImageReference {
    /// Reads `name[:tag][@digest]`. Without tag and digest, `latest` is meant.
    pub fn parse(reference: &str) -> Result<Self, ReferenceError> {
        let bad = |reason| ReferenceError {
            reference: reference.to_owned(),
            reason,
        };
        let (rest, digest) = match reference.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (reference, None),
        };
        // A colon belongs to the tag only behind the last slash; before it, it is a port.
        let last = rest.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match rest[last..].split_once(':') {
            Some((part, tag)) => (&rest[..last + part.len()], Some(tag)),
            None => (rest, None),
        };
        if name.is_empty() {
            return Err(bad("the name is missing"));
        }
        if name.len() > MAX_NAME {
            return Err(bad("the name is longer than 255 characters"));
        }
        check_name(name).map_err(bad)?;
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(bad(
                "a tag is made of letters, digits, `_`, `.` and `-`, 128 at most",
            ));
        }
        if digest.is_some_and(|digest| !is_digest(digest)) {
            return Err(bad("a digest is `sha256:` and 64 hexadecimal digits"));
        }
        Ok(Self {
            name: name.to_owned(),
            tag: tag.map(str::to_owned),
            digest: digest.map(str::to_owned),
        })
    }

    /// The name as it was written, without tag and digest.
    pub fn name(&self) -> &str {
        &self.name
    }
    /// What is asked of the registry: the digest if there is one, else the tag, else `latest`.
    pub fn version(&self) -> &str {
        self.digest
            .as_deref()
            .or(self.tag.as_deref())
            .unwrap_or("latest")
    }
    /// The registry's host and port.
    pub fn registry(&self) -> &str {
        registry_part(&self.name).unwrap_or(DEFAULT_REGISTRY)
    }
    /// The same with its registry, as a program must be told that has other ideas of what a name
    /// without one means: `docker.io/library/debian:latest`.
    pub fn canonical(&self) -> String {
        let name = match registry_part(&self.name) {
            Some(_) => self.name.clone(),
            None if self.name.contains('/') => format!("{DEFAULT_REGISTRY}/{}", self.name),
            None => format!("{DEFAULT_REGISTRY}/library/{}", self.name),
        };
        match &self.digest {
            Some(digest) => format!("{name}@{digest}"),
            None => format!("{name}:{}", self.version()),
        }
    }
    /// Whether it is on Docker's own registry, whose credentials are stored under another name.
    pub fn is_default_registry(&self) -> bool {
        matches!(self.registry(), DEFAULT_REGISTRY | "index.docker.io")
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match (&self.tag, &self.digest) {
            (_, Some(digest)) => write!(f, "@{digest}"),
            (None, None) => f.write_str(":latest"),
            (Some(_), None) => Ok(()),
        }
    }
}

/// The first part is a registry when it looks like a host: it holds a dot or a port, or is
/// `localhost`.
fn registry_part(name: &str) -> Option<&str> {
    let (first, _) = name.split_once('/')?;
    (first.contains(['.', ':']) || first == "localhost").then_some(first)
}

fn check_name(name: &str) -> Result<(), &'static str> {
    let path = match registry_part(name) {
        Some(host) => {
            if !is_host(host) {
                return Err("the registry is no host name");
            }
            &name[host.len() + 1..]
        }
        None => name,
    };
    if path.split('/').all(is_component) {
        Ok(())
    } else {
        Err(
            "the parts of a name are lower-case letters and digits with `.`, `_` or `-` between them",
        )
    }
}

fn is_host(host: &str) -> bool {
    let (host, port) = match host.rsplit_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (host, None),
    };
    let label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.split('.').all(label) && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

fn is_component(part: &str) -> bool {
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = part.as_bytes();
    bytes.first().copied().is_some_and(word)
        && bytes.last().copied().is_some_and(word)
        && bytes
            .iter()
            .all(|&b| word(b) || matches!(b, b'.' | b'_' | b'-'))
        && !part.contains("..")
}

fn is_tag(tag: &str) -> bool {
    (1..=MAX_TAG).contains(&tag.len())
        && tag
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
        && !tag.starts_with(['.', '-'])
}

fn is_digest(digest: &str) -> bool {
    digest
        .strip_prefix("sha256:")
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_apart() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (text, name, version, registry, shown) in [
            ("debian", "debian", "latest", "docker.io", "debian:latest"),
            (
                "debian:bookworm-slim",
                "debian",
                "bookworm-slim",
                "docker.io",
                "debian:bookworm-slim",
            ),
            (
                "ghcr.io/a/b_c:1.2",
                "ghcr.io/a/b_c",
                "1.2",
                "ghcr.io",
                "ghcr.io/a/b_c:1.2",
            ),
            (
                "localhost:5000/x",
                "localhost:5000/x",
                "latest",
                "localhost:5000",
                "localhost:5000/x:latest",
            ),
            (
                "localhost/x",
                "localhost/x",
                "latest",
                "localhost",
                "localhost/x:latest",
            ),
            ("a/b", "a/b", "latest", "docker.io", "a/b:latest"),
        ] {
            let parsed = ImageReference::parse(text).unwrap();
            assert_eq!(parsed.name(), name);
            assert_eq!(parsed.version(), version);
            assert_eq!(parsed.registry(), registry);
            assert_eq!(parsed.to_string(), shown);
        }
        let pinned = ImageReference::parse(&format!("x/y:1@{digest}")).unwrap();
        assert_eq!(pinned.version(), digest);
        assert_eq!(pinned.to_string(), format!("x/y:1@{digest}"));
    }

    #[test]
    fn what_could_change_a_request_is_refused() {
        for text in [
            "",
            ":tag",
            "a/../../containers/x",
            "a?b=c",
            "a#b",
            "a%2fb",
            "a b",
            "a\nb",
            "A/b",
            "a//b",
            "/a",
            "a/",
            "-a",
            "a:",
            "a:-x",
            "a:x/y",
            "a@sha256:12",
            "a@md5:x",
            "a@",
            "ex ample.com/a",
            "example.com:x/a",
            &"a".repeat(300),
            &format!("a:{}", "t".repeat(129)),
        ] {
            assert!(ImageReference::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_full_name_says_its_registry() {
        for (short, full) in [
            ("debian", "docker.io/library/debian:latest"),
            ("a/b:1", "docker.io/a/b:1"),
            ("ghcr.io/a/b:1", "ghcr.io/a/b:1"),
            ("localhost/a", "localhost/a:latest"),
        ] {
            assert_eq!(ImageReference::parse(short).unwrap().canonical(), full);
        }
    }
}
