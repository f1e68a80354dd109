//! Debris: what dead sessions left, and what is left of one that ends.

use std::{
    collections::BTreeMap,
    panic::AssertUnwindSafe,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bottle_api::{Backend, BackendError, OwnedResource, OwnedSelector, ResourceKind, SessionId};
use futures_util::{FutureExt as _, StreamExt as _, stream};

use crate::{
    Lease, SessionState, SessionStore, StoreError,
    launch::undo_all,
    store::archive,
    teardown::{BoxError, panic_text},
};

/// Removing one resource; engines under load are slow.
pub(crate) const REMOVAL_LIMIT: Duration = Duration::from_secs(45);
/// So many removals run side by side.
const SIDE_BY_SIDE: usize = 16;
/// So long after its owner's death an engine may still be at what the owner asked for.
const ENGINE_MAY_BE_BUSY: Duration = Duration::from_secs(15);
/// Between two looks at what such an engine still makes.
const SETTLE_PAUSE: Duration = Duration::from_millis(600);
/// So many looks at most.
const SETTLE_ROUNDS: usize = 8;
/// So many dead sessions are cleaned side by side.
const SESSIONS: usize = 4;

/// What to remove.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CleanOptions {
    /// Look only.
    pub dry_run: bool,
    /// Only this session.
    pub session: Option<SessionId>,
    /// Also of other state directories (other users, other machines on the same engine). Their
    /// leases cannot be seen from here, so a session with a running container is spared, and a
    /// launch of theirs that has started none yet is not.
    pub foreign: bool,
}

impl CleanOptions {
    /// Look only.
    #[must_use]
    pub fn dry_run(mut self, dry_run: bool) -> Self {
        self.dry_run = dry_run;
        self
    }
    /// Only this session.
    #[must_use]
    pub fn session(mut self, session: Option<SessionId>) -> Self {
        self.session = session;
        self
    }
    /// Also of other state directories.
    #[must_use]
    pub fn foreign(mut self, foreign: bool) -> Self {
        self.foreign = foreign;
        self
    }
}

/// What a dead session left.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Debris {
    /// The session.
    pub session: SessionId,
    /// What the engine held of it.
    pub resources: Vec<OwnedResource>,
    /// Its folder was still there.
    pub folder: bool,
    /// What could not be removed, and why. Empty in a dry run.
    pub failed: Vec<String>,
}

/// What was found and removed.
#[derive(Clone, Debug, Default)]
#[must_use]
#[non_exhaustive]
pub struct CleanReport {
    /// One entry a dead session, sorted.
    pub debris: Vec<Debris>,
}

/// Why nothing could be cleaned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReapError {
    /// The engine.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The state directory.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Finds and removes what dead sessions left: resources that carry our labels and whose session
/// nobody holds, and their folders. Safe beside running bottles and beside itself. Used by
/// `bottle cleanup`, and in the background by every launch.
pub async fn clean(
    backend: &dyn Backend,
    store: &SessionStore,
    options: &CleanOptions,
) -> Result<CleanReport, ReapError> {
    let selector = OwnedSelector {
        instance: (!options.foreign).then(|| store.instance().clone()),
        session: options.session.clone(),
        role: None,
    };
    // The engine first: a session that begins after this has nothing in the list, and one that
    // began before it can be seen to live.
    let listed = backend.list_owned(&selector).await?;
    let mut dead: BTreeMap<SessionId, (Vec<OwnedResource>, bool)> = BTreeMap::new();
    for resource in listed {
        let session = resource.owner.session.clone();
        dead.entry(session).or_default().0.push(resource);
    }
    for record in store.sessions()? {
        let wanted = options
            .session
            .as_ref()
            .is_none_or(|s| *s == record.session);
        if record.state == SessionState::Dead && wanted {
            dead.entry(record.session).or_default().1 = true;
        }
    }
    dead.retain(|session, (resources, _)| {
        !store.is_live(session) && !runs_elsewhere(store, resources)
    });
    if !options.dry_run {
        store.remove_unborn();
    }
    let found = dead
        .into_iter()
        .map(|(session, (resources, folder))| Debris {
            session,
            resources,
            folder,
            failed: vec![],
        });
    if options.dry_run {
        let debris = found.collect();
        return Ok(CleanReport { debris });
    }
    let mut cleaning = Vec::new();
    for debris in found {
        cleaning.push(clean_one(backend, store, debris).boxed());
    }
    let done = stream::iter(cleaning).buffer_unordered(SESSIONS);
    let done: Vec<Option<Debris>> = done.collect().await;
    let mut debris: Vec<Debris> = done.into_iter().flatten().collect();
    debris.sort_by(|a, b| a.session.cmp(&b.session));
    Ok(CleanReport { debris })
}

