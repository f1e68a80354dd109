use super::*;
use bottle_api::{
    ImageId, ImagePlan, InstanceId, NetworkId, Ownership, ResolvedAttachment, Role, SecretString,
    SessionId,
};
use std::time::Duration;

fn means() -> Means {
    Means {
        rootless: false,
        uid: Some(1000),
        ids: (65537, 65537),
        selinux: false,
        init: true,
        ipv6: true,
        max_files: u64::MAX,
        max_processes: u64::MAX,
        limits_missing: vec![],
    }
}

fn plan() -> ContainerPlan {
    let owner = Ownership {
        session: SessionId::new("s1"),
        role: Role::agent(),
        instance: InstanceId::new("i1"),
    };
    ContainerPlan::new(owner, "planned".into(), ImagePlan::pull("x", "k"))
}

fn attachment(network: &str, internal: bool, address: &str) -> ResolvedAttachment {
    ResolvedAttachment {
        network: NetworkId::new(network),
        internal,
        address: address.parse().unwrap(),
    }
}

/// As it is sent: keys are what counts.
fn sent(means: &Means, plan: &ContainerPlan, networks: &[ResolvedAttachment]) -> serde_json::Value {
    let image = ImageId::new("sha256:x");
    let request = ContainerRequest::new(plan, "given", &image).networks(networks);
    serde_json::to_value(of(means, &request, &[])).unwrap()
}

#[test]
fn the_default_is_hardened() {
    let body = sent(&means(), &plan(), &[]);
    assert_eq!(body["cap_drop"], serde_json::json!(["ALL"]));
    assert_eq!(body["cap_add"], serde_json::json!([]));
    assert_eq!(body["privileged"], false);
    assert_eq!(body["no_new_privileges"], true);
    assert_eq!(body["httpproxy"], false);
    assert_eq!(body["use_image_hosts"], true);
    assert_eq!(body["netns"]["nsmode"], "none");
    assert_eq!(body["dns_server"], serde_json::json!(["127.0.0.1"]));
    assert_eq!(body["resource_limits"]["memory"]["limit"], 4_u64 << 30);
    assert_eq!(body["resource_limits"]["memory"]["swap"], 4_u64 << 30);
    assert_eq!(body["resource_limits"]["pids"]["limit"], 4096);
    assert_eq!(body["r_limits"][0]["type"], "nofile");
    assert_eq!(body["r_limits"][0]["hard"], 16384);
    assert_eq!(body["r_limits"][1]["type"], "nproc", "both or none");
    assert_eq!(body["init"], true);
    assert_eq!(body["sysctl"], serde_json::json!({}));
    assert_eq!(body["log_configuration"]["driver"], "k8s-file");
    assert_eq!(body.get("userns"), None);
}

#[test]
fn every_network_has_its_address_and_none_has_version_six() {
    let networks = [
        attachment("n1", true, "10.0.0.3"),
        attachment("n2", false, "10.0.1.3"),
    ];
    let mut plan = plan();
    plan.dns = Dns::Engine;
    let body = sent(&means(), &plan, &networks);
    assert_eq!(body["netns"]["nsmode"], "bridge");
    assert_eq!(body["Networks"]["n1"]["static_ips"][0], "10.0.0.3");
    assert_eq!(body["Networks"]["n1"]["interface_name"], "eth0");
    assert_eq!(body["Networks"]["n2"]["static_ips"][0], "10.0.1.3");
    assert_eq!(body["dns_server"], serde_json::json!([]));
    assert_eq!(body["sysctl"]["net.ipv4.ip_forward"], "0");
    assert_eq!(body["sysctl"]["net.ipv6.conf.all.disable_ipv6"], "1");
    let one = sent(&means(), &plan, &networks[..1]);
    assert_eq!(one["sysctl"].get("net.ipv4.ip_forward"), None);
    assert_eq!(one["sysctl"]["net.ipv6.conf.default.disable_ipv6"], "1");
    let without = Means {
        ipv6: false,
        ..means()
    };
    assert_eq!(
        sent(&without, &plan, &networks[..1])["sysctl"],
        serde_json::json!({})
    );
}

#[test]
fn secrets_labels_and_words_are_in_the_body() {
    let mut plan = plan();
    plan.entrypoint = Some(vec![]);
    plan.command = vec!["sleep".into(), "1".into()];
    plan.stop_grace = Duration::from_millis(1500);
    let image = ImageId::new("sha256:x");
    let env = [("KEY".to_owned(), SecretString::from("\"value\"=1"))];
    let request = ContainerRequest::new(&plan, "given", &image).env(&env);
    let body = serde_json::to_value(of(&means(), &request, &[])).unwrap();
    assert_eq!(body["name"], "given");
    assert_eq!(body["env"]["KEY"], "\"value\"=1");
    assert_eq!(body["entrypoint"], serde_json::json!([]));
    assert_eq!(body["command"], serde_json::json!(["sleep", "1"]));
    assert_eq!(body["stop_timeout"], 2);
    assert_eq!(body["labels"]["bottle.session"], "s1");
    plan.entrypoint = None;
    plan.command = vec![];
    let body = sent(&means(), &plan, &[]);
    assert_eq!((body.get("entrypoint"), body.get("command")), (None, None));
}

