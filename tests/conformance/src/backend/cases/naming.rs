//! Names, subnets, runtimes and images that cannot be had.

use bottle_api::{
    BackendErrorKind, ContainerRequest, ImageId, Mount, NetworkPlan, NetworkRequest, ResourceKind,
};

use super::cases;
use crate::{
    Checked, Miss,
    backend::{Room, room::discard, suite::Case},
    verdict::{ensure, same},
};

pub(super) fn cases() -> Vec<Case> {
    cases!("naming";
        once "a container gets the name that was asked for" => the_name,
        once "a taken container name is a NameConflict and nothing is created" => container,
        once "a taken container name leaves its holder alone" => holder,
        once "a taken network name is a NameConflict, or another network" => network,
        once "a taken subnet is AddressInUse and nothing is created" => subnet,
        once "an unknown runtime is RuntimeMissing and nothing is created" => runtime,
        once "a missing image is ImageMissing and nothing is created" => image,
    )
}

async fn the_name(room: &Room) -> Checked {
    let mut plan = room.idle("agent");
    plan.name = "the-plan-is-superseded".into();
    let name = room.name("wanted");
    let request = ContainerRequest::new(&plan, &name, room.image());
    let id = room
        .backend()
        .create_container(&request, &discard())
        .await?;
    same!(
        room.backend().inspect(&id).await?.name,
        name,
        "inspect's name"
    );
    Ok(())
}

async fn container(room: &Room) -> Checked {
    let plan = room.idle("agent");
    room.create(&plan).await?;
    let before = room.owned().await?;
    let mut second = plan.clone();
    second.owner = room.owner("second");
    second.mounts = vec![Mount::Volume {
        target: "/v".into(),
    }];
    match room.try_create(&second, &[], &[], &[]).await {
        Ok(_) => Err(Miss::broken("two containers of one name")),
        Err(error) => {
            same!(
                error.kind(),
                BackendErrorKind::NameConflict,
                "the kind of `{error}`"
            );
            let after = room.owned().await?.len();
            same!(after, before.len(), "how much there is afterwards");
            Ok(())
        }
    }
}

async fn holder(room: &Room) -> Checked {
    let plan = room.idle("agent");
    let id = room.running(&plan).await?;
    let mut second = plan.clone();
    second.owner = room.owner("second");
    // Whatever it says: that has a case of its own.
    let _ = room.try_create(&second, &[], &[], &[]).await;
    let state = room.backend().inspect(&id).await?;
    ensure!(
        state.running,
        "the one that had the name is not running any more"
    );
    Ok(())
}

async fn network(room: &Room) -> Checked {
    let first = room.network("link-0", true).await?;
    match room.network("link-0", true).await {
        Ok(second) => {
            ensure!(second.id != first.id, "the same network twice");
            let found = room.owned_as("link-0").await?.len();
            same!(found, 2, "how many are found of two");
            Ok(())
        }
        Err(Miss::Broken(why)) if why.contains("(NameConflict)") => {
            same!(
                room.owned_as("link-0").await?.len(),
                1,
                "how many there are"
            );
            Ok(())
        }
        Err(other) => Err(other),
    }
}

async fn subnet(room: &Room) -> Checked {
    let first = room.network("link-0", true).await?;
    for internal in [true, false] {
        let plan = NetworkPlan {
            owner: room.owner("second"),
            name: room.name("second"),
            internal,
        };
        let request = NetworkRequest::new(&plan, first.subnet.into());
        match room.backend().create_network(&request, &discard()).await {
            Ok(_) => return Err(Miss::broken(format!("two networks on {}", first.subnet))),
            Err(error) => {
                same!(
                    error.kind(),
                    BackendErrorKind::AddressInUse,
                    "the kind of `{error}`"
                );
            }
        }
        same!(
            room.owned_as("second").await?,
            [],
            "what is left of the second"
        );
    }
    Ok(())
}

async fn runtime(room: &Room) -> Checked {
    let mut plan = room.idle("agent");
    plan.runtime = Some("no-such-runtime".into());
    match room.create(&plan).await {
        Ok(_) => Err(Miss::broken(
            "a container under a runtime that does not exist",
        )),
        Err(Miss::Broken(why)) => {
            ensure!(
                why.ends_with("(RuntimeMissing)"),
                "not RuntimeMissing: {why}"
            );
            same!(room.owned().await?, [], "what is created");
            Ok(())
        }
        Err(other) => Err(other),
    }
}

async fn image(room: &Room) -> Checked {
    let plan = room.idle("agent");
    let nowhere = ImageId::new(format!("sha256:{}", "0".repeat(64)));
    let request = ContainerRequest::new(&plan, &plan.name, &nowhere);
    match room.backend().create_container(&request, &discard()).await {
        Ok(_) => Err(Miss::broken("a container of an image that does not exist")),
        Err(error) => {
            same!(
                error.kind(),
                BackendErrorKind::ImageMissing,
                "the kind of `{error}`"
            );
            let left = room.owned().await?;
            ensure!(
                left.iter().all(|r| r.kind != ResourceKind::Container),
                "something was created: {left:?}"
            );
            Ok(())
        }
    }
}
