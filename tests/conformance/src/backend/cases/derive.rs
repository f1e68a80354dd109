//! `derive_image`.

use std::{fs, os::unix::fs::PermissionsExt as _};

use bottle_api::{Derive, ImageId};

use super::{
    cases,
    images::{file, inside_as},
};
use crate::{
    Checked, Step,
    backend::{
        Room,
        room::{discard, unique},
        suite::Case,
    },
    verdict::{ensure, same},
};

pub(super) fn cases() -> Vec<Case> {
    cases!("images";
        once "a derived image holds the folder, with modes, links and owner" => derived,
        once "a derived image honours the folder's ignore file" => ignored,
        once "an unchanged folder is not built again, a changed one is" => changed,
    )
}

/// A folder that is new each time.
fn workspace() -> Checked<(tempfile::TempDir, Derive)> {
    let folder = tempfile::tempdir()?;
    let path = folder.path();
    fs::set_permissions(path, fs::Permissions::from_mode(0o750))?;
    file(path, "mark", &unique(), 0o644)?;
    file(path, "run.sh", "#!/bin/sh\n", 0o755)?;
    file(path, "private", "p", 0o600)?;
    file(path, "left.log", "x", 0o644)?;
    file(path, ".dockerignore", "*.log\n", 0o644)?;
    std::os::unix::fs::symlink("run.sh", path.join("link"))?;
    let derive = Derive {
        folder: path.to_owned(),
        target: "/work".into(),
        uid: 1234,
        gid: 1235,
        include_git: false,
        exclude: vec![],
    };
    Ok((folder, derive))
}

async fn derive(room: &Room, derive: &Derive) -> Checked<ImageId> {
    let id = room
        .backend()
        .derive_image(room.image(), derive, &discard())
        .await?;
    room.built(&id);
    Ok(id)
}

async fn derived(room: &Room) -> Checked {
    let (_folder, plan) = workspace()?;
    let id = derive(room, &plan).await?;
    let steps = ["", "/run.sh", "/private", "/link"].map(|name| Step::stat(format!("/work{name}")));
    let wanted = "folder 750 1234:1235\nfile 755 1234:1235\nfile 600 1234:1235\nlink run.sh";
    same!(
        inside_as(room, &id, Some("1234:1235"), &steps).await?,
        wanted,
        "what is inside"
    );
    Ok(())
}

async fn ignored(room: &Room) -> Checked {
    let (_folder, plan) = workspace()?;
    let id = derive(room, &plan).await?;
    let found = inside_as(
        room,
        &id,
        Some("1234:1235"),
        &[Step::stat("/work/left.log")],
    )
    .await?;
    same!(found, "nothing", "what the ignore file names");
    Ok(())
}

async fn changed(room: &Room) -> Checked {
    let (folder, plan) = workspace()?;
    let first = derive(room, &plan).await?;
    file(folder.path(), "left.log", "ignored, so no change", 0o644)?;
    same!(
        derive(room, &plan).await?,
        first,
        "the image of an unchanged folder"
    );
    file(folder.path(), "private", "q", 0o600)?;
    let second = derive(room, &plan).await?;
    ensure!(second != first, "a changed folder, the same image");
    same!(
        inside_as(
            room,
            &second,
            Some("1234:1235"),
            &[Step::read("/work/private")]
        )
        .await?,
        "q",
        "the change"
    );
    Ok(())
}
