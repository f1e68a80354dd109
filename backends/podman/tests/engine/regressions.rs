//! What podman-api or the engine gets wrong, seen from inside the container.

use bottle_api::{Backend, BackendErrorKind, ContainerRequest, Dns, ExecRequest, SecretString};

use crate::{
    ROOTLESS,
    harness::{call, discard, test},
};

/// podman-api misspells the key, and the engine passes over keys it does not know.
#[test]
fn no_new_privileges_is_in_force_and_can_be_seen_to_be() {
    test(async |engine| {
        for on in [true, false] {
            let mut plan = engine.plan(&format!("agent-{on}"), "runc");
            plan.hardening.no_new_privileges = on;
            let id = engine.running(&plan).await;
            let line = engine.ok(&id, "grep NoNewPrivs /proc/self/status").await;
            assert_eq!(line, format!("NoNewPrivs:\t{}", u8::from(on)));
        }
    });
}

/// podman-api stores secrets as JSON, quotes included.
#[test]
fn secrets_arrive_byte_by_byte() {
    test(async |engine| {
        let value = "\"quo'ted\"\n\\ $HOME \u{e4}=\t";
        let plan = engine.plan("agent", "runc");
        let id = engine
            .create_with_env(&plan, &[("KEY", value)])
            .await
            .unwrap();
        engine.backend.start(&id).await.unwrap();
        let mut request = ExecRequest::new(["bash", "-c", "printf %s \"$KEY|$MORE\""]);
        request.env = vec![("MORE".into(), SecretString::from(value))];
        let output = engine.exec(&id, &request).await;
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text, format!("{value}|{value}"));
    });
}

/// podman-api sends addresses as lists of numbers.
#[test]
fn every_network_has_the_address_that_was_asked_for() {
    test(async |engine| {
        let networks = [
            engine.network("link-0", true).await,
            engine.network("link-1", true).await,
            engine.network("egress", false).await,
        ];
        let mut plan = engine.plan("hop", "runc");
        plan.dns = Dns::Engine;
        let at = networks.each_ref().map(|network| network.at(9));
        let id = engine.create_on(&plan, &at, &[]).await;
        engine.backend.start(&id).await.unwrap();
        for (n, attachment) in at.iter().enumerate() {
            let script = format!(
                "perl -MSocket -e 'socket(S, AF_INET, SOCK_DGRAM, 0); \
                 ioctl(S, 0x8915, $r = pack(\"a16x24\", \"eth{n}\")) or die $!; \
                 print inet_ntoa(substr $r, 20, 4)'"
            );
            let seen = engine.ok(&id, &script).await;
            assert_eq!(seen, attachment.address.to_string(), "eth{n}");
        }
    });
}

/// The engine's own begins with the host's file, and names the host.
#[test]
fn hosts_and_resolver_are_ours_alone() {
    test(async |engine| {
        let link = engine.network("link-0", true).await;
        let names = [("proxy".to_owned(), link.address(2))];
        for runtime in engine.runtimes() {
            for read_only in [false, true] {
                let mut plan = engine.plan(&format!("{runtime}-{read_only}"), &runtime);
                plan.hardening.read_only_rootfs = read_only;
                let id = engine.create_on(&plan, &[link.at(3)], &names).await;
                engine.backend.start(&id).await.unwrap();
                let seen = engine.ok(&id, "cat /etc/hosts").await;
                let own = format!(
                    "127.0.0.1 localhost\n{} proxy\n{} {}",
                    link.address(2),
                    link.address(3),
                    plan.hostname
                );
                assert_eq!(seen, own, "{runtime}");
                let resolver = engine.ok(&id, "grep nameserver /etc/resolv.conf").await;
                assert_eq!(resolver, "nameserver 127.0.0.1");
                let owned = engine.owned().await;
                let container = owned.iter().find(|it| it.id == id.as_str()).unwrap();
                engine.backend.remove(container).await.unwrap();
            }
        }
    });
}

/// Services until 2026 take their default for the runtime that a request names.
#[test]
fn the_runtime_that_was_asked_for_is_the_one_that_is_used() {
    test(async |engine| {
        for runtime in engine.runtimes() {
            let id = engine.running(&engine.plan(&runtime, &runtime)).await;
            let kernel = engine.ok(&id, "cat /proc/version").await;
            let host = std::fs::read_to_string("/proc/version").unwrap();
            assert_eq!(
                kernel == host.trim(),
                runtime != "runsc",
                "{runtime}: {kernel}"
            );
        }
        // A service that was not told of it: what it made in its place is taken back.
        if ROOTLESS {
            let plan = engine.plan("agent", "runsc");
            let request = ContainerRequest::new(&plan, &plan.name, &engine.image);
            let made = engine.backend.create_container(&request, &discard()).await;
            assert_eq!(made.unwrap_err().kind(), BackendErrorKind::RuntimeMissing);
            assert_eq!(engine.owned().await.len(), 1, "the one that runs");
        }
    });
}

/// An image's own volumes would be anonymous, without our labels.
#[test]
fn volumes_that_an_image_declares_are_labelled_too() {
    test(async |engine| {
        let recipe = bottle_api::Recipe {
            repository: "engine-tests".into(),
            dockerfile: format!(
                "FROM {}\nRUN mkdir /declared && echo {} > /declared/file\nVOLUME /declared\n",
                crate::harness::IMAGE,
                crate::harness::unique()
            ),
            files: vec![],
            args: std::collections::BTreeMap::new(),
        };
        let image = engine
            .image_of(&bottle_api::ImageSource::Recipe(recipe))
            .await;
        engine.remove_later(image.as_str());
        let mut plan = engine.plan("agent", "runc");
        plan.hardening.read_only_rootfs = true;
        let request = ContainerRequest::new(&plan, &plan.name, &image);
        let created = engine.backend.create_container(&request, &discard()).await;
        let id = created.unwrap();
        engine.backend.start(&id).await.unwrap();
        engine
            .ok(&id, "cat /declared/file; echo x > /declared/new")
            .await;
        let kinds: Vec<_> = engine.owned().await.iter().map(|it| it.kind).collect();
        assert_eq!(
            kinds,
            [
                bottle_api::ResourceKind::Container,
                bottle_api::ResourceKind::Volume
            ]
        );
        let path = format!("/containers/{id}?force=1&v=1");
        call("DELETE", &path, None).await;
        let left = engine.owned().await;
        assert_eq!(left.len(), 1, "found even when the engine forgets it");
    });
}
