//! What a container is, seen from inside.

use bottle_api::{ContainerPlan, Mount, SecretString};

use super::cases;
use crate::{
    Checked, Miss, Step,
    backend::{Room, suite::Case},
    streams::lines,
    verdict::{ensure, same},
};

pub(super) fn cases() -> Vec<Case> {
    cases!("container";
        each "entry point and command are the plan's" => entrypoint,
        each "user and group are the plan's" => user,
        each "the working directory is the plan's" => workdir,
        each "the host name is the plan's" => hostname,
        each "the environment is what was asked for" => environment,
        each "a read-only root file system takes nothing" => read_only,
        each "a writable root file system takes what it is given" => writable,
        each "a volume is writable" => volume,
        each "a tmpfs is writable and has its mode" => tmpfs,
        each "a tmpfs has its size" => tmpfs_size,
        each "a bind mount is the host's folder" => bind,
        each "a read-only bind mount takes nothing" => bind_read_only,
        each "all capabilities are dropped" => no_capability,
        each "the plan's capabilities are kept" => capability,
    )
}

/// What the main process prints.
async fn printed(room: &Room, plan: &ContainerPlan) -> Checked<Vec<String>> {
    let id = room.running(plan).await?;
    room.backend().wait(&id).await?;
    lines(room.log(&id, false).await?).await
}

async fn entrypoint(room: &Room) -> Checked {
    let mut plan = room.plan("agent", &[Step::out("it ran"), Step::Exit(0)]);
    let mut argv = std::mem::take(&mut plan.command);
    plan.command = argv.split_off(1);
    plan.entrypoint = Some(argv);
    same!(
        printed(room, &plan).await?,
        ["it ran"],
        "entry point and arguments apart"
    );
    Ok(())
}

async fn user(room: &Room) -> Checked {
    let mut plan = room.plan("agent", &[Step::User]);
    plan.user = Some("1234:5678".into());
    same!(printed(room, &plan).await?, ["1234:5678"], "uid:gid");
    Ok(())
}

async fn workdir(room: &Room) -> Checked {
    let mut plan = room.plan("agent", &[Step::Folder]);
    plan.workdir = Some("/usr".into());
    same!(
        printed(room, &plan).await?,
        ["/usr"],
        "the working directory"
    );
    Ok(())
}

async fn hostname(room: &Room) -> Checked {
    let mut plan = room.plan("agent", &[Step::Host]);
    plan.hostname = "a-host-name".into();
    same!(
        printed(room, &plan).await?,
        ["a-host-name"],
        "the host name"
    );
    Ok(())
}

async fn environment(room: &Room) -> Checked {
    let steps = [
        Step::Env("ONE".into()),
        Step::Env("TWO".into()),
        Step::Env("THREE".into()),
    ];
    let plan = room.plan("agent", &steps);
    let env = [("ONE", "a b=\"c\" $d"), ("TWO", "")]
        .map(|(name, value)| (name.to_owned(), SecretString::from(value)));
    let id = room.try_create(&plan, &[], &[], &env).await?;
    room.backend().start(&id).await?;
    room.backend().wait(&id).await?;
    let found = lines(room.log(&id, false).await?).await?;
    same!(found, ["a b=\"c\" $d", "", "unset"], "three variables");
    Ok(())
}

async fn read_only(room: &Room) -> Checked {
    let mut plan = room.plan("agent", &[Step::write("/written", "x")]);
    plan.hardening.read_only_rootfs = true;
    same!(printed(room, &plan).await?, ["refused"], "writing to `/`");
    Ok(())
}

async fn writable(room: &Room) -> Checked {
    let steps = [Step::write("/written", "kept"), Step::read("/written")];
    same!(
        printed(room, &room.plan("agent", &steps)).await?,
        ["written", "kept"],
        "`/`"
    );
    Ok(())
}

