//! What is promised is tried by force. Tried only where it is promised: withheld is no fault,
//! a lie is.

use std::{io::Read as _, net::IpAddr};

use bottle_api::{ContainerId, Dns, Guarantee, Mount};

use super::{
    cases,
    network::{PORT, client, reach, server},
};
use crate::{
    Checked, Miss, Step,
    backend::{Room, outside, suite::Case},
    verdict::{ensure, same},
};

pub(super) fn cases() -> Vec<Case> {
    cases!("guarantee";
        each "dns_closed: a closed container resolves no name" if DnsClosed => dns,
        each "host_closed: no address of the host answers on an internal network" if HostClosed => host,
        each "egress_only_by_chain: nothing but the first hop is reached" if EgressOnlyByChain => chain,
        each "own_kernel: the kernel is not the host's" if OwnKernel => kernel,
        each "rootless: root inside is not root outside" if Rootless => rootless,
        each "no_new_privs: a setuid program gains nothing" if NoNewPrivs => setuid,
        each "limits: too much memory ends it and is told" if Limits => memory,
        each "limits: processes are bounded" if Limits => processes,
        each "limits: open files are bounded" if Limits => open_files,
    )
}

fn local(room: &Room) -> Checked {
    if room.info().local {
        return Ok(());
    }
    Err(Miss::not_here(
        "the engine is elsewhere: there is no host to compare with",
    ))
}

async fn dns(room: &Room) -> Checked {
    let link = room.network("link-0", true).await?;
    let egress = room.network("egress", false).await?;
    let name = outside::open_name(room);
    let asked = name
        .clone()
        .unwrap_or_else(|| "closed.conformance.example".into());
    // Also where a way out would be: it is the resolver that is closed.
    for (role, network) in [("inside", &link), ("beside", &egress)] {
        let id = client(room, role, &[(network, 3)]).await?;
        let found = room.says(&id, &[Step::Resolve(asked.clone())]).await?;
        same!(found, "unknown", "`{asked}`, {role}");
    }
    let Some(name) = name else {
        return Err(Miss::not_here(
            "nothing was resolved, but nobody here can answer an open container either: set \
             BOTTLE_CONFORMANCE_OPEN_NAME to a name that resolves",
        ));
    };
    let mut open = room.idle("open");
    open.dns = Dns::Engine;
    let id = room.running_on(&open, &[egress.at(9)]).await?;
    let found = room.says(&id, &[Step::Resolve(name.clone())]).await?;
    ensure!(
        found.contains("address "),
        "the control does not resolve `{name}` either: {found}"
    );
    Ok(())
}

async fn host(room: &Room) -> Checked {
    let link = room.network("link-0", true).await?;
    let egress = room.network("egress", false).await?;
    let host = outside::listen(room)?;
    let control = client(room, "control", &[(&egress, 3)]).await?;
    let gateway = egress.address(1);
    let mut controlled = false;
    for address in host.addresses(&egress) {
        controlled |= reach(room, &control, address, host.tcp).await? == outside::ANSWER;
    }
    ensure!(
        controlled,
        "the control reaches nothing of the host, not even {gateway}"
    );

    let inside = client(room, "agent", &[(&link, 3)]).await?;
    let mut addresses = host.addresses(&egress);
    addresses.push(link.address(1));
    let tries = addresses.iter().flat_map(|address| {
        let to = address.to_string();
        [Step::Connect(to.clone(), host.tcp), Step::Ask(to, host.udp)]
    });
    let tries = tries.map(|step| silent(room, &inside, step));
    futures_util::future::try_join_all(tries).await?;
    Ok(())
}

async fn silent(room: &Room, from: &ContainerId, step: Step) -> Checked {
    let said = room.says(from, std::slice::from_ref(&step)).await?;
    same!(said, "silence", "{step:?}");
    Ok(())
}

/// A chain of two hops, as a launch makes it.
async fn chain(room: &Room) -> Checked {
    let (link0, link1) = (
        room.network("link-0", true).await?,
        room.network("link-1", true).await?,
    );
    let egress = room.network("egress", false).await?;
    let hop0 = server(room, "hop-0", &[(&link0, 2), (&link1, 3)]).await?;
    server(room, "hop-1", &[(&link1, 2), (&egress, 2)]).await?;
    let agent = client(room, "agent", &[(&link0, 3)]).await?;
    let said = reach(room, &agent, link0.address(2), PORT).await?;
    same!(said, "answer hop-0", "the control: the agent and its hop");
    let said = reach(room, &hop0, link1.address(2), PORT).await?;
    same!(
        said,
        "answer hop-1",
        "the control: the hop and the next one"
    );

    let closed = [
        link1.address(2),
        link1.address(3),
        egress.address(2),
        IpAddr::from([169, 254, 169, 254]),
        IpAddr::from([192, 0, 2, 1]),
    ];
    let tries = closed.map(|address| silent(room, &agent, Step::connect(address, PORT)));
    futures_util::future::try_join_all(tries).await?;
    Ok(())
}

