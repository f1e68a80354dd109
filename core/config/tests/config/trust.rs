//! Granting, checking and taking back.

use std::os::unix::fs::{PermissionsExt, chown};

use bottle_config::{Trust, TrustMode, TrustStore};

use crate::world::World;

const WIDE: &str = "extends = ['./more.toml']\n[egress]\nallow = ['wide.test']\n";

fn world() -> World {
    World::new()
        .user("[launch]\nagent = 'claude'\n")
        .project(WIDE)
        .file("home/repo/more.toml", "[limits]\npids = 100\n")
}

fn store(world: &World) -> TrustStore {
    TrustStore::new(world.dirs().trust())
}

/// Grants what the files hold now.
fn grant(world: &World) {
    let mut loader = world.loader();
    loader.trust = TrustMode::Report;
    let config = loader
        .load(&world.registry, &crate::samples::presets())
        .unwrap();
    store(world).grant(config.project().unwrap()).unwrap();
}

#[test]
fn exactly_the_trusted_content_counts() {
    let world = world();
    assert!(world.errors().contains("is not trusted"));
    grant(&world);
    assert_eq!(world.config().trust(), Some(&Trust::Trusted));
    assert_eq!(world.spec().allow.len(), 2);

    // Any change asks again, even one that narrows; and a change back needs no new grant.
    for (path, text) in [
        (
            "home/repo/bottle.toml",
            "extends = ['./more.toml']\n[egress]\nallow = ['wide.test', 'w.test']\n",
        ),
        ("home/repo/more.toml", "[limits]\npids = 99\n"),
    ] {
        let before = std::fs::read_to_string(world.path(path)).unwrap();
        std::fs::write(world.path(path), text).unwrap();
        let errors = world.errors();
        assert!(
            errors.contains("has changed since you trusted it"),
            "{errors}"
        );
        assert!(errors.contains(&format!("(/{path})")), "{errors}");
        std::fs::write(world.path(path), before).unwrap();
        assert_eq!(world.config().trust(), Some(&Trust::Trusted));
    }

    assert!(
        store(&world)
            .revoke(&world.path("home/repo/bottle.toml"))
            .unwrap()
    );
    assert!(
        !store(&world)
            .revoke(&world.path("home/repo/bottle.toml"))
            .unwrap()
    );
    assert!(world.errors().contains("is not trusted"));
}

#[test]
fn what_widens_nothing_needs_no_trust_and_may_change() {
    let world = World::new().project("[launch]\nagent = 'claude'\n");
    assert_eq!(world.config().trust(), Some(&Trust::Untrusted));
    assert!(world.config().widenings().is_empty());
    grant(&world);
    let world = world.project("[launch]\nagent = 'codex'\n");
    let config = world.config();
    assert!(matches!(config.trust(), Some(Trust::Changed { files }) if files.len() == 1));
}

#[test]
fn grants_are_for_the_user_alone() {
    let world = world();
    grant(&world);
    let folder = world.dirs().trust();
    let mode = |path: &std::path::Path| {
        let about = std::fs::metadata(path).unwrap();
        about.permissions().mode() & 0o777
    };
    assert_eq!(mode(&folder), 0o700);
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().flatten().collect();
    assert_eq!(files.len(), 1, "no scratch file is left");
    assert_eq!(mode(&files[0].path()), 0o600);
    let list = store(&world).list().unwrap();
    assert_eq!(list[0].set.path, world.path("home/repo/bottle.toml"));
    assert_eq!(list[0].set.files.len(), 2);
    assert!(list[0].exists);
}

#[test]
fn a_grant_is_for_one_place() {
    let world = world();
    grant(&world);
    std::fs::rename(world.path("home/repo"), world.path("home/moved")).unwrap();
    let mut loader = world.loader();
    loader.cwd = world.path("home/moved");
    let presets = crate::samples::presets();
    let errors = loader.load(&world.registry, &presets).unwrap_err();
    assert!(errors.render(false, 200).contains("is not trusted"));
    assert!(!store(&world).list().unwrap()[0].exists);
}

#[test]
fn a_broken_record_trusts_nothing() {
    let world = world();
    grant(&world);
    let record = std::fs::read_dir(world.dirs().trust())
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    for text in ["", "{}", "{\"path\":\"/x\",\"files\":[]}"] {
        std::fs::write(record.path(), text).unwrap();
        assert!(world.errors().contains("is not trusted"), "{text:?}");
    }
    assert!(
        store(&World::new()).list().unwrap().is_empty(),
        "no folder, no grants"
    );
}

#[test]
fn profiles_that_a_repository_chooses_are_judged_and_pinned() {
    let world = World::new()
        .profile("work", "[secret.GH]\nfrom_env = 'GH'\nenv = true\n")
        .project("extends = ['work']\n[launch]\nagent = 'claude'\n");
    let errors = world.errors();
    assert!(
        errors.contains("secret.GH: uses a secret of yours"),
        "{errors}"
    );
    grant(&world);
    assert_eq!(world.spec().secrets.len(), 1);
    let world = world.profile("work", "[secret.GH]\nfrom_env = 'OTHER'\nenv = true\n");
    assert!(
        world.errors().contains("profiles/work.toml)"),
        "its content is pinned too"
    );
}

#[test]
fn a_file_that_somebody_else_put_above_needs_trust() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can give files away");
        return;
    }
    let world = World::new().project("[launch]\nagent = 'claude'\n");
    let file = world.path("home/repo/bottle.toml");
    chown(&file, Some(4242), Some(4242)).unwrap();
    let mut loader = world.loader();
    loader.uid = 1000;
    loader.cwd = world.path("home/repo/src");
    let presets = crate::samples::presets();
    let load = |loader: &bottle_config::Loader| loader.load(&world.registry, &presets);
    let text = load(&loader).unwrap_err().render(false, 200);
    assert!(text.contains("it belongs to user 4242"), "{text}");
    chown(&loader.cwd, Some(4242), Some(4242)).unwrap();
    assert!(
        load(&loader).is_ok(),
        "the owner of the current folder is no stranger"
    );
    loader.uid = 4242;
    assert!(load(&loader).is_ok());
}

#[test]
fn a_file_can_be_asked_about_from_elsewhere() {
    let world = world().reporting();
    let mut loader = world.loader();
    loader.cwd = world.path("home");
    loader.project = Some("repo/bottle.toml".into());
    let config = loader
        .load(&world.registry, &crate::samples::presets())
        .unwrap();
    assert_eq!(config.widenings().len(), 1);
    assert_eq!(config.widenings()[0].key, "egress.allow");
}
