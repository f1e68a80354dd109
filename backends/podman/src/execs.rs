//! What execs leave behind. The engine keeps a `conmon` for each, asleep for five minutes after
//! its program's end, to forget the exec then; the container's removal does not wake it.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

use crate::client::Client;

/// Ends those of a container that is gone. Only on this machine, and as far as we may: others
/// end by themselves.
pub(crate) async fn end_watchers(client: &Client, container: &str) {
    // An incomplete id could fit another's.
    let may = client.is_own() || (client.uid.is_some() && rustix::process::geteuid().is_root());
    if !may || container.len() < 64 {
        return;
    }
    let container = container.to_owned();
    // Reading all of /proc may take a while.
    let _ = tokio::task::spawn_blocking(move || {
        for pid in watchers(&container) {
            // Gone already is as good.
            let _ = kill_process(pid, Signal::KILL);
        }
    })
    .await;
}

/// The processes that watch, or watched, an exec of this container.
fn watchers(container: &str) -> Vec<Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            let line = fs::read(entry.path().join("cmdline")).ok()?;
            is_watcher(&line, container).then_some(())?;
            Pid::from_raw(pid)
        })
        .collect()
}

/// `conmon ... -c CONTAINER -u EXEC ... -e ...`.
fn is_watcher(line: &[u8], container: &str) -> bool {
    let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
    let program = words
        .first()
        .and_then(|it| it.rsplit(|b| *b == b'/').next());
    let value = |flag: &[u8]| {
        let at = words.iter().position(|word| *word == flag)?;
        words.get(at + 1).copied()
    };
    program == Some(b"conmon")
        && value(b"-c") == Some(container.as_bytes())
        // The container's own has the same name twice.
        && value(b"-u").is_some_and(|exec| exec != container.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_watchers_of_this_containers_execs() {
        let line = |words: &str| words.replace(' ', "\0").into_bytes();
        for (words, is) in [
            (
                "/usr/bin/conmon --api-version 1 -c aa -u bb -r runc -e",
                true,
            ),
            ("conmon -c aa -u aa", false),
            ("conmon -c cc -u bb", false),
            ("sh -c aa -u bb", false),
            ("conmon -c", false),
            ("", false),
        ] {
            assert_eq!(is_watcher(&line(words), "aa"), is, "{words}");
        }
    }
}
