//! `create_network`, and containers on networks.

use bottle_api::{Backend, BackendErrorKind, Dns, NetworkPlan, NetworkRequest};

use crate::harness::{call, discard, test};

#[test]
fn a_taken_subnet_is_told() {
    test(async |engine| {
        for internal in [true, false] {
            let first = engine.network(&format!("first-{internal}"), internal).await;
            for (n, internal) in [true, false].into_iter().enumerate() {
                let role = format!("second-{internal}-{n}-{}", crate::harness::unique());
                let plan = NetworkPlan {
                    owner: engine.owner(&role),
                    name: format!("bottle-test-{}-{role}", engine.session),
                    internal,
                };
                let subnet = format!("{}/28", first.address(0)).parse().unwrap();
                let request = NetworkRequest::new(&plan, subnet);
                let error = engine
                    .backend
                    .create_network(&request, &discard())
                    .await
                    .unwrap_err();
                assert_eq!(error.kind(), BackendErrorKind::AddressInUse, "{error}");
                assert!(error.hint().unwrap().contains(&subnet.to_string()));
            }
        }
        assert_eq!(engine.owned().await.len(), 2, "nothing half made");
    });
}

#[test]
fn addresses_names_and_labels_are_the_plans() {
    test(async |engine| {
        let link = engine.network("link-0", true).await;
        let path = format!("/networks/{}", link.id);
        let seen = call("GET", &path, None).await.json();
        assert_eq!(seen["Internal"], true);
        assert_eq!(seen["EnableIPv6"], false);
        assert_eq!(seen["Labels"]["bottle.role"], "link-0");
        for runtime in engine.runtimes() {
            let plan = engine.plan(&runtime, &runtime);
            let hosts = [
                ("mitmproxy".to_owned(), link.address(2)),
                ("pipelock".to_owned(), "192.0.2.9".parse().unwrap()),
            ];
            let id = engine.create_on(&plan, &[link.at(3)], &hosts).await;
            engine.backend.start(&id).await.unwrap();
            let own = engine.ok(&id, "hostname -i").await;
            assert_eq!(own, link.address(3).to_string(), "{runtime}");
            let found = engine.ok(&id, "getent hosts mitmproxy pipelock").await;
            assert!(found.contains(&link.address(2).to_string()), "{found}");
            assert!(found.contains("192.0.2.9"), "{found}");
            let resource = engine
                .owned()
                .await
                .into_iter()
                .find(|it| it.id == id.as_str());
            engine.backend.remove(&resource.unwrap()).await.unwrap();
        }
    });
}

#[test]
fn an_address_in_use_is_told_at_the_latest_at_the_start() {
    test(async |engine| {
        let link = engine.network("link-0", true).await;
        let one = engine
            .create_on(&engine.plan("one", "runc"), &[link.at(3)], &[])
            .await;
        engine.backend.start(&one).await.unwrap();
        let plan = engine.plan("two", "runc");
        let networks = [link.at(3)];
        let request =
            bottle_api::ContainerRequest::new(&plan, &plan.name, &engine.image).networks(&networks);
        let error = match engine.backend.create_container(&request, &discard()).await {
            Ok(id) => engine.backend.start(&id).await.unwrap_err(),
            Err(error) => error,
        };
        assert_eq!(error.kind(), BackendErrorKind::AddressInUse, "{error}");
    });
}

#[test]
fn without_networks_there_is_only_the_loopback() {
    test(async |engine| {
        for runtime in engine.runtimes() {
            let id = engine.running(&engine.plan(&runtime, &runtime)).await;
            let devices = engine
                .ok(&id, "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '")
                .await;
            assert_eq!(devices, "lo", "{runtime}");
            assert_eq!(engine.ok(&id, "tail -n +2 /proc/net/route").await, "");
            let (status, _) = engine.sh(&id, "getent hosts debian.org").await;
            assert!(!status.success());
        }
    });
}

#[test]
fn the_way_out_is_the_network_that_is_not_internal() {
    test(async |engine| {
        let link = engine.network("link-0", true).await;
        let egress = engine.network("egress", false).await;
        // Whatever the order.
        for (role, networks) in [
            ("a", [link.at(2), egress.at(2)]),
            ("b", [egress.at(3), link.at(3)]),
        ] {
            let mut plan = engine.plan(role, "runc");
            plan.dns = Dns::Engine;
            let id = engine.create_on(&plan, &networks, &[]).await;
            engine.backend.start(&id).await.unwrap();
            // As the kernel prints it: little-endian hexadecimal.
            let gateway = match egress.address(1) {
                std::net::IpAddr::V4(v4) => format!("{:08X}", u32::from(v4).swap_bytes()),
                std::net::IpAddr::V6(v6) => panic!("{v6}"),
            };
            let route = engine
                .ok(&id, "awk '$2 == \"00000000\" {print $3}' /proc/net/route 2>/dev/null || grep -P '\\t00000000\\t' /proc/net/route")
                .await;
            assert!(
                route.contains(&gateway),
                "{route} is not by way of {gateway}"
            );
            assert_eq!(route.lines().count(), 1, "{route}");
            // A strict host: nothing is passed on between the networks.
            let forward = engine.ok(&id, "cat /proc/sys/net/ipv4/ip_forward").await;
            assert_eq!(forward, "0");
        }
    });
}
