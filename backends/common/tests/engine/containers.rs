//! `create_container`: what is refused, and what the container then is.

use bottle_api::{Backend, BackendErrorKind, ImageId, ImagePlan, Mount, OwnedSelector, Stdio};

use crate::{
    harness::{call, test},
    lane::{RUNTIME_HINT, check_log, give},
};

#[test]
fn a_taken_name_is_a_conflict_and_creates_nothing() {
    test(async |engine| {
        let plan = engine.plan("agent", "runc");
        engine.create(&plan).await;
        let mut second = plan.clone();
        second.mounts = vec![Mount::Volume {
            target: "/v".into(),
        }];
        let error = engine.refusal(&second, &engine.image).await;
        assert_eq!(error.kind(), BackendErrorKind::NameConflict, "{error}");
        assert_eq!(engine.owned().await.len(), 1);
    });
}

#[test]
fn unknown_runtimes_and_images_are_told_apart() {
    test(async |engine| {
        let plan = engine.plan("agent", "no-such-runtime");
        let error = engine.refusal(&plan, &engine.image).await;
        assert_eq!(error.kind(), BackendErrorKind::RuntimeMissing, "{error}");
        assert!(error.hint().unwrap().contains(RUNTIME_HINT));

        let plan = engine.plan("agent", "runc");
        let image = ImageId::new(format!("sha256:{}", "0".repeat(64)));
        let error = engine.refusal(&plan, &image).await;
        assert_eq!(error.kind(), BackendErrorKind::ImageMissing, "{error}");
        assert_eq!(engine.owned().await, []);
    });
}

#[test]
fn a_missing_bind_source_is_named() {
    test(async |engine| {
        let mut plan = engine.plan("agent", "runc");
        plan.mounts = vec![Mount::Bind {
            source: "/no/such/folder".into(),
            target: "/work".into(),
            read_only: false,
        }];
        let error = engine.refusal(&plan, &engine.image).await;
        assert!(error.to_string().contains("/no/such/folder"), "{error}");
        assert!(error.hint().unwrap().contains("must exist"), "{error:?}");
    });
}

#[test]
fn a_refused_environment_never_shows_its_values() {
    test(async |engine| {
        let plan = engine.plan("agent", "runc");
        for name in ["", "A=B", "A\0B"] {
            let env = [("GOOD", "s3cret-one"), (name, "s3cret-two")];
            let error = engine.create_with_env(&plan, &env).await.unwrap_err();
            let text = format!("{error} {error:?}");
            assert!(!text.contains("s3cret"), "{text}");
        }
        // A refusal by the engine itself, of a request that carries a secret.
        let mut plan = engine.plan("agent", "runc");
        plan.workdir = Some("not/absolute".into());
        let error = engine
            .create_with_env(&plan, &[("KEY", "s3cret-three")])
            .await
            .unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cret"));
    });
}

#[test]
fn entry_point_command_user_folder_and_host_name() {
    test(async |engine| {
        for runtime in engine.runtimes() {
            let mut plan = engine.plan(&runtime, &runtime);
            plan.entrypoint = Some(vec!["bash".into(), "-c".into()]);
            plan.command = vec![
                "echo $0 $KEY; id -u; id -g; pwd; hostname".into(),
                "zero".into(),
            ];
            plan.user = Some("12:13".into());
            plan.workdir = Some("/srv".into());
            plan.hostname = "agent-host".into();
            let id = engine
                .create_with_env(&plan, &[("KEY", "va lue=1")])
                .await
                .unwrap();
            engine.backend.start(&id).await.unwrap();
            assert!(engine.backend.wait(&id).await.unwrap().success());
            let lines = crate::logs::all(&engine, &id).await;
            assert_eq!(
                lines,
                ["zero va lue=1", "12", "13", "/srv", "agent-host"],
                "{runtime}"
            );
        }
    });
}

#[test]
fn binds_are_writable_or_not() {
    test(async |engine| {
        if !engine.info.local {
            return crate::harness::skip("binds: the engine has other paths");
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("in"), "from the host").unwrap();
        give(folder.path());
        for runtime in engine.runtimes() {
            let mut plan = engine.plan(&runtime, &runtime);
            plan.mounts = [(false, "/rw"), (true, "/ro")]
                .map(|(read_only, target)| Mount::Bind {
                    source: folder.path().to_owned(),
                    target: target.into(),
                    read_only,
                })
                .to_vec();
            let id = engine.running(&plan).await;
            assert_eq!(engine.ok(&id, "cat /ro/in").await, "from the host");
            engine.ok(&id, "echo -n back > /rw/out").await;
            let out = std::fs::read_to_string(folder.path().join("out")).unwrap();
            assert_eq!(out, "back", "{runtime}");
            assert!(!engine.sh(&id, "echo x > /ro/out").await.0.success());
        }
    });
}

#[test]
fn labels_are_on_the_container_and_its_volumes_and_the_log_is_bounded() {
    test(async |engine| {
        let mut plan = engine.plan("agent", "runc");
        plan.mounts = vec![Mount::Volume {
            target: "/v".into(),
        }];
        plan.stdio = Stdio {
            tty: true,
            stdin: true,
            stdin_once: false,
        };
        let id = engine.create(&plan).await;
        let seen = call("GET", &format!("/containers/{id}/json"), None)
            .await
            .json();
        assert_eq!(seen["Config"]["Labels"]["bottle.role"], "agent");
        check_log(&seen["HostConfig"]["LogConfig"]);
        let volume = seen["Mounts"][0]["Name"].as_str().unwrap();
        let volume = call("GET", &format!("/volumes/{volume}"), None)
            .await
            .json();
        assert_eq!(volume["Labels"]["bottle.session"], engine.session.as_str());
        let selector = OwnedSelector::default();
        let all = engine.backend.list_owned(&selector).await.unwrap();
        let own = all.iter().filter(|it| it.owner.session == engine.session);
        assert_eq!(own.count(), 2, "found without naming the session");
    });
}

/// Without a command in the plan, the image's own.
#[test]
fn an_empty_command_is_the_images_own() {
    test(async |engine| {
        let mut plan = engine.plan("agent", "runc");
        plan.command = vec![];
        plan.image = ImagePlan::pull("unused", "unused");
        let id = engine.create(&plan).await;
        let seen = call("GET", &format!("/containers/{id}/json"), None)
            .await
            .json();
        let image = call("GET", &format!("/images/{}/json", engine.image), None).await;
        assert_eq!(seen["Config"]["Cmd"], image.json()["Config"]["Cmd"]);
    });
}
