//! git on the host, over a repository whose configuration an agent may have written.
//!
//! Hooks, the file system monitor and fetching of missing objects start programs that such a
//! configuration names. Filters cannot be switched off by name: nothing is checked out under it.

/// git that talks to nobody.
pub(super) fn offline(arguments: &[&str]) -> Vec<String> {
    command("GIT_ALLOW_PROTOCOL=none", arguments)
}

/// git that reads other repositories of this machine, and talks to nobody else.
pub(super) fn from_files(arguments: &[&str]) -> Vec<String> {
    command("GIT_ALLOW_PROTOCOL=file", arguments)
}

fn command(protocols: &str, arguments: &[&str]) -> Vec<String> {
    [
        "env",
        // It wins over `protocol.*.allow`.
        protocols,
        "GIT_NO_LAZY_FETCH=1",
        "git",
        "-c",
        "core.hooksPath=/dev/null",
        "-c",
        "core.fsmonitor=false",
    ]
    .iter()
    .chain(arguments)
    .map(|&word| word.to_owned())
    .collect()
}
