//! The page of a plan with everything on it.

use std::{collections::BTreeMap, path::PathBuf};

use bottle_api::{
    AllowRule, ContainerPlan, Content, Credential, Derive, EnvValue, FilePlan, Guarantee, HostStep,
    ImagePlan, LaunchPlan, Mount, NamePlan, NetworkPlan, Ownership, Piece, ReadyCheck, Recipe,
    Role, SecretRef, SessionId, SidecarPlan, Statement, TrafficClass,
};

use super::render;
use crate::output::Style;

fn owner(role: Role) -> Ownership {
    Ownership {
        session: SessionId::new("s1"),
        role,
        instance: "i1".into(),
    }
}

fn hop(position: usize, proxy: &str) -> SidecarPlan {
    let role = Role::proxy(position, proxy);
    let image = ImagePlan::pull(format!("registry.example/{proxy}:1"), "x");
    SidecarPlan {
        proxy: proxy.into(),
        position,
        container: ContainerPlan::new(owner(role), format!("bottle-fix-s1-{proxy}"), image),
        port: 8080,
        start_first: false,
        health: false,
        ready: ReadyCheck::Running,
    }
}

fn network(role: Role, internal: bool) -> NetworkPlan {
    NetworkPlan {
        name: format!("bottle-fix-s1-{role}"),
        owner: owner(role),
        internal,
    }
}

fn rule(host: &str) -> AllowRule {
    AllowRule::host(host.parse().unwrap())
}

fn agent() -> ContainerPlan {
    let recipe = Recipe {
        repository: "agent-claude".into(),
        dockerfile: String::new(),
        files: vec![],
        args: BTreeMap::default(),
    };
    let mut image = ImagePlan::pull("registry.example/claude:1", "x").or_recipe(recipe);
    image.derive = Some(Derive {
        folder: PathBuf::from("/src/app"),
        target: "/workspace".into(),
        uid: 1000,
        gid: 1000,
        include_git: true,
        exclude: vec![],
    });
    let mut agent = ContainerPlan::new(owner(Role::agent()), "bottle-fix".into(), image);
    agent.command = ["claude", "-p", "it's broken"].map(str::to_owned).into();
    agent.user = Some("1000:1000".into());
    agent.runtime = Some("runsc".into());
    agent.limits.milli_cpus = Some(1500);
    let token = SecretRef::FromEnv("TOKEN".into());
    agent.env.insert("TOKEN".into(), EnvValue::Secret(token));
    agent.files.push(FilePlan {
        path: "/home/agent/.netrc".into(),
        mode: 0o600,
        uid: 1000,
        gid: 1000,
        content: Content::Template(vec![Piece::Secret(SecretRef::FromFile("/k".into()))]),
    });
    agent.mounts = vec![
        Mount::Bind {
            source: "/data".into(),
            target: "/data".into(),
            read_only: true,
        },
        Mount::Tmpfs {
            target: "/tmp".into(),
            size: 1 << 30,
            mode: 0o1777,
        },
    ];
    agent
}

fn plan() -> LaunchPlan {
    let name = NamePlan {
        base: "fix".into(),
        pinned: false,
    };
    let mut plan = LaunchPlan::new(SessionId::new("s1"), name, "docker".into(), agent());
    plan.networks = vec![
        network(Role::link(0), true),
        network(Role::link(1), true),
        network(Role::egress(), false),
    ];
    plan.sidecars = vec![hop(1, "pipelock"), hop(0, "mitmproxy")];
    plan.provisioners = vec!["ca".into(), "git".into()];
    plan.host_steps = vec![HostStep {
        label: "clone".into(),
        argv: ["git", "clone", "/src/app"].map(str::to_owned).into(),
        undo: None,
    }];
    let mut narrow = rule("api.github.com");
    narrow.methods = vec!["GET".into(), "HEAD".into()];
    narrow.paths = vec!["/repos/acme/**".into()];
    narrow.ports = vec![443, 8443];
    let mut tunnel = rule("*.example.com");
    tunnel.class = TrafficClass::Tunnel;
    plan.egress.allow = vec![rule("api.anthropic.com"), narrow, tunnel];
    plan.egress.deny = vec!["gist.github.com".parse().unwrap()];
    plan.egress.credentials = vec![Credential {
        name: "ANTHROPIC_API_KEY".into(),
        secret: SecretRef::FromEnv("ANTHROPIC_API_KEY".into()),
        placeholder: "p".into(),
        hosts: vec!["api.anthropic.com".parse().unwrap()],
        header: "x-api-key".into(),
        format: "{}".into(),
        always: false,
    }];
    plan.guarantees = vec![
        Statement::given(Guarantee::DnsClosed, "docker", "no resolver answers"),
        Statement::withheld(Guarantee::HostClosed, "docker", "this engine is too old")
            .remedy("use Docker 28 or newer"),
    ];
    plan
}

#[test]
fn everything_on_one_page() {
    insta::assert_snapshot!(render(&plan(), "Docker 20.10", Style::SIGNS).join("\n"));
}

#[test]
fn without_a_chain_there_is_no_network() {
    let mut plan = plan();
    plan.sidecars.clear();
    plan.networks.clear();
    let page = render(&plan, "Docker 20.10", Style::PLAIN).join("\n");
    assert!(page.contains("Way out\n  none: the agent has no network at all\n"));
    assert!(!page.contains("Hosts that can be reached"));
}