/// Whether a session of another state folder has a running container. Its lease cannot be seen
/// from here, so what runs counts as alive.
fn runs_elsewhere(store: &SessionStore, resources: &[OwnedResource]) -> bool {
    let foreign = |resource: &&OwnedResource| resource.owner.instance != *store.instance();
    resources
        .iter()
        .filter(foreign)
        .any(|resource| resource.running)
}

/// Cleans one dead session; `None` when somebody else is at it.
async fn clean_one(
    backend: &dyn Backend,
    store: &SessionStore,
    mut debris: Debris,
) -> Option<Debris> {
    let lease = match store.take_over(&debris.session) {
        Ok(lease) => lease,
        Err(error) => {
            debris.failed.push(error.to_string());
            None
        }
    };
    if lease.is_none() && debris.folder {
        return (!debris.failed.is_empty()).then_some(debris);
    }
    let removal = remove_resources(backend, debris.resources.clone()).await;
    debris.failed.extend(removal.failures());
    if let Some(lease) = lease {
        if died_just_now(&lease) {
            debris.failed.extend(settle(backend, &debris.session).await);
        }
        debris.failed.extend(undo_host_steps(&lease).await);
        if debris.failed.is_empty()
            && let Err(error) = archive(&lease, &store.history_dir())
        {
            debris.failed.push(error.to_string());
        }
    }
    Some(debris)
}

/// Whether the owner wrote to its folder a moment ago. The engine may still be at a call that it
/// sent: killing a client does not stop what it asked for.
fn died_just_now(lease: &Lease) -> bool {
    let entries = std::fs::read_dir(lease.folder()).into_iter().flatten();
    entries
        .flatten()
        .filter_map(|entry| entry.metadata().ok()?.modified().ok()?.elapsed().ok())
        .any(|age| age < ENGINE_MAY_BE_BUSY)
}

/// Looks until the engine has shown nothing of the session twice in a row, and removes what
/// still appears. Bounded: what comes later than this, the next sweep finds by its labels.
async fn settle(backend: &dyn Backend, session: &SessionId) -> Vec<String> {
    let selector = OwnedSelector {
        session: Some(session.clone()),
        ..OwnedSelector::default()
    };
    let (mut failed, mut quiet) = (vec![], 0);
    for _ in 0..SETTLE_ROUNDS {
        if quiet == 2 {
            break;
        }
        tokio::time::sleep(SETTLE_PAUSE).await;
        match backend.list_owned(&selector).await {
            Ok(left) if left.is_empty() => quiet += 1,
            Ok(left) => {
                quiet = 0;
                failed = remove_resources(backend, left).await.failures().collect();
            }
            Err(error) => return vec![error.to_string()],
        }
    }
    failed
}

async fn undo_host_steps(lease: &Lease) -> Vec<String> {
    match lease.read_plan() {
        Ok(Some(plan)) => undo_all(&plan.host_steps).await,
        Ok(None) => vec![],
        Err(error) => {
            // Nothing can be done about it; the rest of the session shall go nevertheless.
            tracing::debug!(%error, "the plan of a dead session cannot be read");
            vec![]
        }
    }
}

