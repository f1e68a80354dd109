//! Hardening and limits, as seen from inside.

use bottle_api::{Backend, Mount};

use crate::{
    harness::{call, skip, test},
    lane::{INIT, limits_hold, tells_lack_of_memory},
};

#[test]
fn no_capability_and_no_new_privilege() {
    test(async |engine| {
        for runtime in engine.runtimes() {
            let mut plan = engine.plan(&runtime, &runtime);
            plan.user = Some("0:0".into());
            let id = engine.running(&plan).await;
            let status = engine.ok(&id, "cat /proc/self/status").await;
            for set in ["CapEff", "CapPrm", "CapBnd", "CapInh"] {
                let line = status.lines().find(|line| line.starts_with(set)).unwrap();
                assert!(line.ends_with("0000000000000000"), "{runtime}: {line}");
            }
            // gVisor shows no such line.
            if runtime == "runc" {
                assert!(status.contains("NoNewPrivs:\t1"), "{status}");
                assert!(status.contains("Seccomp:\t2"), "{status}");
            }
            let kept = {
                let mut plan = engine.plan(&format!("{runtime}-kept"), &runtime);
                plan.hardening.cap_add = vec!["NET_BIND_SERVICE".into()];
                engine.running(&plan).await
            };
            let bounding = engine.ok(&kept, "grep CapBnd /proc/self/status").await;
            assert!(bounding.ends_with("0000000000000400"), "{bounding}");
        }
    });
}

#[test]
fn a_setuid_program_gains_nothing() {
    test(async |engine| {
        for runtime in engine.runtimes() {
            let mut plan = engine.plan(&runtime, &runtime);
            plan.user = Some("1000:1000".into());
            let id = engine.create(&plan).await;
            // `id` of the image's own, made setuid: would run as root without the flag.
            let copy = engine
                .backend
                .get_archive(&id, "/usr/bin/id")
                .await
                .unwrap();
            let mut source = tar::Archive::new(copy.as_ref());
            let mut entry = source.entries().unwrap().next().unwrap().unwrap();
            let mut header = entry.header().clone();
            header.set_mode(0o4755);
            let mut tar = tar::Builder::new(Vec::new());
            tar.append_data(&mut header, "usr/local/bin/suid-id", &mut entry)
                .unwrap();
            let archive = tar.into_inner().unwrap().into();
            engine.backend.put_archive(&id, archive).await.unwrap();
            engine.backend.start(&id).await.unwrap();
            let mode = engine.ok(&id, "stat -c %a /usr/local/bin/suid-id").await;
            assert_eq!(mode, "4755");
            assert_eq!(engine.ok(&id, "suid-id -u").await, "1000", "{runtime}");
        }
    });
}

#[test]
fn limits_are_in_force() {
    test(async |engine| {
        if !limits_hold(&engine.info) {
            return eprintln!("limits: not tried, the backend says that they are not enforced");
        }
        for runtime in engine.runtimes() {
            let mut plan = engine.plan(&runtime, &runtime);
            plan.limits.memory = Some(200 << 20);
            plan.limits.milli_cpus = Some(1500);
            // gVisor's own threads count: it does not start with fewer than the probe says.
            let least = engine.info.min_pids.get(&runtime).copied();
            plan.limits.pids = Some(least.unwrap_or(40));
            plan.limits.nofile = Some(777);
            let id = engine.running(&plan).await;
            assert_eq!(engine.ok(&id, "ulimit -n; ulimit -Hn").await, "777\n777");
            let seen = call("GET", &format!("/containers/{id}/json"), None)
                .await
                .json();
            let host = &seen["HostConfig"];
            assert_eq!(host["Memory"], 200 << 20);
            assert_eq!(host["MemorySwap"], 200 << 20, "no swap on top");
            assert_eq!(host["NanoCpus"], 1_500_000_000_u64);
            if runtime == "runc" {
                assert_eq!(host["PidsLimit"], 40);
                let forks = "for i in $(seq 60); do sleep 5 & done 2>&1; true";
                let (_, text) = engine.sh(&id, forks).await;
                assert!(text.contains("Resource temporarily unavailable"), "{text}");
            } else {
                assert_eq!(host["PidsLimit"], 512, "as planned");
            }
        }
    });
}

#[test]
fn too_much_memory_ends_it_and_says_so() {
    test(async |engine| {
        if !limits_hold(&engine.info) {
            return eprintln!("memory: not tried, the backend says that it is not limited");
        }
        let mut plan = engine.plan("agent", "runc");
        plan.limits.memory = Some(64 << 20);
        plan.command = [
            "bash",
            "-c",
            "x=$(head -c 300000000 /dev/zero | tr '\\0' x); exit 0",
        ]
        .map(str::to_owned)
        .to_vec();
        plan.hardening.init = false;
        let id = engine.running(&plan).await;
        let status = engine.backend.wait(&id).await.unwrap();
        assert!(!status.success());
        let state = engine.backend.inspect(&id).await.unwrap();
        assert!(
            state.oom_killed || !tells_lack_of_memory(&engine.info),
            "{state:?}"
        );
        assert_eq!(state.exit, Some(status));
    });
}

#[test]
fn memory_folders_have_size_and_mode_and_follow_the_root() {
    test(async |engine| {
        for runtime in engine.runtimes() {
            for read_only in [false, true] {
                let mut plan = engine.plan(&format!("{runtime}-{read_only}"), &runtime);
                plan.hardening.read_only_rootfs = read_only;
                plan.user = Some("1000:1000".into());
                plan.mounts = vec![Mount::Tmpfs {
                    target: "/tmp".into(),
                    size: 8 << 20,
                    mode: 0o1777,
                }];
                let id = engine.running(&plan).await;
                assert_eq!(engine.ok(&id, "stat -c %a /tmp").await, "1777");
                let script = "printf '#!/bin/sh\\necho ran' > /tmp/x; chmod +x /tmp/x; /tmp/x";
                let (status, text) = engine.sh(&id, script).await;
                assert_eq!(status.success(), !read_only, "{runtime}: {text}");
                let (status, text) = engine
                    .sh(&id, "head -c 20000000 /dev/zero > /tmp/big")
                    .await;
                assert!(!status.success(), "{runtime}: {text}");
                let (status, _) = engine.sh(&id, "echo x > /var/tmp/x; echo x > /srv/x").await;
                assert!(!status.success(), "not root");
            }
        }
    });
}

#[test]
fn an_init_reaps_where_it_is_wanted() {
    test(async |engine| {
        if engine.info.notes.iter().any(|note| note.contains(INIT)) {
            return skip(&format!("init: the engine has no `{INIT}`"));
        }
        for runtime in engine.runtimes() {
            for init in [true, false] {
                let mut plan = engine.plan(&format!("{runtime}-{init}"), &runtime);
                plan.hardening.init = init;
                let id = engine.running(&plan).await;
                let first = engine.ok(&id, "tr '\\0' ' ' < /proc/1/cmdline").await;
                assert_eq!(first.contains("init"), init, "{runtime}: {first}");
            }
        }
    });
}