#[test]
fn limits_follow_the_plan_and_what_the_machine_gives() {
    let mut plan = plan();
    plan.limits.pids = Some(64);
    plan.limits.milli_cpus = Some(1500);
    plan.limits.nofile = None;
    let body = sent(&means(), &plan, &[]);
    assert_eq!(body["resource_limits"]["pids"]["limit"], 64);
    assert_eq!(body["resource_limits"]["cpu"]["quota"], 150_000);
    assert_eq!(body["resource_limits"]["cpu"]["period"], 100_000);
    assert_eq!(body["r_limits"], serde_json::json!([]));
    plan.limits.nofile = Some(16384);
    let weak = Means {
        limits_missing: vec!["memory", "pids", "cpus"],
        max_files: 1024,
        max_processes: 100,
        ..means()
    };
    let body = sent(&weak, &plan, &[]);
    assert_eq!(body["resource_limits"], serde_json::json!({}));
    assert_eq!(body["r_limits"][0]["soft"], 1024);
    assert_eq!(body["r_limits"][1]["soft"], 100);
}

#[test]
fn mounts_of_all_three_kinds() {
    let mut plan = plan();
    plan.mounts = vec![
        Mount::Bind {
            source: "/src".into(),
            target: "/work".into(),
            read_only: true,
        },
        Mount::Tmpfs {
            target: "/tmp".into(),
            size: 1024,
            mode: 0o1777,
        },
    ];
    let image = ImageId::new("sha256:x");
    let request = ContainerRequest::new(&plan, "given", &image);
    let volume = Volume {
        name: "v1".into(),
        target: "/state".into(),
    };
    let body = serde_json::to_value(of(&means(), &request, &[volume])).unwrap();
    assert_eq!(body["mounts"][0]["source"], "/src");
    assert_eq!(
        body["mounts"][0]["options"],
        serde_json::json!(["rbind", "rprivate", "ro"])
    );
    assert_eq!(
        body["mounts"][1]["options"],
        serde_json::json!(["rw", "nosuid", "nodev", "exec", "size=1024", "mode=1777"])
    );
    assert_eq!(body["volumes"][0]["Name"], "v1");
    assert_eq!(body["volumes"][0]["Dest"], "/state");
    assert_eq!(body["image_volume_mode"], "ignore");
}

#[test]
fn a_bound_folder_is_the_agents_where_the_engine_has_no_root() {
    let rootless = Means {
        rootless: true,
        selinux: true,
        ..means()
    };
    let mut plan = plan();
    assert_eq!(sent(&rootless, &plan, &[]).get("userns"), None);
    plan.mounts = vec![Mount::Bind {
        source: "/src".into(),
        target: "/work".into(),
        read_only: false,
    }];
    plan.user = Some("1000:1001".into());
    let body = sent(&rootless, &plan, &[]);
    assert_eq!(body["userns"]["nsmode"], "private");
    let map = |container_id: u32, host_id: u32, size: u32| serde_json::json!({ "container_id": container_id, "host_id": host_id, "size": size });
    let uids = serde_json::json!([map(0, 1, 1000), map(1000, 0, 1), map(1001, 1001, 64536)]);
    assert_eq!(body["idmappings"]["UIDMap"], uids);
    assert_eq!(body["idmappings"]["GIDMap"][1], map(1001, 0, 1));
    assert_eq!(body["selinux_opts"], serde_json::json!(["disable"]));
    plan.user = Some("node".into());
    assert_eq!(
        sent(&rootless, &plan, &[])["idmappings"]["UIDMap"][1],
        map(1000, 0, 1)
    );
    plan.user = None;
    let root = serde_json::json!([map(0, 0, 1), map(1, 1, 65536)]);
    assert_eq!(sent(&rootless, &plan, &[])["idmappings"]["UIDMap"], root);
    assert_eq!(sent(&means(), &plan, &[]).get("userns"), None);
}

#[test]
fn no_init_where_the_engine_has_none() {
    let without = Means {
        init: false,
        ..means()
    };
    assert_eq!(sent(&without, &plan(), &[])["init"], false);
    let mut plan = plan();
    plan.hardening.init = false;
    plan.hardening.no_new_privileges = false;
    let body = sent(&means(), &plan, &[]);
    assert_eq!(
        (&body["init"], &body["no_new_privileges"]),
        (&false.into(), &false.into())
    );
}
