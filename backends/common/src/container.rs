//! What every engine's request for a container is made of.

use std::{net::IpAddr, time::Duration};

use bottle_api::{
    BackendError, BackendErrorKind, ContainerPlan, ExposeSecret, Mount, SecretString,
};

use crate::Attempt;

/// gVisor's own threads count too, and too few kill it at the first exec.
pub const MIN_PIDS_OWN_KERNEL: u64 = 512;
/// Where a closed resolver asks: the container's own loopback.
pub const NOBODY: &str = "127.0.0.1";
/// What keeps a question without an answer short.
pub const IMPATIENT: [&str; 2] = ["timeout:1", "attempts:1"];
/// What makes a multi-homed hop a strict host: it passes nothing on between its networks, and
/// answers on each only for its address there.
pub const STRICT_HOST: [(&str, &str); 2] = [
    ("net.ipv4.ip_forward", "0"),
    ("net.ipv4.conf.all.arp_ignore", "1"),
];

/// Seconds, rounded up.
pub fn whole_seconds(time: Duration) -> i64 {
    signed(time.as_secs() + u64::from(time.subsec_nanos() > 0))
}

/// As engines count.
pub fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Folders in memory: where, and with which options.
pub fn tmpfs(plan: &ContainerPlan) -> impl Iterator<Item = (&String, Vec<String>)> {
    // Where nothing else can be written and run, memory shall not be the exception.
    let exec = if plan.hardening.read_only_rootfs {
        "noexec"
    } else {
        "exec"
    };
    plan.mounts.iter().filter_map(move |mount| match mount {
        Mount::Tmpfs { target, size, mode } => {
            let mut options = ["rw", "nosuid", "nodev", exec].map(str::to_owned).to_vec();
            options.extend([format!("size={size}"), format!("mode={mode:o}")]);
            Some((target, options))
        }
        Mount::Bind { .. } | Mount::Volume { .. } => None,
    })
}

/// Engines repeat a variable they refuse, value included, so nothing refusable is sent.
pub fn check_env(
    attempt: &Attempt<'_>,
    env: &[(String, SecretString)],
) -> Result<(), BackendError> {
    for (name, value) in env {
        let reason = if name.is_empty() {
            "an environment variable has no name".to_owned()
        } else if name.contains(['=', '\0']) {
            format!("environment variable `{name}`: the name holds `=` or a zero byte")
        } else if value.expose_secret().contains('\0') {
            format!("environment variable `{name}`: the value holds a zero byte")
        } else {
            continue;
        };
        return Err(attempt.error(BackendErrorKind::Other, &reason));
    }
    Ok(())
}

/// Names that would be more than a name in `/etc/hosts` are refused.
pub fn check_hosts(attempt: &Attempt<'_>, hosts: &[(String, IpAddr)]) -> Result<(), BackendError> {
    for (name, _) in hosts {
        if name.is_empty() || name.contains([':', ' ', '\t', '\n', '#']) {
            return Err(attempt.error(
                BackendErrorKind::Other,
                &format!("`{name}` is no name for a line of `/etc/hosts`"),
            ));
        }
    }
    Ok(())
}

/// What helps when the program of a container is not found, in runc's words, and in gVisor's.
pub fn with_path_hint(error: BackendError) -> BackendError {
    let text = error.to_string();
    let has = |words: &str| text.contains(words);
    if has("executable file not found")
        || has("error finding executable")
        || has("a command that was not found")
        || (has("exec") && has("no such file or directory"))
    {
        error.with_hint("the command is not in the image, or not on its `PATH`")
    } else {
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_rounded_up() {
        assert_eq!(whole_seconds(Duration::from_millis(1)), 1);
        assert_eq!(whole_seconds(Duration::from_secs(2)), 2);
        assert_eq!(signed(u64::MAX), i64::MAX);
    }
}
