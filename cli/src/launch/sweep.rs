//! What dead sessions left is removed in the background of whatever comes next.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use bottle_api::Backend;
use bottle_config::backend_from_toml;
use bottle_engine::{CleanOptions, SessionStore, clean};
use futures_util::future::join_all;
use tokio::{task::JoinHandle, time::timeout};

use crate::context::Context;

/// The longest a command is held up at its end by somebody else's debris.
const LIMIT: Duration = Duration::from_secs(20);

/// A sweep that goes on beside the command.
#[derive(Debug)]
pub(crate) struct Sweep(JoinHandle<()>);

impl Sweep {
    /// Sweeps one engine.
    pub(crate) fn of(backend: Arc<dyn Backend>, store: SessionStore) -> Self {
        Self(tokio::spawn(async move {
            // What cannot be removed now is found again by the next one, and by `cleanup`.
            if let Err(error) = clean(&*backend, &store, &CleanOptions::default()).await {
                tracing::debug!(%error, "sweep");
            }
        }))
    }

    /// Sweeps the engines that dead sessions ran on, if there are dead sessions.
    pub(crate) fn dead(cx: &Context, store: &SessionStore) -> Self {
        let backends = backends_of_the_dead(cx, store);
        let store = store.clone();
        Self(tokio::spawn(async move {
            let sweeps = backends.into_iter().map(|backend| {
                let sweep = Self::of(backend, store.clone());
                sweep.finish()
            });
            join_all(sweeps).await;
        }))
    }

    /// Waits for its end, within a limit.
    pub(crate) async fn finish(self) {
        let mut task = self.0;
        if timeout(LIMIT, &mut task).await.is_err() {
            task.abort();
        }
    }
}

/// One backend for each engine that a session without an owner ran on.
pub(crate) fn backends_of_the_dead(cx: &Context, store: &SessionStore) -> Vec<Arc<dyn Backend>> {
    let dead =
        |record: &bottle_engine::SessionRecord| record.state == bottle_engine::SessionState::Dead;
    let records = store
        .sessions()
        .unwrap_or_default()
        .into_iter()
        .filter(dead);
    let engines: BTreeSet<(String, String)> = records
        .filter_map(|record| record.meta)
        .map(|meta| (meta.backend, meta.backend_table.unwrap_or_default()))
        .collect();
    engines
        .into_iter()
        .filter_map(|(name, table)| backend_from_toml(&name, &table, &cx.registry).ok())
        .map(Arc::from)
        .collect()
}