async fn volume(room: &Room) -> Checked {
    let mut plan = room.plan("agent", &[Step::write("/v/f", "kept"), Step::read("/v/f")]);
    plan.hardening.read_only_rootfs = true;
    plan.mounts = vec![Mount::Volume {
        target: "/v".into(),
    }];
    same!(
        printed(room, &plan).await?,
        ["written", "kept"],
        "a volume on a read-only root"
    );
    Ok(())
}

fn with_tmpfs(room: &Room, steps: &[Step]) -> ContainerPlan {
    let mut plan = room.plan("agent", steps);
    plan.hardening.read_only_rootfs = true;
    plan.mounts = vec![Mount::Tmpfs {
        target: "/t".into(),
        size: 4 << 20,
        mode: 0o1770,
    }];
    plan
}

async fn tmpfs(room: &Room) -> Checked {
    let plan = with_tmpfs(room, &[Step::write("/t/f", "x"), Step::stat("/t")]);
    let found = printed(room, &plan).await?;
    same!(
        found.first().map(String::as_str),
        Some("written"),
        "writing"
    );
    let mode = found.get(1).map_or("", String::as_str);
    ensure!(mode.starts_with("folder 1770 "), "its mode: {mode}");
    Ok(())
}

async fn tmpfs_size(room: &Room) -> Checked {
    let steps = [
        Step::Fill("/t/small".into(), 1 << 20),
        Step::Fill("/t/big".into(), 16 << 20),
    ];
    let found = printed(room, &with_tmpfs(room, &steps)).await?;
    same!(found, ["written", "refused"], "1 and 16 MiB into 4");
    Ok(())
}

/// A folder of this machine, if the engine has the same paths.
fn folder(room: &Room) -> Checked<tempfile::TempDir> {
    if !room.info().local {
        return Err(Miss::not_here(
            "the engine is elsewhere and has other paths",
        ));
    }
    Ok(tempfile::tempdir()?)
}

fn bound(
    room: &Room,
    folder: &tempfile::TempDir,
    read_only: bool,
    steps: &[Step],
) -> ContainerPlan {
    let mut plan = room.plan("agent", steps);
    plan.mounts = vec![Mount::Bind {
        source: folder.path().to_owned(),
        target: "/work".into(),
        read_only,
    }];
    plan
}

async fn bind(room: &Room) -> Checked {
    let folder = folder(room)?;
    std::fs::write(folder.path().join("in"), "from the host\n")?;
    let steps = [
        Step::read("/work/in"),
        Step::write("/work/out", "from inside"),
    ];
    let found = printed(room, &bound(room, &folder, false, &steps)).await?;
    same!(found, ["from the host", "written"], "inside");
    let out = std::fs::read_to_string(folder.path().join("out"))?;
    same!(out, "from inside", "on the host");
    Ok(())
}

async fn bind_read_only(room: &Room) -> Checked {
    let folder = folder(room)?;
    std::fs::write(folder.path().join("in"), "from the host\n")?;
    let steps = [Step::read("/work/in"), Step::write("/work/out", "x")];
    let found = printed(room, &bound(room, &folder, true, &steps)).await?;
    same!(found, ["from the host", "refused"], "inside");
    Ok(())
}

async fn no_capability(room: &Room) -> Checked {
    let mut plan = room.plan("agent", &[Step::Capabilities]);
    plan.user = Some("0:0".into());
    let none = "0".repeat(16);
    let wanted = [format!("CapEff:{none}"), format!("CapBnd:{none}")];
    same!(printed(room, &plan).await?, wanted, "root's capabilities");
    Ok(())
}

async fn capability(room: &Room) -> Checked {
    let mut plan = room.plan("agent", &[Step::Capabilities]);
    plan.user = Some("0:0".into());
    plan.hardening.cap_add = vec!["NET_BIND_SERVICE".into()];
    let wanted = ["CapEff:0000000000000400", "CapBnd:0000000000000400"];
    same!(printed(room, &plan).await?, wanted, "root's capabilities");
    Ok(())
}
