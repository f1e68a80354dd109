//! It fails where a real engine fails, and when it is told to.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use bottle_api::{
    Backend as _, BackendErrorKind, ContainerPlan, ContainerRequest, EventSink, ExitStatus,
    ImageId, ImagePlan, LogRequest, Mount, NetworkPlan, NetworkRequest, OpContext, OwnedSelector,
    Ownership, ResolvedAttachment, ResourceKind, Role,
};
use bottle_backend_memory::{Call, Fault, Memory, Script};
use bytes::Bytes;
use futures_util::StreamExt as _;

fn cx() -> OpContext {
    OpContext::new(EventSink::discard())
}
fn owner(role: &str) -> Ownership {
    Ownership {
        session: "s".into(),
        role: Role::new(role),
        instance: "i".into(),
    }
}
async fn network(
    memory: &Memory,
    name: &str,
    subnet: &str,
) -> Result<bottle_api::NetworkId, BackendErrorKind> {
    let plan = NetworkPlan {
        owner: owner("link-0"),
        name: name.into(),
        internal: true,
    };
    let request = NetworkRequest::new(&plan, subnet.parse().unwrap());
    memory
        .create_network(&request, &cx())
        .await
        .map_err(|e| e.kind())
}
fn plan() -> ContainerPlan {
    let image = ImagePlan::pull("x:1", "key");
    ContainerPlan::new(owner("agent"), "c".into(), image)
}
async fn container(
    memory: &Memory,
    plan: &ContainerPlan,
    networks: &[ResolvedAttachment],
) -> Result<bottle_api::ContainerId, BackendErrorKind> {
    let image = ImageId::new("x:1");
    let request = ContainerRequest::new(plan, &plan.name, &image).networks(networks);
    memory
        .create_container(&request, &cx())
        .await
        .map_err(|e| e.kind())
}

#[tokio::test]
async fn names_and_addresses_collide() {
    let memory = Memory::default();
    let id = network(&memory, "n", "10.0.0.0/28").await.unwrap();
    let same_name = network(&memory, "n", "10.0.1.0/28").await;
    assert_eq!(same_name, Err(BackendErrorKind::NameConflict));
    let overlap = network(&memory, "m", "10.0.0.0/24").await;
    assert_eq!(overlap, Err(BackendErrorKind::AddressInUse));

    let place = |address: &str| ResolvedAttachment {
        network: id.clone(),
        internal: true,
        address: address.parse().unwrap(),
    };
    container(&memory, &plan(), &[place("10.0.0.3")])
        .await
        .unwrap();
    let same_name = container(&memory, &plan(), &[]).await;
    assert_eq!(same_name, Err(BackendErrorKind::NameConflict));
    let mut other = plan();
    other.name = "d".into();
    for taken in ["10.0.0.3", "10.0.0.99"] {
        let refused = container(&memory, &other, &[place(taken)]).await;
        assert_eq!(refused, Err(BackendErrorKind::AddressInUse), "{taken}");
    }
    other.runtime = Some("kata".into());
    let refused = container(&memory, &other, &[]).await;
    assert_eq!(refused, Err(BackendErrorKind::RuntimeMissing));
}

#[tokio::test]
async fn a_network_goes_only_after_its_containers_and_volumes_go_with_them() {
    let memory = Memory::default();
    let id = network(&memory, "n", "10.0.0.0/28").await.unwrap();
    let place = ResolvedAttachment {
        network: id,
        internal: true,
        address: "10.0.0.3".parse().unwrap(),
    };
    let mut plan = plan();
    plan.mounts.push(Mount::Volume {
        target: "/v".into(),
    });
    container(&memory, &plan, &[place]).await.unwrap();
    let all = memory.list_owned(&OwnedSelector::default()).await.unwrap();
    let kinds: Vec<_> = all.iter().map(|r| r.kind).collect();
    let want = [
        ResourceKind::Container,
        ResourceKind::Network,
        ResourceKind::Volume,
    ];
    assert_eq!(kinds, want);
    assert!(memory.remove(&all[1]).await.is_err());
    memory.remove(&all[0]).await.unwrap();
    memory.remove(&all[1]).await.unwrap();
    assert!(memory.owned().is_empty());
}

#[tokio::test]
async fn a_read_only_root_takes_files_in_volumes_only() {
    let memory = Memory::default();
    let mut plan = plan();
    plan.hardening.read_only_rootfs = true;
    plan.mounts.push(Mount::Volume {
        target: "/v".into(),
    });
    let id = container(&memory, &plan, &[]).await.unwrap();
    let archive = |path: &str| {
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(1);
        header.set_mode(0o400);
        header.set_uid(7);
        header.set_gid(7);
        tar.append_data(&mut header, path, b"x".as_slice()).unwrap();
        Bytes::from(tar.into_inner().unwrap())
    };
    memory.put_archive(&id, archive("v/a")).await.unwrap();
    assert!(memory.put_archive(&id, archive("etc/a")).await.is_err());
    let file = memory.file(&Role::agent(), "/v/a").unwrap();
    assert_eq!(
        (file.mode, file.uid, file.bytes.as_slice()),
        (0o400, 7, b"x".as_slice())
    );
    assert!(memory.get_archive(&id, "/v/a").await.is_ok());
    let missing = memory.get_archive(&id, "/v/b").await.unwrap_err();
    assert_eq!(missing.kind(), BackendErrorKind::NotFound);
}

#[tokio::test]
async fn logs_are_followed_to_the_end_and_waiting_sees_it() {
    let memory = Memory::default().script(Role::agent(), Script::writes(["one"]));
    let id = container(&memory, &plan(), &[]).await.unwrap();
    memory.start(&id).await.unwrap();
    let request = LogRequest {
        follow: true,
        tail: None,
    };
    let lines = memory.logs(&id, request).await.unwrap();
    memory.write(&Role::agent(), "two");
    memory.exit(&Role::agent(), 3);
    let lines: Vec<_> = lines.map(Result::unwrap).collect().await;
    assert_eq!(lines, ["one", "two"]);
    assert_eq!(memory.wait(&id).await.unwrap(), ExitStatus(3));
}

#[tokio::test(start_paused = true)]
async fn faults_strike_before_after_and_late() {
    let call = || Call::first("create_container agent");
    let failing = Memory::default().fault(call(), Fault::Error);
    assert!(container(&failing, &plan(), &[]).await.is_err());
    assert!(failing.owned().is_empty());

    let lying = Memory::default().fault_at(0, Fault::ErrorAfterEffect);
    assert!(container(&lying, &plan(), &[]).await.is_err());
    assert_eq!(lying.owned().len(), 1);

    let late = Memory::default().fault(call(), Fault::Late(Duration::from_secs(2)));
    let asked = plan();
    let gone = tokio::time::timeout(Duration::from_secs(1), container(&late, &asked, &[]));
    assert!(gone.await.is_err());
    assert!(late.owned().is_empty());
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(
        late.owned().len(),
        1,
        "it acts though nobody waits any more"
    );
    assert_eq!(late.calls(), [call()]);
}
