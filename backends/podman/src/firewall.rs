//! Docker beside Podman, both with root: Docker makes the kernel hand frames between containers on
//! one bridge to its firewall, and that drops those on bridges it does not know. netavark says
//! nothing to it about internal networks.

use std::{fs, process::Stdio, time::Duration};

use tokio::{process::Command, time::timeout};

use crate::client::Client;

const LIMIT: Duration = Duration::from_secs(5);
const BRIDGED: &str = "/proc/sys/net/bridge/bridge-nf-call-iptables";
/// In the chain that Docker reserves for such rules.
const RULE: &str = "DOCKER-USER -i podman+ -o podman+ -m physdev --physdev-is-bridged -j ACCEPT";

/// What is wrong, with what to do; `None` where nothing is, or nothing can be known.
pub(crate) async fn trouble(client: &Client) -> Option<String> {
    let root = client.is_own() && rustix::process::geteuid().is_root();
    if !root || client.info.host.security.rootless {
        return None;
    }
    let bridged = fs::read_to_string(BRIDGED).is_ok_and(|text| text.trim() == "1");
    if !bridged || !drops(&output("-S FORWARD").await?) || !has_chain().await {
        return None;
    }
    // Success means that the rule is there.
    if output(&format!("-C {RULE}")).await.is_some() {
        return None;
    }
    Some(format!(
        "Docker's firewall on this machine drops what goes between containers on Podman's internal \
         networks; let it pass: `iptables -I {RULE}`"
    ))
}

fn drops(rules: &str) -> bool {
    rules.lines().any(|line| line.trim() == "-P FORWARD DROP")
}

async fn has_chain() -> bool {
    output("-S DOCKER-USER").await.is_some()
}

/// What it says, if it succeeds.
async fn output(arguments: &str) -> Option<String> {
    let mut command = Command::new("iptables");
    command
        .args(["-w", "2"])
        .args(arguments.split(' '))
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let output = timeout(LIMIT, command.output()).await.ok()?.ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_is_what_counts() {
        assert!(drops("-P FORWARD DROP\n-A FORWARD -j DOCKER-USER\n"));
        assert!(!drops("-P FORWARD ACCEPT\n-A FORWARD -j DROP\n"));
    }
}