async fn kernel(room: &Room) -> Checked {
    local(room)?;
    let id = room.running(&room.idle("agent")).await?;
    let inside = room.says(&id, &[Step::Kernel]).await?;
    let outside = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    ensure!(
        inside != outside.trim(),
        "it is the host's kernel: {inside}"
    );
    Ok(())
}

async fn rootless(room: &Room) -> Checked {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    local(room)?;
    let folder = tempfile::tempdir()?;
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777))?;
    let mut plan = room.idle("agent");
    plan.user = Some("0:0".into());
    plan.mounts = vec![Mount::Bind {
        source: folder.path().to_owned(),
        target: "/work".into(),
        read_only: false,
    }];
    let id = room.running(&plan).await?;
    let said = room.says(&id, &[Step::write("/work/f", "x")]).await?;
    same!(
        said,
        "written",
        "root inside, in a folder that is open to all"
    );
    let owner = std::fs::metadata(folder.path().join("f"))?.uid();
    ensure!(owner != 0, "what root inside writes is root's outside");
    Ok(())
}

/// The image's own `id`, made setuid.
async fn setuid(room: &Room) -> Checked {
    let mut plan = room.idle("agent");
    plan.user = Some("1234:1234".into());
    let id = room.create(&plan).await?;
    let path = room.dialect().id_program().to_string_lossy().into_owned();
    let copy = room.backend().get_archive(&id, &path).await?;
    let mut program = Vec::new();
    for entry in tar::Archive::new(copy.as_ref()).entries()? {
        entry?.read_to_end(&mut program)?;
    }
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o4755);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(program.len() as u64);
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_data(&mut header, "srv/setuid-id", program.as_slice())?;
    let archive = archive.into_inner()?.into();
    room.backend().put_archive(&id, archive).await?;
    room.backend().start(&id).await?;
    let steps = [
        Step::stat("/srv/setuid-id"),
        Step::Setuid("/srv/setuid-id".into()),
    ];
    let found = room.says(&id, &steps).await?;
    same!(
        found,
        "file 4755 0:0\n1234",
        "a setuid program and its user"
    );
    Ok(())
}

/// Engines learn of it by an event that can, rarely, lose its race with the end of the program
/// (seen once in some twenty runs of Docker under gVisor on a busy machine): so it is tried thrice.
/// That the program ends is not a matter of luck.
async fn memory(room: &Room) -> Checked {
    let mut statuses = Vec::new();
    for n in 0..3 {
        let mut plan = room.plan(&format!("agent-{n}"), &[Step::Allocate(400 << 20)]);
        plan.limits.memory = Some(64 << 20);
        plan.hardening.init = false;
        let id = room.running(&plan).await?;
        let status = room.backend().wait(&id).await?;
        ensure!(!status.success(), "400 MiB fit into 64");
        if room.backend().inspect(&id).await?.oom_killed {
            return Ok(());
        }
        statuses.push(status.0);
    }
    Err(Miss::broken(format!(
        "it ended with {statuses:?}, but not for lack of memory"
    )))
}

async fn processes(room: &Room) -> Checked {
    let said = room.backend().guarantees(room.info(), &room.runtime);
    if said
        .iter()
        .any(|s| s.guarantee == Guarantee::OwnKernel && s.given)
    {
        let why = "a kernel of its own counts its processes by itself";
        return Err(Miss::not_here(why));
    }
    let mut plan = room.idle("agent");
    plan.limits.pids = Some(40);
    let id = room.running(&plan).await?;
    let said = room.exec(&id, &[Step::Spawn(100)]).await?;
    let started = said
        .text()
        .lines()
        .filter(|line| *line == "started")
        .count();
    ensure!(started > 0, "not one could be started: {}", said.errors());
    ensure!(started < 45, "{started} of 40 could be started");
    Ok(())
}

async fn open_files(room: &Room) -> Checked {
    let mut plan = room.idle("agent");
    plan.limits.nofile = Some(777);
    let id = room.running(&plan).await?;
    same!(
        room.says(&id, &[Step::OpenFiles]).await?,
        "777",
        "open files"
    );
    Ok(())
}
