//! Removing what is ours, and the images kept as a cache.

use std::{collections::BTreeSet, time::Duration};

use bottle_api::{BackendError, Removed, ResourceKind};
use tokio::time::{Instant, sleep};

use crate::{Attempt, is_gone};

const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What removing it is called in errors.
pub fn removal_of(kind: ResourceKind) -> &'static str {
    match kind {
        ResourceKind::Container => "remove container",
        ResourceKind::Network => "remove network",
        ResourceKind::Volume => "remove volume",
    }
}

/// Removes, and comes back only when it is gone, whoever removed it.
pub async fn until_gone<F>(
    attempt: &Attempt<'_>,
    limit: Duration,
    once: impl Fn() -> F,
) -> Result<Removed, BackendError>
where
    F: Future<Output = Result<(), BackendError>>,
{
    let deadline = Instant::now() + limit;
    let mut result = Removed::Now;
    loop {
        match once().await {
            Ok(()) => return Ok(result),
            Err(error) if is_gone(&error) => return Ok(Removed::AlreadyGone),
            // Somebody else is at it; that it is gone is promised all the same.
            Err(error) if is_going(&error.to_string()) => {
                if Instant::now() >= deadline {
                    return Err(attempt.timeout(limit));
                }
                result = Removed::AlreadyGone;
                sleep(LOOK_AGAIN).await;
            }
            Err(error) => return Err(error),
        }
    }
}

fn is_going(text: &str) -> bool {
    text.contains("is already in progress")
        || text.contains("is marked for removal")
        || text.contains("is being removed")
}

/// An image as listed.
#[derive(Clone, Debug)]
pub struct ListedImage {
    /// Its id, as containers name it.
    pub id: String,
    /// Its names.
    pub tags: Vec<String>,
    /// It carries our label: an engine that did not understand a filter must not cost anybody
    /// an image.
    pub ours: bool,
}

/// Removes (or only lists) what no container uses; `remove` says whether it is gone now. Returns
/// the names.
pub async fn prune_unused<F>(
    images: Vec<ListedImage>,
    used: &BTreeSet<String>,
    dry_run: bool,
    remove: impl Fn(String) -> F,
) -> Result<Vec<String>, BackendError>
where
    F: Future<Output = Result<bool, BackendError>>,
{
    let mut removed = Vec::new();
    for image in images {
        if used.contains(&image.id) || !image.ours {
            continue;
        }
        let names = if image.tags.is_empty() {
            vec![image.id]
        } else {
            image.tags
        };
        for name in names {
            if !dry_run && !remove(name.clone()).await? {
                continue;
            }
            removed.push(name);
        }
    }
    removed.sort();
    Ok(removed)
}
