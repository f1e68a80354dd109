//! `put_archive`, `get_archive`.

use bottle_api::{Backend, BackendErrorKind, Mount};

use crate::harness::{Engine, archive, entry, folder, link, test, unpack};

#[test]
fn owner_group_mode_and_links_are_kept_before_and_after_the_start() {
    test(async |engine| {
        for runtime in engine.runtimes() {
            let mut plan = engine.plan(&runtime, &runtime);
            plan.user = Some("7:8".into());
            let id = engine.create(&plan).await;
            let put = archive(&[
                folder("srv/a", 0o750, 7),
                entry("srv/a/key", "secret", 0o400, 7),
                entry("srv/a/tool", "#!/bin/sh\necho ran", 0o755, 0),
                link("srv/a/link", "key"),
            ]);
            engine.backend.put_archive(&id, put).await.unwrap();
            engine.backend.start(&id).await.unwrap();
            let seen = engine
                .ok(
                    &id,
                    "cd /srv/a; stat -c '%n %a %u:%g' . key tool; readlink link; cat link; ./tool",
                )
                .await;
            assert_eq!(
                seen, ". 750 7:8\nkey 400 7:8\ntool 755 0:1\nkey\nsecretran",
                "{runtime}"
            );
            let later = archive(&[entry("srv/a/key", "new", 0o644, 7)]);
            engine.backend.put_archive(&id, later).await.unwrap();
            assert_eq!(
                engine
                    .ok(&id, "cat /srv/a/key; stat -c ' %a %u' /srv/a/key")
                    .await,
                "new 644 7",
                "replaced while running under {runtime}"
            );
        }
    });
}

#[test]
fn volumes_are_written_through_even_under_a_read_only_root() {
    test(async |engine| {
        for runtime in engine.runtimes() {
            let mut plan = engine.plan(&runtime, &runtime);
            plan.hardening.read_only_rootfs = true;
            plan.user = Some("7:8".into());
            plan.mounts = vec![
                Mount::Volume {
                    target: "/etc/proxy".into(),
                },
                Mount::Volume {
                    target: "/var/state".into(),
                },
            ];
            let id = engine.create(&plan).await;
            let put = archive(&[
                folder("etc", 0o755, 0),
                folder("etc/proxy", 0o700, 7),
                entry("etc/proxy/key", "secret", 0o400, 7),
                folder("etc/proxy/conf.d", 0o755, 7),
                entry("etc/proxy/conf.d/a", "a", 0o444, 7),
                folder("var/state/own", 0o700, 7),
                entry("var/state/s", "s", 0o600, 7),
            ]);
            engine.backend.put_archive(&id, put).await.unwrap();
            engine.backend.start(&id).await.unwrap();
            let seen = engine
                .ok(&id, "cat /etc/proxy/key /etc/proxy/conf.d/a /var/state/s; stat -c ' %a %u:%g' /etc/proxy/conf.d /etc/proxy/key; echo x > /var/state/own/t")
                .await;
            assert_eq!(seen, "secretas 755 7:8\n 400 7:8", "{runtime}");
            let (status, text) = engine.sh(&id, "echo x > /var/tmp/file").await;
            assert!(!status.success() && text.contains("Read-only"), "{text}");

            let running = archive(&[entry("var/state/later", "l", 0o600, 7)]);
            engine.backend.put_archive(&id, running).await.unwrap();
            assert_eq!(engine.ok(&id, "cat /var/state/later").await, "l");

            let outside = archive(&[entry("srv/file", "x", 0o600, 7)]);
            let error = engine.backend.put_archive(&id, outside).await.unwrap_err();
            assert!(error.to_string().contains("`/srv/file`"), "{error}");
        }
    });
}

#[test]
fn files_and_folders_come_back_and_links_are_not_followed() {
    test(async |engine| {
        for runtime in engine.runtimes() {
            come_back(&engine, &runtime).await;
        }
    });
}

async fn come_back(engine: &Engine, runtime: &str) {
    let mut plan = engine.plan(runtime, runtime);
    plan.user = Some("7:8".into());
    plan.mounts = vec![Mount::Volume {
        target: "/var/state".into(),
    }];
    let id = engine.create(&plan).await;
    let put = archive(&[
        folder("srv/a", 0o750, 7),
        entry("srv/a/key", "secret", 0o400, 7),
        link("srv/link", "a/key"),
        folder("srv/out", 0o755, 7),
        folder("var/state/own", 0o755, 7),
    ]);
    engine.backend.put_archive(&id, put).await.unwrap();
    // Created, then running.
    for _ in 0..2 {
        let get = async |path| unpack(&engine.backend.get_archive(&id, path).await.unwrap());
        let file = get("/srv/a/key").await;
        assert_eq!(file["key"], ('f', 0o400, 7, "secret".into()));
        let folder = get("/srv/a").await;
        assert_eq!(folder.keys().collect::<Vec<_>>(), ["a", "a/key"]);
        assert_eq!(folder["a"].1, 0o750);
        assert_eq!(get("/srv/link").await["link"].3, "a/key");
        let error = engine
            .backend
            .get_archive(&id, "/srv/no")
            .await
            .unwrap_err();
        assert_eq!(error.kind(), BackendErrorKind::NotFound);
        assert!(error.to_string().contains("/srv/no"), "{error}");
        engine.backend.start(&id).await.unwrap();
    }
    engine
        .ok(
            &id,
            "echo made inside | tee /srv/out/file /var/state/own/file",
        )
        .await;
    for path in ["/srv/out/file", "/var/state/own/file"] {
        let out = unpack(&engine.backend.get_archive(&id, path).await.unwrap());
        assert_eq!(out["file"].3, "made inside\n", "{runtime}: {path}");
    }
}
