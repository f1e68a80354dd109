//! `derive_image`.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use bottle_api::{Backend, BackendErrorKind, Derive, Event, ImageId};

use sha2::Digest as _;

use crate::harness::{Engine, call, discard, drain, listening, test, unique};

fn write(root: &Path, path: &str, content: &str, mode: u32) {
    let full = root.join(path);
    fs::create_dir_all(full.parent().unwrap()).unwrap();
    fs::write(&full, content).unwrap();
    fs::set_permissions(&full, fs::Permissions::from_mode(mode)).unwrap();
}

fn workspace() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(root, "mark", &unique(), 0o644);
    write(root, "run.sh", "#!/bin/sh\necho ran\n", 0o755);
    write(root, "private", "p", 0o600);
    write(root, "a b/ü", "odd", 0o640);
    write(root, ".git/HEAD", "ref: x", 0o644);
    write(root, ".dockerignore", "*.log\n", 0o644);
    write(root, "x.log", "x", 0o644);
    fs::create_dir(root.join("empty")).unwrap();
    symlink("run.sh", root.join("link")).unwrap();
    symlink("/etc/hostname", root.join("outside")).unwrap();
    symlink("nowhere", root.join("dangling")).unwrap();
    fs::set_permissions(root, fs::Permissions::from_mode(0o750)).unwrap();
    folder
}

fn derive(folder: &Path, target: &str) -> Derive {
    Derive {
        folder: folder.to_owned(),
        target: target.into(),
        uid: 1234,
        gid: 1235,
        include_git: false,
        exclude: vec![],
    }
}

async fn run(engine: &Engine, image: &ImageId, script: &str) -> Vec<String> {
    let mut plan = engine.plan(&unique(), "runc");
    plan.command = ["bash", "-c", script].map(str::to_owned).to_vec();
    plan.user = Some("1234:1235".into());
    engine.lines_of(&plan, image).await
}

async fn build(engine: &Engine, derive: &Derive) -> (ImageId, usize) {
    let (cx, mut events) = listening();
    let id = engine
        .backend
        .derive_image(&engine.image, derive, &cx)
        .await
        .unwrap();
    engine.remove_later(id.as_str());
    let steps = drain(&mut events)
        .iter()
        .filter(|event| matches!(event, Event::Progress { .. }))
        .count();
    (id, steps)
}

#[test]
fn contents_modes_links_and_owner_are_inside() {
    test(async |engine| {
        let folder = workspace();
        for target in ["/work", "/home/x y/$HOME/'q'"] {
            let (id, _) = build(&engine, &derive(folder.path(), target)).await;
            let target = target.replace('$', "\\$");
            let seen = run(
                &engine,
                &id,
                &format!(
                    "cd \"{target}\" && LC_ALL=C.UTF-8 find . -printf '%p %y %m %U:%G %l\\n' | sort; \
                     cat 'a b/ü'; echo; ./link; cat private"
                ),
            )
            .await;
            let expected = [
                ". d 750 1234:1235 ",
                "./.dockerignore f 644 1234:1235 ",
                "./a b d 755 1234:1235 ",
                "./a b/ü f 640 1234:1235 ",
                "./dangling l 777 1234:1235 nowhere",
                "./empty d 755 1234:1235 ",
                "./link l 777 1234:1235 run.sh",
                "./mark f 644 1234:1235 ",
                "./outside l 777 1234:1235 /etc/hostname",
                "./private f 600 1234:1235 ",
                "./run.sh f 755 1234:1235 ",
                "odd",
                "ran",
                "p",
            ];
            assert_eq!(seen, expected, "{target}");
        }
    });
}

#[test]
fn an_unchanged_folder_is_not_built_again_and_a_changed_one_is() {
    test(async |engine| {
        let folder = workspace();
        let mut derive = derive(folder.path(), "/work");
        let (first, steps) = build(&engine, &derive).await;
        assert!(steps > 0);
        write(folder.path(), "x.log", "ignored", 0o644);
        assert_eq!(build(&engine, &derive).await, (first.clone(), 0));
        let image = call("GET", &format!("/images/{first}/json"), None)
            .await
            .json();
        assert_eq!(image["Config"]["Labels"]["bottle.image"], "derive");

        write(folder.path(), "private", "q", 0o600);
        let (second, steps) = build(&engine, &derive).await;
        assert!(second != first && steps > 0);
        assert_eq!(run(&engine, &second, "cat /work/private").await, ["q"]);

        derive.include_git = true;
        derive.exclude = vec!["private".into(), "/a*/".into()];
        let (third, _) = build(&engine, &derive).await;
        let files = run(&engine, &third, "cd /work; ls -A; cat .git/HEAD").await;
        assert!(files.contains(&"ref: x".to_owned()), "{files:?}");
        assert!(
            !files.iter().any(|name| name == "private" || name == "a b"),
            "{files:?}"
        );
    });
}

#[test]
fn big_folders_arrive_whole() {
    test(async |engine| {
        let folder = workspace();
        for n in 0..40 {
            let block = format!("{n}-").repeat(60_000);
            write(
                folder.path(),
                &format!("big/{n}/{}", "n".repeat(150)),
                &block,
                0o644,
            );
        }
        let (id, _) = build(&engine, &derive(folder.path(), "/work")).await;
        let inside = run(
            &engine,
            &id,
            "cd /work/big && cat $(ls -d */* | sort -V) | sha256sum",
        )
        .await;
        let mut all = Vec::new();
        for n in 0..40 {
            all.extend(format!("{n}-").repeat(60_000).into_bytes());
        }
        let outside = hex::encode(sha2::Sha256::digest(&all));
        assert!(inside[0].starts_with(&outside), "{inside:?}");
    });
}

#[test]
fn what_cannot_be_derived_is_a_clear_error() {
    test(async |engine| {
        let folder = workspace();
        let error = async |base: &ImageId, derive: &Derive| {
            engine
                .backend
                .derive_image(base, derive, &discard())
                .await
                .unwrap_err()
        };
        let gone = derive(&folder.path().join("no"), "/work");
        assert!(
            error(&engine.image, &gone)
                .await
                .to_string()
                .contains("/no`")
        );
        for target in ["relative", "", "/a/../../etc"] {
            let bad = derive(folder.path(), target);
            let error = error(&engine.image, &bad).await;
            assert!(error.to_string().contains("absolute path"), "{error}");
        }
        let base = ImageId::new(format!("sha256:{}", "0".repeat(64)));
        let error = error(&base, &derive(folder.path(), "/work")).await;
        assert_eq!(error.kind(), BackendErrorKind::ImageMissing, "{error}");
    });
}
