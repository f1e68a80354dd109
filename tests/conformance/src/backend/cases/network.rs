//! Networks, seen from inside. Every "closed" is tried beside an "open" that works.

use std::{collections::BTreeSet, net::IpAddr};

use bottle_api::{BackendErrorKind, ContainerId};

use super::cases;
use crate::{
    Checked, Miss, Step,
    backend::{Network, Room, outside, suite::Case},
    streams::until_line,
    verdict::{ensure, same},
};

pub(super) fn cases() -> Vec<Case> {
    cases!("network";
        each "containers on an internal network reach each other at their addresses" => peers,
        each "a container has its address on each of its networks" => several,
        each "names of the hosts file stand for their addresses" => hosts,
        each "a network that is not internal leads out" => open,
        each "an internal network has no route out" => closed,
        each "without networks there is only the loopback" => alone,
        once "an address in use is AddressInUse, at the latest at the start" => address_in_use,
    )
}

/// The port that containers of the suite listen on.
pub(super) const PORT: u16 = 8471;

/// A container that says its role to whoever connects.
pub(super) async fn server(room: &Room, role: &str, on: &[(&Network, u8)]) -> Checked<ContainerId> {
    let plan = room.plan(role, &[Step::Listen(PORT, role.to_owned())]);
    let networks: Vec<_> = on.iter().map(|(network, host)| network.at(*host)).collect();
    let id = room.running_on(&plan, &networks).await?;
    until_line(room.log(&id, true).await?, "listening").await?;
    Ok(id)
}
pub(super) async fn client(room: &Room, role: &str, on: &[(&Network, u8)]) -> Checked<ContainerId> {
    let networks: Vec<_> = on.iter().map(|(network, host)| network.at(*host)).collect();
    room.running_on(&room.idle(role), &networks).await
}
/// What somebody at this address says.
pub(super) async fn reach(
    room: &Room,
    from: &ContainerId,
    to: IpAddr,
    port: u16,
) -> Checked<String> {
    room.says(from, &[Step::connect(to, port)]).await
}

async fn peers(room: &Room) -> Checked {
    let link = room.network("link-0", true).await?;
    server(room, "server", &[(&link, 2)]).await?;
    let id = client(room, "client", &[(&link, 3)]).await?;
    let said = reach(room, &id, link.address(2), PORT).await?;
    same!(said, "answer server", "by TCP at {}", link.address(2));
    let said = room
        .says(&id, &[Step::Ask(link.address(2).to_string(), PORT)])
        .await?;
    same!(said, "answer server", "by UDP at {}", link.address(2));
    Ok(())
}

async fn several(room: &Room) -> Checked {
    let (one, two) = (
        room.network("link-0", true).await?,
        room.network("link-1", true).await?,
    );
    server(room, "hop", &[(&one, 2), (&two, 9)]).await?;
    for (role, network, host) in [("left", &one, 2), ("right", &two, 9)] {
        let id = client(room, role, &[(network, 4)]).await?;
        let to = network.address(host);
        same!(
            reach(room, &id, to, PORT).await?,
            "answer hop",
            "on the {role} at {to}"
        );
    }
    Ok(())
}

async fn hosts(room: &Room) -> Checked {
    let link = room.network("link-0", true).await?;
    let lines = [
        ("the-proxy".to_owned(), link.address(2)),
        ("origin.test".to_owned(), IpAddr::from([192, 0, 2, 7])),
    ];
    let id = room
        .create_on(&room.idle("agent"), &[link.at(3)], &lines)
        .await?;
    room.backend().start(&id).await?;
    for (name, address) in lines {
        let found = room.says(&id, &[Step::Resolve(name.clone())]).await?;
        same!(found, format!("address {address}"), "`{name}`");
    }
    Ok(())
}

async fn open(room: &Room) -> Checked {
    let egress = room.network("egress", false).await?;
    let host = outside::listen(room)?;
    let id = client(room, "hop", &[(&egress, 2)]).await?;
    let mut found = Vec::new();
    for address in host.addresses(&egress) {
        found.push((address, reach(room, &id, address, host.tcp).await?));
    }
    ensure!(
        found.iter().any(|(_, said)| said == outside::ANSWER),
        "nothing of the engine's machine answers: {found:?}"
    );
    Ok(())
}

async fn closed(room: &Room) -> Checked {
    let (link, egress) = (
        room.network("link-0", true).await?,
        room.network("egress", false).await?,
    );
    let host = outside::listen(room)?;
    let inside = client(room, "agent", &[(&link, 3)]).await?;
    let control = client(room, "control", &[(&egress, 3)]).await?;
    let mut tried = BTreeSet::new();
    for address in host.addresses(&egress) {
        if reach(room, &control, address, host.tcp).await? == outside::ANSWER {
            tried.insert(address);
        }
    }
    ensure!(
        !tried.is_empty(),
        "the control reaches nothing, so nothing can be shown"
    );
    for address in tried {
        let said = reach(room, &inside, address, host.tcp).await?;
        same!(said, "silence", "{address}, which the control reaches");
    }
    Ok(())
}

async fn alone(room: &Room) -> Checked {
    let id = room.running(&room.idle("agent")).await?;
    same!(room.says(&id, &[Step::Devices]).await?, "", "its devices");
    let link = room.network("link-0", true).await?;
    let id = client(room, "control", &[(&link, 3)]).await?;
    let found = room.says(&id, &[Step::Devices]).await?;
    same!(
        found.lines().count(),
        1,
        "devices with one network ({found})"
    );
    Ok(())
}

async fn address_in_use(room: &Room) -> Checked {
    let link = room.network("link-0", true).await?;
    client(room, "first", &[(&link, 3)]).await?;
    let created = room
        .try_create(&room.idle("second"), &[link.at(3)], &[], &[])
        .await;
    let error = match created {
        Err(error) => error,
        Ok(id) => match room.backend().start(&id).await {
            Err(error) => error,
            Ok(()) => return Err(Miss::broken("two containers have one address")),
        },
    };
    same!(
        error.kind(),
        BackendErrorKind::AddressInUse,
        "the kind of `{error}`"
    );
    Ok(())
}
