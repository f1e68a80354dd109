//! `list_owned`, `remove`.

use bottle_api::{
    Backend, Mount, OwnedResource, OwnedSelector, Removed, ResourceKind, Role, SessionId,
};

use crate::{
    harness::{Engine, call, test},
    lane::NETWORK_IN_USE,
};

async fn populate(engine: &Engine) {
    let link = engine.network("link-0", true).await;
    let mut plan = engine.plan("agent", "runc");
    plan.mounts = vec![Mount::Volume {
        target: "/v".into(),
    }];
    let id = engine.create_on(&plan, &[link.at(3)], &[]).await;
    engine.backend.start(&id).await.unwrap();
    engine.create(&engine.plan("idle", "runc")).await;
}

#[test]
fn containers_come_first_and_volumes_last_and_removing_in_order_works() {
    test(async |engine| {
        populate(&engine).await;
        let owned = engine.owned().await;
        let kinds: Vec<_> = owned.iter().map(|it| it.kind).collect();
        assert_eq!(
            kinds,
            [
                ResourceKind::Container,
                ResourceKind::Container,
                ResourceKind::Network,
                ResourceKind::Volume
            ]
        );
        let agent = owned
            .iter()
            .find(|it| it.owner.role == Role::agent())
            .unwrap();
        assert!(agent.running && agent.name.ends_with("-agent"));
        assert!(
            !owned
                .iter()
                .find(|it| it.owner.role.as_str() == "idle")
                .unwrap()
                .running
        );
        for resource in &owned {
            let first = engine.backend.remove(resource).await.unwrap();
            // The anonymous volume went with its container.
            let expected = if resource.kind == ResourceKind::Volume {
                Removed::AlreadyGone
            } else {
                Removed::Now
            };
            assert_eq!(first, expected, "{resource:?}");
            let again = engine.backend.remove(resource).await.unwrap();
            assert_eq!(again, Removed::AlreadyGone);
        }
        assert_eq!(engine.owned().await, []);
    });
}

#[test]
fn selectors_select() {
    test(async |engine| {
        populate(&engine).await;
        let count = async |change: fn(&mut OwnedSelector)| {
            let mut selector = engine.selector();
            change(&mut selector);
            engine.backend.list_owned(&selector).await.unwrap().len()
        };
        assert_eq!(count(|_| {}).await, 4);
        assert_eq!(count(|it| it.role = Some(Role::agent())).await, 2);
        assert_eq!(count(|it| it.role = Some(Role::link(0))).await, 1);
        assert_eq!(
            count(|it| it.instance = Some("bottle-tests".into())).await,
            4
        );
        assert_eq!(count(|it| it.instance = Some("another".into())).await, 0);
        assert_eq!(count(|it| it.session = Some(SessionId::new("x"))).await, 0);
    });
}

#[test]
fn a_volume_left_behind_is_found_and_removed() {
    test(async |engine| {
        populate(&engine).await;
        let agent = engine.owned().await.swap_remove(0);
        for resource in engine.owned().await {
            if resource.kind == ResourceKind::Container {
                // As `rm -f` does: the volumes stay.
                let path = format!("/containers/{}?force=1", resource.id);
                assert_eq!(call("DELETE", &path, None).await.status, 204);
            }
        }
        assert_eq!(agent.kind, ResourceKind::Container);
        let left = engine.owned().await;
        let volume = left
            .iter()
            .find(|it| it.kind == ResourceKind::Volume)
            .unwrap();
        assert_eq!(volume.owner.role, Role::agent());
        assert_eq!(engine.backend.remove(volume).await.unwrap(), Removed::Now);
    });
}

#[test]
fn whoever_removes_it_is_gone_afterwards() {
    test(async |engine| {
        for runtime in engine.runtimes() {
            let mut plan = engine.plan(&runtime, &runtime);
            plan.mounts = vec![Mount::Volume {
                target: "/v".into(),
            }];
            let id = engine.running(&plan).await;
            let resource = OwnedResource {
                kind: ResourceKind::Container,
                id: id.to_string(),
                name: plan.name.clone(),
                owner: plan.owner.clone(),
                running: true,
            };
            let check = async || {
                let removed = engine.backend.remove(&resource).await.unwrap();
                let path = format!("/containers/{id}/json");
                let status = call("GET", &path, None).await.status;
                assert_eq!(status, 404, "{runtime}: told {removed:?}, but still there");
            };
            tokio::join!(check(), check(), check(), check(), check(), check());
            assert_eq!(engine.owned().await, [], "{runtime}");
        }
    });
}

#[test]
fn a_network_in_use_is_an_error_and_stays() {
    test(async |engine| {
        populate(&engine).await;
        let owned = engine.owned().await;
        let network = owned
            .iter()
            .find(|it| it.kind == ResourceKind::Network)
            .unwrap();
        let error = engine.backend.remove(network).await.unwrap_err();
        assert!(error.to_string().contains(NETWORK_IN_USE), "{error}");
        assert_eq!(engine.owned().await.len(), 4);
    });
}
