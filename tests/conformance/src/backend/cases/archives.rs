//! `put_archive`, `get_archive`.

use std::io::Read as _;

use bottle_api::{BackendErrorKind, ContainerId, ContainerPlan, Mount};
use bytes::Bytes;
use tar::{Archive, Builder, EntryType, Header};

use super::cases;
use crate::{
    Checked, Miss, Step,
    backend::{Room, suite::Case},
    verdict::{ensure, same},
};

pub(super) fn cases() -> Vec<Case> {
    cases!("files";
        each "put_archive keeps owner, group and mode" => owners,
        each "put_archive keeps symbolic links" => symlink,
        each "put_archive keeps hard links" => hard_link,
        each "put_archive writes through to volumes" => volume,
        each "put_archive writes to a volume under a read-only root" => read_only,
        each "put_archive replaces existing files" => replaces,
        each "put_archive works on a running container" => put_running,
        once "get_archive names entries from the path's last part on" => names,
        once "get_archive keeps owner, group and mode" => gets,
        once "get_archive does not follow links" => not_followed,
        once "get_archive of what is missing is NotFound" => missing,
        each "get_archive works on a running container" => get_running,
    )
}

/// An entry of an archive: path, mode, owner and group, and what it is.
enum Entry<'a> {
    File(&'a str, u32, u64, &'a str),
    Folder(&'a str, u32, u64),
    Symlink(&'a str, &'a str),
    Link(&'a str, &'a str),
}

