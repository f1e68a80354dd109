//! What a runtime with a kernel of its own leaves out: it does not apply the settings of the
//! container's network, and the host's bridge would answer on its link-local address. They are
//! written from here, between the network's making and the first program.

use std::{fs, os::fd::AsFd};

use bottle_api::{BackendError, BackendErrorKind, ContainerId};
use bottle_backend_common::Attempt;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::{body, life::look};
use crate::{client::Client, raw};

/// Whether this process may and can do so.
pub(crate) fn is_possible(client: &Client) -> bool {
    client.is_own() && rustix::process::geteuid().is_root()
}

pub(crate) async fn before_start(
    client: &Client,
    attempt: &Attempt<'_>,
    id: &ContainerId,
) -> Result<(), BackendError> {
    // The common case costs nothing: no other runtime is here.
    if !client.has_own_kernel(None) && client.runtimes.own_kernels().next().is_none() {
        return Ok(());
    }
    let found = look(client, attempt, id).await?;
    let networks = found
        .network_settings
        .networks
        .as_ref()
        .map_or(0, std::collections::BTreeMap::len);
    let fresh = matches!(found.state.status.as_str(), "created" | "configured");
    let runtime = Some(found.runtime.as_str());
    if networks == 0 || !fresh || !client.has_own_kernel(runtime) || !is_possible(client) {
        return Ok(());
    }
    let container = client.api.containers().get(id.as_str());
    client.call(attempt, container.init()).await?;
    let found: raw::Container = look(client, attempt, id).await?;
    let place = found.network_settings.sandbox_key;
    let means = body::Means::of(client);
    let settings: Vec<_> = body::sysctls(&means, networks).collect();
    // A thread of its own: it must not come back into the pool from where it went.
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        // Nobody may be waiting any more.
        let _ = sender.send(write(&place, &settings));
    });
    receiver
        .await
        .unwrap_or_else(|error| Err(std::io::Error::other(error)))
        .map_err(|error| {
            attempt.error(
                BackendErrorKind::Other,
                &format!("its network cannot be closed against the host's bridge: {error}"),
            )
        })
}

fn write(place: &str, settings: &[(&str, &str)]) -> std::io::Result<()> {
    let namespace = fs::File::open(place)?;
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
    for (key, value) in settings {
        fs::write(format!("/proc/sys/{}", key.replace('.', "/")), value)?;
    }
    Ok(())
}
