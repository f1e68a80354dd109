//! Labels, and finding things by them.

use std::time::Duration;

use bottle_api::{
    ContainerRequest, InstanceId, Mount, OwnedResource, OwnedSelector, ResourceKind, Role,
    SessionId,
};

use super::cases;
use crate::{
    Checked, Step,
    backend::{Network, Room, room::discard, suite::Case},
    verdict::{ensure, same},
};

pub(super) fn cases() -> Vec<Case> {
    cases!("ownership";
        once "a network carries all labels of its owner" => network,
        once "a container carries all labels of its owner" => container,
        once "an anonymous volume carries all labels of its owner" => volume,
        once "list_owned selects by session, role and instance" => selects,
        once "list_owned finds ours without naming the session" => everything,
        once "containers come first, then networks, then volumes" => order,
        once "list_owned tells which containers run" => running,
        once "what a dropped call leaves behind is found by its labels" => dropped,
    )
}

fn with_volume(room: &Room, role: &str) -> bottle_api::ContainerPlan {
    let mut plan = room.idle(role);
    plan.mounts = vec![Mount::Volume {
        target: "/v".into(),
    }];
    plan
}

async fn one(room: &Room, kind: ResourceKind, role: &str) -> Checked<OwnedResource> {
    let all = room.owned_as(role).await?;
    let mut of_kind: Vec<_> = all.into_iter().filter(|r| r.kind == kind).collect();
    same!(
        of_kind.len(),
        1,
        "how many {kind:?} of role `{role}` are found"
    );
    Ok(of_kind.remove(0))
}

async fn network(room: &Room) -> Checked {
    let network = room.network("link-0", true).await?;
    let found = one(room, ResourceKind::Network, "link-0").await?;
    same!(found.owner, room.owner("link-0"), "its owner");
    same!(found.id, network.id.as_str(), "its id");
    same!(found.name, room.name("link-0"), "its name");
    Ok(())
}

async fn container(room: &Room) -> Checked {
    let id = room.create(&room.idle("agent")).await?;
    let found = one(room, ResourceKind::Container, "agent").await?;
    same!(found.owner, room.owner("agent"), "its owner");
    same!(found.id, id.as_str(), "its id");
    same!(found.name, room.name("agent"), "its name");
    Ok(())
}

async fn volume(room: &Room) -> Checked {
    room.create(&with_volume(room, "agent")).await?;
    let found = one(room, ResourceKind::Volume, "agent").await?;
    same!(found.owner, room.owner("agent"), "its owner");
    Ok(())
}

async fn populate(room: &Room) -> Checked<Network> {
    let network = room.network("link-0", true).await?;
    room.create_on(&with_volume(room, "agent"), &[network.at(3)], &[])
        .await?;
    room.create(&room.idle("other")).await?;
    Ok(network)
}

async fn selects(room: &Room) -> Checked {
    populate(room).await?;
    let count = async |change: fn(&mut OwnedSelector)| {
        let mut selector = room.selector();
        change(&mut selector);
        let found = room.backend().list_owned(&selector).await?;
        Checked::Ok(found.len())
    };
    // Containers, a network; volumes have a case of their own.
    let session = count(|_| {}).await?;
    ensure!(session >= 3, "by session: {session} of 3");
    let others = count(|s| s.role = Some(Role::new("other"))).await?;
    same!(others, 1, "by role `other`");
    same!(
        count(|s| s.role = Some(Role::new("none"))).await?,
        0,
        "by a role nobody has"
    );
    let ours = count(|s| s.instance = Some(InstanceId::new("bottle-conformance"))).await?;
    same!(ours, session, "by our instance");
    let foreign = count(|s| s.instance = Some(InstanceId::new("another"))).await?;
    same!(foreign, 0, "by another instance");
    let unknown = count(|s| s.session = Some(SessionId::new("nosuchsession"))).await?;
    same!(unknown, 0, "by another session");
    Ok(())
}

async fn everything(room: &Room) -> Checked {
    room.create(&room.idle("agent")).await?;
    let all = room.backend().list_owned(&OwnedSelector::default()).await?;
    let mine = room.owner("agent");
    let found = all.iter().filter(|r| r.owner == mine).count();
    same!(found, 1, "our container among everybody's");
    Ok(())
}

async fn order(room: &Room) -> Checked {
    populate(room).await?;
    let kinds: Vec<_> = room.owned().await?.iter().map(|r| r.kind).collect();
    let mut sorted = kinds.clone();
    sorted.sort();
    same!(kinds, sorted, "the order");
    Ok(())
}

async fn running(room: &Room) -> Checked {
    room.create(&room.idle("created")).await?;
    room.running(&room.idle("running")).await?;
    room.ended("ended", &[Step::Exit(0)]).await?;
    for (role, runs) in [("created", false), ("running", true), ("ended", false)] {
        let found = one(room, ResourceKind::Container, role).await?;
        same!(found.running, runs, "`running` of one that is {role}");
    }
    Ok(())
}

/// A caller that goes away in the middle: whatever the engine still makes has our labels, so
/// that nothing has the name once all of it was removed.
async fn dropped(room: &Room) -> Checked {
    let plan = with_volume(room, "agent");
    for micros in [0, 300, 3_000, 30_000, 120_000] {
        let request = ContainerRequest::new(&plan, &plan.name, room.image());
        let cx = discard();
        let creating = room.backend().create_container(&request, &cx);
        let _ = tokio::time::timeout(Duration::from_micros(micros), creating).await;
        // The engine may be at it still.
        let mut last = 0;
        for _ in 0..4 {
            tokio::time::sleep(Duration::from_millis(150)).await;
            for resource in room.owned().await? {
                room.backend().remove(&resource).await?;
                last += 1;
            }
        }
        let again = room.try_create(&plan, &[], &[], &[]).await;
        let id = again.map_err(|error| {
            crate::Miss::broken(format!(
                "dropped after {micros} µs, {last} resources were found and removed, and yet: {error}"
            ))
        })?;
        for resource in room.owned().await? {
            room.backend().remove(&resource).await?;
        }
        let _ = id;
    }
    Ok(())
}
