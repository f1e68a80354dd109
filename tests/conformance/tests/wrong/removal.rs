//! Faults in removing.

use std::{collections::BTreeMap, sync::Mutex};

use bottle_api::{
    Backend, BackendError, BackendErrorKind, ContainerId, OwnedResource, OwnedSelector, Removed,
    ResourceKind, async_trait,
};
use bottle_conformance::Layer;

use crate::{Wrong, wrong};

#[derive(Debug)]
struct SaysRemoved;
#[async_trait]
impl Layer for SaysRemoved {
    async fn remove(&self, _: &dyn Backend, _: &OwnedResource) -> Result<Removed, BackendError> {
        Ok(Removed::Now)
    }
}

#[derive(Debug)]
struct RemovesOnce;
#[async_trait]
impl Layer for RemovesOnce {
    async fn remove(
        &self,
        next: &dyn Backend,
        resource: &OwnedResource,
    ) -> Result<Removed, BackendError> {
        match next.remove(resource).await? {
            Removed::Now => Ok(Removed::Now),
            Removed::AlreadyGone => Err(BackendError::new(
                BackendErrorKind::NotFound,
                "remove",
                "no such resource",
            )),
        }
    }
}

#[derive(Debug)]
struct AlwaysNow;
#[async_trait]
impl Layer for AlwaysNow {
    async fn remove(
        &self,
        next: &dyn Backend,
        resource: &OwnedResource,
    ) -> Result<Removed, BackendError> {
        next.remove(resource).await.map(|_| Removed::Now)
    }
}

#[derive(Debug)]
struct RefusesRunning;
#[async_trait]
impl Layer for RefusesRunning {
    async fn remove(
        &self,
        next: &dyn Backend,
        resource: &OwnedResource,
    ) -> Result<Removed, BackendError> {
        let state = next.inspect(&ContainerId::new(resource.id.clone())).await;
        if state.is_ok_and(|state| state.running) {
            let why = "stop it first";
            return Err(BackendError::new(BackendErrorKind::Other, "remove", why));
        }
        next.remove(resource).await
    }
}

/// Volumes stay when their container goes.
#[derive(Debug, Default)]
struct KeepsVolumes(Mutex<BTreeMap<String, OwnedResource>>);
#[async_trait]
impl Layer for KeepsVolumes {
    async fn list_owned(
        &self,
        next: &dyn Backend,
        selector: &OwnedSelector,
    ) -> Result<Vec<OwnedResource>, BackendError> {
        let mut all = next.list_owned(selector).await?;
        let kept = self.0.lock().map(|kept| kept.clone()).unwrap_or_default();
        for volume in kept.into_values() {
            let session = selector.session.as_ref();
            let selected = session.is_none_or(|session| *session == volume.owner.session);
            if selected && all.iter().all(|r| r.id != volume.id) {
                all.push(volume);
            }
        }
        Ok(all)
    }
    async fn remove(
        &self,
        next: &dyn Backend,
        resource: &OwnedResource,
    ) -> Result<Removed, BackendError> {
        let selector = OwnedSelector {
            session: Some(resource.owner.session.clone()),
            ..OwnedSelector::default()
        };
        let all = next.list_owned(&selector).await?;
        let removed = next.remove(resource).await?;
        let Ok(mut kept) = self.0.lock() else {
            return Ok(removed);
        };
        if resource.kind == ResourceKind::Volume {
            return Ok(match kept.remove(&resource.id) {
                Some(_) => Removed::Now,
                None => Removed::AlreadyGone,
            });
        }
        let of_it = |r: &OwnedResource| {
            r.kind == ResourceKind::Volume && r.id.starts_with(&format!("{}-", resource.id))
        };
        let volumes = all.into_iter().filter(of_it);
        kept.extend(volumes.map(|volume| (volume.id.clone(), volume)));
        Ok(removed)
    }
}

pub(crate) fn all() -> Vec<Wrong> {
    vec![
        wrong(
            "says removed and removes nothing",
            || SaysRemoved,
            &[
                "removal::what was removed is gone and its name is free",
                "removal::removing again is AlreadyGone and no error",
                "removal::what never was is AlreadyGone and no error",
                "removal::an anonymous volume goes with its container",
                "removal::removed by several at once it is gone for each of them",
                "removal::nothing of the whole suite is left",
                "ownership::what a dropped call leaves behind is found by its labels",
            ],
        ),
        wrong(
            "removes once only",
            || RemovesOnce,
            &[
                "removal::removing again is AlreadyGone and no error",
                "removal::what never was is AlreadyGone and no error",
                "removal::removing in the order of list_owned works",
                "removal::removed by several at once it is gone for each of them",
                "ownership::what a dropped call leaves behind is found by its labels",
            ],
        ),
        wrong(
            "says removed of what was gone",
            || AlwaysNow,
            &[
                "removal::removing again is AlreadyGone and no error",
                "removal::what never was is AlreadyGone and no error",
            ],
        ),
        wrong(
            "removes nothing that runs",
            || RefusesRunning,
            &[
                "removal::a running container is killed and removed",
                "removal::removing in the order of list_owned works",
                "removal::an anonymous volume goes with its container",
                "removal::removed by several at once it is gone for each of them",
                "removal::nothing of the whole suite is left",
            ],
        ),
        wrong(
            "keeps volumes when their container goes",
            KeepsVolumes::default,
            &["removal::an anonymous volume goes with its container"],
        ),
    ]
}