/// What a removal came to.
#[derive(Debug, Default)]
pub(crate) struct Removal {
    failed: Vec<(OwnedResource, String)>,
}
impl Removal {
    pub(crate) fn first_failure(&self) -> Option<String> {
        self.failures().next()
    }
    fn failures(&self) -> impl Iterator<Item = String> {
        self.failed
            .iter()
            .map(|(resource, why)| format!("`{}`: {why}", resource.name))
    }
}

/// Removes everything that matches.
pub(crate) async fn remove_all(
    backend: &dyn Backend,
    selector: &OwnedSelector,
) -> Result<Removal, BackendError> {
    Ok(remove_resources(backend, backend.list_owned(selector).await?).await)
}

/// Containers side by side, then networks, then volumes.
async fn remove_resources(backend: &dyn Backend, resources: Vec<OwnedResource>) -> Removal {
    let mut removal = Removal::default();
    for kind in [
        ResourceKind::Container,
        ResourceKind::Network,
        ResourceKind::Volume,
    ] {
        let mut removing = Vec::new();
        for resource in resources.iter().filter(|resource| resource.kind == kind) {
            removing.push(remove_one(backend, resource).boxed());
        }
        let done = stream::iter(removing).buffer_unordered(SIDE_BY_SIDE);
        let done: Vec<_> = done.collect().await;
        removal.failed.extend(done.into_iter().flatten());
    }
    removal
}

async fn remove_one(
    backend: &dyn Backend,
    resource: &OwnedResource,
) -> Option<(OwnedResource, String)> {
    let removing = AssertUnwindSafe(backend.remove(resource)).catch_unwind();
    let why = match tokio::time::timeout(REMOVAL_LIMIT, removing).await {
        Ok(Ok(Ok(_))) => return None,
        Ok(Ok(Err(error))) => error.to_string(),
        Ok(Err(panic)) => format!("internal error: {}", panic_text(&*panic)),
        Err(_) => format!("no end after {} s", REMOVAL_LIMIT.as_secs()),
    };
    Some((resource.clone(), why))
}

/// What is left of a session at its end.
#[derive(Debug, Default)]
pub(crate) struct Remains(Mutex<(Vec<OwnedResource>, Option<String>)>);

impl Remains {
    /// Until it is proven, this is why it is not.
    pub(crate) fn unproven(&self, why: impl Into<String>) {
        self.lock().1 = Some(why.into());
    }
    /// What is left, and why that is not known.
    pub(crate) fn found(&self) -> (Vec<OwnedResource>, Option<String>) {
        self.lock().clone()
    }

    /// Asks the engine what is left, removes it, and asks again. A question that fails is asked
    /// once more.
    pub(crate) async fn clear(
        &self,
        backend: &dyn Backend,
        selector: &OwnedSelector,
    ) -> Result<(), BoxError> {
        let mut failed: Option<String> = None;
        for _ in 0..3 {
            let asking = AssertUnwindSafe(backend.list_owned(selector)).catch_unwind();
            let left = match tokio::time::timeout(REMOVAL_LIMIT / 3, asking).await {
                Ok(Ok(Ok(left))) => left,
                Ok(Ok(Err(error))) => {
                    failed = Some(self.no_answer(error.to_string()));
                    continue;
                }
                Ok(Err(panic)) => {
                    failed = Some(self.no_answer(panic_text(&*panic)));
                    continue;
                }
                Err(_) => {
                    failed = Some(self.no_answer("the engine does not answer".to_owned()));
                    continue;
                }
            };
            *self.lock() = (left.clone(), None);
            if left.is_empty() {
                break;
            }
            failed = remove_resources(backend, left)
                .await
                .first_failure()
                .or(failed);
        }
        failed.map_or(Ok(()), |why| Err(why.into()))
    }

    fn no_answer(&self, why: String) -> String {
        self.unproven(why.clone());
        why
    }
    fn lock(&self) -> MutexGuard<'_, (Vec<OwnedResource>, Option<String>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
