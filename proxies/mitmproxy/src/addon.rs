//! The files of the add-on, as they are put into the sidecar.

/// Standard parameters of RFC 7919 (ffdhe3072). mitmproxy writes such a file when there is
/// none, which a read-only folder would not let it.
pub(crate) const DHPARAM: &str = include_str!("../addon/dhparam.pem");

/// The arguments of mitmdump, one a line, with `{names}` to fill in. The add-on's own tests
/// start mitmdump with the same ones.
pub(crate) const ARGUMENTS: &str = include_str!("../addon/mitmdump.args");

macro_rules! files {
    ($($path:literal),* $(,)?) => {
        /// Path inside the add-on's folder, and text.
        pub(crate) const FILES: &[(&str, &str)] =
            &[$(($path, include_str!(concat!("../addon/", $path)))),*];
    };
}

files![
    "entry.py",
    "probe.py",
    "bottle_addon/__init__.py",
    "bottle_addon/assemble.py",
    "bottle_addon/connections.py",
    "bottle_addon/dlp.py",
    "bottle_addon/events.py",
    "bottle_addon/fields.py",
    "bottle_addon/hosts.py",
    "bottle_addon/netguard.py",
    "bottle_addon/policy.py",
    "bottle_addon/ready.py",
    "bottle_addon/refuse.py",
    "bottle_addon/request.py",
    "bottle_addon/requests.py",
    "bottle_addon/responses.py",
    "bottle_addon/route.py",
    "bottle_addon/rules.py",
    "bottle_addon/scan.py",
    "bottle_addon/setup.py",
    "bottle_addon/state.py",
    "bottle_addon/store.py",
    "bottle_addon/streams.py",
    "bottle_addon/vault.py",
    "bottle_addon/wire.py",
];

/// The arguments with `values` filled in.
pub(crate) fn arguments(values: &[(&str, &str)]) -> Vec<String> {
    ARGUMENTS
        .lines()
        .map(|line| {
            values.iter().fold(line.to_owned(), |line, (name, value)| {
                line.replace(&format!("{{{name}}}"), value)
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::Path};

    use super::*;

    /// A module that is not listed would be missing in the sidecar only.
    #[test]
    fn every_file_of_the_folder_is_here() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("addon");
        let mut found = BTreeSet::new();
        for (below, prefix) in [
            (folder.clone(), ""),
            (folder.join("bottle_addon"), "bottle_addon/"),
        ] {
            for entry in std::fs::read_dir(below).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                if Path::new(&name).extension().is_some_and(|ext| ext == "py") {
                    found.insert(format!("{prefix}{name}"));
                }
            }
        }
        let listed: BTreeSet<String> = FILES.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(listed, found);
    }

    #[test]
    fn every_name_is_filled_in() {
        let filled = arguments(&[
            ("mode", "regular"),
            ("listen", "0.0.0.0"),
            ("port", "8080"),
            ("conf", "/conf"),
            ("body_limit", "64m"),
        ]);
        assert!(
            filled.iter().all(|argument| !argument.contains('{')),
            "{filled:?}"
        );
        assert_eq!(filled[..2], ["--mode", "regular"]);
    }
}