fn archive(entries: &[Entry<'_>]) -> Checked<Bytes> {
    let mut builder = Builder::new(Vec::new());
    for entry in entries {
        let mut header = Header::new_gnu();
        header.set_size(0);
        header.set_mode(0o777);
        header.set_uid(0);
        header.set_gid(0);
        match entry {
            Entry::File(path, mode, owner, text) => {
                header.set_mode(*mode);
                header.set_uid(*owner);
                header.set_gid(*owner + 1);
                header.set_size(text.len() as u64);
                builder.append_data(&mut header, path, text.as_bytes())?;
            }
            Entry::Folder(path, mode, owner) => {
                header.set_entry_type(EntryType::Directory);
                header.set_mode(*mode);
                header.set_uid(*owner);
                header.set_gid(*owner + 1);
                builder.append_data(&mut header, path, std::io::empty())?;
            }
            Entry::Symlink(path, target) | Entry::Link(path, target) => {
                header.set_entry_type(match entry {
                    Entry::Link(..) => EntryType::Link,
                    _ => EntryType::Symlink,
                });
                builder.append_link(&mut header, path, target)?;
            }
        }
    }
    Ok(builder.into_inner()?.into())
}
/// An archive without entries.
pub(super) fn nothing() -> Bytes {
    Bytes::from(vec![0; 1024])
}

async fn put(room: &Room, id: &ContainerId, entries: &[Entry<'_>]) -> Checked {
    let archive = archive(entries)?;
    Ok(room.backend().put_archive(id, archive).await?)
}

/// Puts in between create and start, and tells what these steps then print.
async fn seen(
    room: &Room,
    plan: &ContainerPlan,
    entries: &[Entry<'_>],
    steps: &[Step],
) -> Checked<String> {
    let id = room.create(plan).await?;
    put(room, &id, entries).await?;
    room.backend().start(&id).await?;
    room.says(&id, steps).await
}

async fn owners(room: &Room) -> Checked {
    let entries = [
        Entry::Folder("srv/d", 0o711, 1234),
        Entry::File("srv/d/f", 0o640, 1234, "x"),
        Entry::File("srv/program", 0o4755, 0, "x"),
    ];
    let steps = [
        Step::stat("/srv/d"),
        Step::stat("/srv/d/f"),
        Step::stat("/srv/program"),
    ];
    let found = seen(room, &room.idle("agent"), &entries, &steps).await?;
    let wanted = "folder 711 1234:1235\nfile 640 1234:1235\nfile 4755 0:1";
    same!(found, wanted, "what is there");
    Ok(())
}

async fn symlink(room: &Room) -> Checked {
    let entries = [
        Entry::File("srv/f", 0o644, 0, "text"),
        Entry::Symlink("srv/l", "f"),
    ];
    let steps = [Step::stat("/srv/l"), Step::read("/srv/l")];
    let found = seen(room, &room.idle("agent"), &entries, &steps).await?;
    same!(found, "link f\ntext", "the link");
    Ok(())
}

async fn hard_link(room: &Room) -> Checked {
    let entries = [
        Entry::File("srv/f", 0o644, 0, "text"),
        Entry::Link("srv/h", "srv/f"),
    ];
    let steps = [Step::Same("/srv/f".into(), "/srv/h".into())];
    let found = seen(room, &room.idle("agent"), &entries, &steps).await?;
    same!(found, "same", "two names of one file");
    Ok(())
}

fn with_volume(room: &Room) -> ContainerPlan {
    let mut plan = room.idle("agent");
    plan.mounts = vec![Mount::Volume {
        target: "/v".into(),
    }];
    plan
}

async fn volume(room: &Room) -> Checked {
    let entries = [Entry::File("v/f", 0o600, 1234, "text")];
    let steps = [Step::stat("/v/f")];
    let found = seen(room, &with_volume(room), &entries, &steps).await?;
    same!(found, "file 600 1234:1235", "what is there");
    Ok(())
}

async fn read_only(room: &Room) -> Checked {
    let mut plan = with_volume(room);
    plan.hardening.read_only_rootfs = true;
    let entries = [
        Entry::Folder("v/d", 0o755, 0),
        Entry::File("v/d/f", 0o644, 0, "text"),
    ];
    let found = seen(room, &plan, &entries, &[Step::read("/v/d/f")]).await?;
    same!(found, "text", "what is there");
    Ok(())
}

async fn replaces(room: &Room) -> Checked {
    let id = room.create(&room.idle("agent")).await?;
    put(
        room,
        &id,
        &[Entry::File("srv/f", 0o600, 7, "a long text that goes")],
    )
    .await?;
    put(room, &id, &[Entry::File("srv/f", 0o644, 0, "new")]).await?;
    room.backend().start(&id).await?;
    let found = room
        .says(&id, &[Step::stat("/srv/f"), Step::read("/srv/f")])
        .await?;
    same!(found, "file 644 0:1\nnew", "what is there");
    Ok(())
}

async fn put_running(room: &Room) -> Checked {
    let id = room.running(&room.idle("agent")).await?;
    put(room, &id, &[Entry::File("srv/late", 0o644, 0, "text")]).await?;
    let found = room
        .says(&id, &[Step::stat("/srv/late"), Step::read("/srv/late")])
        .await?;
    same!(found, "file 644 0:1\ntext", "what is there");
    Ok(())
}

/// Names, kinds, modes and owners of an archive, sorted by name.
type Listed = (String, EntryType, u32, u64, String);
fn listed(archive: &Bytes) -> Checked<Vec<Listed>> {
    let mut all = Vec::new();
    for entry in Archive::new(archive.as_ref()).entries()? {
        let mut entry = entry?;
        let mut text = String::new();
        let header = entry.header().clone();
        let name = entry.path()?.to_string_lossy().trim_matches('/').to_owned();
        entry.read_to_string(&mut text)?;
        if let Some(target) = entry.link_name()? {
            text = target.to_string_lossy().into_owned();
        }
        let mode = header.mode()? & 0o7777;
        all.push((name, header.entry_type(), mode, header.uid()?, text));
    }
    all.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(all)
}

async fn names(room: &Room) -> Checked {
    let id = room.create(&room.idle("agent")).await?;
    let entries = [
        Entry::Folder("srv/d", 0o755, 0),
        Entry::Folder("srv/d/e", 0o755, 0),
        Entry::File("srv/d/e/f", 0o644, 0, "text"),
    ];
    put(room, &id, &entries).await?;
    for (path, wanted) in [
        ("/srv/d", vec!["d", "d/e", "d/e/f"]),
        ("/srv/d/e/f", vec!["f"]),
    ] {
        let all = listed(&room.backend().get_archive(&id, path).await?)?;
        let names: Vec<_> = all.iter().map(|entry| entry.0.as_str()).collect();
        same!(names, wanted, "the names of `{path}`");
        same!(
            all.last().map(|entry| entry.4.as_str()),
            Some("text"),
            "the file"
        );
    }
    Ok(())
}

async fn gets(room: &Room) -> Checked {
    let id = room.create(&room.idle("agent")).await?;
    put(room, &id, &[Entry::File("srv/f", 0o640, 1234, "text")]).await?;
    let all = listed(&room.backend().get_archive(&id, "/srv/f").await?)?;
    let wanted = (
        "f".to_owned(),
        EntryType::Regular,
        0o640,
        1234,
        "text".to_owned(),
    );
    same!(all, [wanted], "the entries");
    Ok(())
}

async fn not_followed(room: &Room) -> Checked {
    let id = room.create(&room.idle("agent")).await?;
    let entries = [
        Entry::File("srv/f", 0o644, 0, "text"),
        Entry::Symlink("srv/l", "f"),
    ];
    put(room, &id, &entries).await?;
    let all = listed(&room.backend().get_archive(&id, "/srv/l").await?)?;
    let [(name, kind, _, _, target)] = all.as_slice() else {
        return Err(Miss::broken(format!("not one entry: {all:?}")));
    };
    ensure!(
        name == "l" && *kind == EntryType::Symlink && target == "f",
        "not the link itself: {all:?}"
    );
    Ok(())
}

async fn missing(room: &Room) -> Checked {
    let id = room.create(&room.idle("agent")).await?;
    match room.backend().get_archive(&id, "/no/such/file").await {
        Ok(archive) => Err(Miss::broken(format!("an archive: {:?}", listed(&archive)?))),
        Err(error) => {
            same!(
                error.kind(),
                BackendErrorKind::NotFound,
                "the kind of `{error}`"
            );
            Ok(())
        }
    }
}

async fn get_running(room: &Room) -> Checked {
    let id = room.running(&room.idle("agent")).await?;
    room.says(&id, &[Step::write("/srv/made-inside", "text")])
        .await?;
    let all = listed(&room.backend().get_archive(&id, "/srv/made-inside").await?)?;
    same!(
        all.first().map(|entry| entry.4.as_str()),
        Some("text"),
        "the file"
    );
    Ok(())
}
