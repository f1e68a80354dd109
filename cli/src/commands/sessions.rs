//! Bottles that run, by name.

use std::sync::Arc;

use bottle_api::{Backend, ContainerId};
use bottle_config::backend_from_toml;
use bottle_engine::{SessionMeta, SessionRecord, SessionState, SessionStore};

use crate::{context::Context, output::Failure};

/// A bottle that somebody looks after, and the engine it runs on.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) record: SessionRecord,
    pub(super) backend: Arc<dyn Backend>,
    pub(super) container: ContainerId,
}

/// The running bottle of that name, or the only one there is.
pub(super) fn running(
    cx: &Context,
    store: &SessionStore,
    name: Option<&str>,
) -> Result<Running, Failure> {
    let record = match name {
        Some(name) => live(store, name)?,
        None => only(store)?
            .ok_or_else(|| Failure::new("no bottle is running").hint("`bottle run` starts one"))?,
    };
    let meta = meta(&record)?;
    let name = &meta.name;
    let container = meta.container.clone().ok_or_else(|| {
        Failure::new(format!("bottle `{name}` is still being started"))
            .hint(format!("`bottle logs {name} --events` shows how far it is"))
    })?;
    let backend = backend_of(cx, meta)?;
    Ok(Running {
        record,
        backend,
        container,
    })
}

/// The only bottle that runs; several are an error.
pub(super) fn only(store: &SessionStore) -> Result<Option<SessionRecord>, Failure> {
    let mut live = store.sessions()?;
    live.retain(|record| record.state == SessionState::Live);
    if live.len() > 1 {
        let names = live.iter().filter_map(|record| record.meta.as_ref());
        let names: Vec<String> = names.map(|meta| format!("`{}`", meta.name)).collect();
        return Err(Failure::new("more than one bottle is running")
            .hint(format!("name one of {}", names.join(", "))));
    }
    Ok(live.pop())
}

fn live(store: &SessionStore, name: &str) -> Result<SessionRecord, Failure> {
    match store.find(name)? {
        Some(record) if record.state == SessionState::Live => Ok(record),
        Some(record) if record.state == SessionState::Dead => Err(Failure::new(format!(
            "the owner of bottle `{name}` is gone"
        ))
        .hint("`bottle cleanup` removes what is left of it")),
        _ => Err(unknown(store, name)),
    }
}

/// Nobody is called that: the names there are help.
pub(super) fn unknown(store: &SessionStore, name: &str) -> Failure {
    let names: Vec<String> = store
        .sessions()
        .unwrap_or_default()
        .into_iter()
        .filter(|record| record.state == SessionState::Live)
        .filter_map(|record| record.meta.map(|meta| format!("`{}`", meta.name)))
        .collect();
    let failure = Failure::new(format!("no bottle `{name}` is running"));
    if names.is_empty() {
        failure.hint("no bottle is running; `bottle run` starts one")
    } else {
        failure.hint(format!("running: {}", names.join(", ")))
    }
}

/// What its owner wrote down.
pub(super) fn meta(record: &SessionRecord) -> Result<&SessionMeta, Failure> {
    record.meta.as_ref().ok_or_else(|| {
        Failure::new(format!("session `{}` has not begun", record.session))
            .hint("`bottle cleanup` removes what is left when nobody looks after it")
    })
}

/// The engine it runs on, as its owner reached it.
pub(super) fn backend_of(cx: &Context, meta: &SessionMeta) -> Result<Arc<dyn Backend>, Failure> {
    let table = meta.backend_table.as_deref().unwrap_or_default();
    Ok(backend_from_toml(&meta.backend, table, &cx.registry)?.into())
}
