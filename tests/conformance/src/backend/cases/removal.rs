//! `remove`.

use bottle_api::{BackendErrorKind, Mount, Removed, ResourceKind};

use super::cases;
use crate::{
    Checked,
    backend::{Room, suite::Case},
    verdict::{ensure, same},
};

pub(super) fn cases() -> Vec<Case> {
    cases!("removal";
        once "removing in the order of list_owned works" => in_order,
        once "a running container is killed and removed" => running,
        once "what was removed is gone and its name is free" => gone,
        once "removing again is AlreadyGone and no error" => again,
        once "what never was is AlreadyGone and no error" => never,
        once "an anonymous volume goes with its container" => volume,
        once "removed by several at once it is gone for each of them" => at_once,
    )
}

async fn in_order(room: &Room) -> Checked {
    let network = room.network("link-0", true).await?;
    let mut plan = room.idle("agent");
    plan.mounts = vec![Mount::Volume {
        target: "/v".into(),
    }];
    room.running_on(&plan, &[network.at(3)]).await?;
    for resource in room.owned().await? {
        room.backend().remove(&resource).await?;
    }
    Ok(())
}

async fn running(room: &Room) -> Checked {
    let id = room.running(&room.idle("agent")).await?;
    let resource = room.resource(ResourceKind::Container, id.as_str(), "agent");
    same!(
        room.backend().remove(&resource).await?,
        Removed::Now,
        "remove"
    );
    Ok(())
}

async fn gone(room: &Room) -> Checked {
    let plan = room.idle("agent");
    let id = room.create(&plan).await?;
    let resource = room.resource(ResourceKind::Container, id.as_str(), "agent");
    room.backend().remove(&resource).await?;
    let error = match room.backend().inspect(&id).await {
        Ok(state) => return Err(crate::Miss::broken(format!("it is still there: {state:?}"))),
        Err(error) => error,
    };
    same!(
        error.kind(),
        BackendErrorKind::NotFound,
        "the kind of inspect's error"
    );
    same!(room.owned().await?, [], "what is listed");
    room.create(&plan).await?;
    Ok(())
}

async fn again(room: &Room) -> Checked {
    let container = room.create(&room.idle("agent")).await?.to_string();
    let network = room.network("link-0", true).await?.id.to_string();
    for (kind, id, role) in [
        (ResourceKind::Container, container, "agent"),
        (ResourceKind::Network, network, "link-0"),
    ] {
        let resource = room.resource(kind, &id, role);
        room.backend().remove(&resource).await?;
        let second = room.backend().remove(&resource).await?;
        same!(second, Removed::AlreadyGone, "removing a {kind:?} again");
    }
    Ok(())
}

async fn never(room: &Room) -> Checked {
    for kind in [
        ResourceKind::Container,
        ResourceKind::Network,
        ResourceKind::Volume,
    ] {
        let id = format!("{:064x}", rand::random::<u128>());
        let resource = room.resource(kind, &id, "never");
        let removed = room.backend().remove(&resource).await?;
        same!(removed, Removed::AlreadyGone, "a {kind:?} that never was");
    }
    Ok(())
}

async fn volume(room: &Room) -> Checked {
    let mut plan = room.idle("agent");
    plan.mounts = vec![Mount::Volume {
        target: "/v".into(),
    }];
    let id = room.running(&plan).await?;
    let container = room.resource(ResourceKind::Container, id.as_str(), "agent");
    room.backend().remove(&container).await?;
    let left = room.owned().await?;
    ensure!(
        left.iter().all(|r| r.kind != ResourceKind::Volume),
        "left: {left:?}"
    );
    Ok(())
}

/// Engines say "removal in progress" to the second one.
async fn at_once(room: &Room) -> Checked {
    let id = room.running(&room.idle("agent")).await?;
    let resource = room.resource(ResourceKind::Container, id.as_str(), "agent");
    let remove = async || {
        let removed = room.backend().remove(&resource).await?;
        let state = room.backend().inspect(&id).await;
        let gone = state.err().map(|error| error.kind());
        ensure!(
            gone == Some(BackendErrorKind::NotFound),
            "told {removed:?}, but it is still there"
        );
        Checked::Ok(removed)
    };
    let (a, b, c, d) = tokio::join!(remove(), remove(), remove(), remove());
    let removed = [a?, b?, c?, d?];
    ensure!(
        removed.contains(&Removed::Now),
        "nobody removed it: {removed:?}"
    );
    Ok(())
}
