use super::*;
use bottle_api::{
    ImageId, ImagePlan, InstanceId, NetworkId, Ownership, ResolvedAttachment, Role, SecretString,
    SessionId,
};
use std::time::Duration;

use crate::client::Api;

fn server() -> Server {
    Server {
        api: Api(1, 41),
        version: "20.10".into(),
        podman: false,
        init: true,
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

fn attachment(network: &str, internal: bool) -> ResolvedAttachment {
    ResolvedAttachment {
        network: NetworkId::new(network),
        internal,
        address: "10.0.0.3".parse().unwrap(),
    }
}

fn made(server: &Server, plan: &ContainerPlan, networks: &[ResolvedAttachment]) -> HostConfig {
    let image = ImageId::new("sha256:x");
    let request = ContainerRequest::new(plan, "given", &image).networks(networks);
    of(server, &request, HashMap::new()).host_config.unwrap()
}

#[test]
fn the_default_is_hardened() {
    let host = made(&server(), &plan(), &[]);
    assert_eq!(host.cap_drop, Some(vec!["ALL".into()]));
    assert_eq!(host.cap_add, Some(vec![]));
    assert_eq!(host.privileged, Some(false));
    assert_eq!(
        host.security_opt,
        Some(vec!["no-new-privileges:true".into()])
    );
    assert_eq!(host.network_mode.as_deref(), Some("none"));
    assert_eq!(host.dns, Some(vec!["127.0.0.1".into()]));
    assert_eq!(host.dns_search, Some(vec![".".into()]));
    assert_eq!(host.memory, Some(4 << 30));
    assert_eq!(host.memory_swap, host.memory);
    assert_eq!(host.pids_limit, Some(4096));
    assert_eq!(host.ulimits.unwrap()[0].hard, Some(16384));
    assert_eq!(host.init, Some(true));
    assert_eq!(host.sysctls, None);
    let log = host.log_config.unwrap();
    assert_eq!(log.typ.as_deref(), Some("json-file"));
    assert!(log.config.unwrap().contains_key("max-size"));
}

#[test]
fn a_hop_on_two_networks_does_not_pass_packets_on() {
    let mut plan = plan();
    plan.dns = Dns::Engine;
    let host = made(
        &server(),
        &plan,
        &[attachment("n1", true), attachment("n2", false)],
    );
    assert_eq!(host.network_mode.as_deref(), Some("n1"));
    assert_eq!(host.dns, Some(vec![]));
    assert_eq!(host.sysctls.unwrap()["net.ipv4.ip_forward"], "0");
}

#[test]
fn secrets_labels_and_words_are_in_the_body() {
    let mut plan = plan();
    plan.entrypoint = Some(vec![]);
    plan.command = vec!["sleep".into(), "1".into()];
    plan.stop_grace = Duration::from_millis(1500);
    let image = ImageId::new("sha256:x");
    let env = [("KEY".to_owned(), SecretString::from("value=1"))];
    let hosts = [("proxy".to_owned(), "10.0.0.2".parse().unwrap())];
    let request = ContainerRequest::new(&plan, "given", &image)
        .env(&env)
        .hosts(&hosts);
    let body = of(&server(), &request, HashMap::new());
    assert_eq!(body.env, Some(vec!["KEY=value=1".into()]));
    assert_eq!(body.image.as_deref(), Some("sha256:x"));
    assert_eq!(body.entrypoint, Some(vec![String::new()]));
    assert_eq!(body.cmd, Some(plan.command.clone()));
    assert_eq!(body.stop_timeout, Some(2));
    assert_eq!(body.labels.unwrap()["bottle.session"], "s1");
    assert_eq!(
        body.host_config.unwrap().extra_hosts,
        Some(vec!["proxy:10.0.0.2".into()])
    );
    plan.entrypoint = None;
    plan.command = vec![];
    let request = ContainerRequest::new(&plan, "given", &image);
    let body = of(&server(), &request, HashMap::new());
    assert_eq!((body.entrypoint, body.cmd), (None, None));
}

#[test]
fn limits_are_the_plans_whatever_the_runtime() {
    let mut plan = plan();
    plan.limits.pids = Some(64);
    plan.limits.milli_cpus = Some(1500);
    plan.limits.nofile = None;
    let host = made(&server(), &plan, &[]);
    assert_eq!(
        (host.pids_limit, host.nano_cpus),
        (Some(64), Some(1_500_000_000))
    );
    assert!(host.ulimits.is_none());
    plan.runtime = Some("runsc".into());
    let host = made(&server(), &plan, &[]);
    assert_eq!(host.pids_limit, Some(64));
    assert_eq!(host.runtime.as_deref(), Some("runsc"));
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
        Mount::Volume {
            target: "/state".into(),
        },
        Mount::Tmpfs {
            target: "/tmp".into(),
            size: 1024,
            mode: 0o1777,
        },
    ];
    let host = made(&server(), &plan, &[]);
    let mounts = host.mounts.unwrap();
    assert_eq!(mounts.len(), 2);
    assert_eq!(mounts[0].read_only, Some(true));
    assert_eq!(mounts[1].source, None, "anonymous");
    let labels = mounts[1]
        .volume_options
        .clone()
        .and_then(|options| options.labels)
        .unwrap();
    assert_eq!(labels["bottle.session"], "s1");
    let tmpfs = &host.tmpfs.unwrap()["/tmp"];
    assert_eq!(tmpfs, "rw,nosuid,nodev,exec,size=1024,mode=1777");
    plan.hardening.read_only_rootfs = true;
    let host = made(&server(), &plan, &[]);
    assert!(host.tmpfs.unwrap()["/tmp"].contains(",noexec,"));
    assert_eq!(host.readonly_rootfs, Some(true));
}

#[test]
fn no_init_where_the_engine_has_none() {
    let without = Server {
        init: false,
        ..server()
    };
    assert_eq!(made(&without, &plan(), &[]).init, Some(false));
    let mut plan = plan();
    plan.hardening.init = false;
    plan.hardening.no_new_privileges = false;
    let host = made(&server(), &plan, &[]);
    assert_eq!((host.init, host.security_opt), (Some(false), Some(vec![])));
}
