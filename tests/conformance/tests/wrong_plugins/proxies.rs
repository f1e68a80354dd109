//! Proxies.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use bottle_api::{
    Accepts, CaPart, Content, Decision, EgressEvent, Enforces, FilePlan, Guarantee, HopContext,
    HopPlan, ImagePlan, Mount, PluginError, Proxy, ReadyCheck, SecretRef, Statement,
};
use bottle_conformance::ProxySuite;

use crate::assert_fails;

type Change = fn(&mut HopPlan, &HopContext<'_>);

/// Everything a proxy can do, right but for one change.
#[derive(Clone, Copy, Debug)]
struct Hop {
    name: &'static str,
    change: Change,
    chains: bool,
    parse: fn(&str) -> Option<EgressEvent>,
}
const RIGHT: Hop = Hop {
    name: "right",
    change: |_, _| {},
    chains: true,
    parse,
};

fn parse(line: &str) -> Option<EgressEvent> {
    let host = line.strip_prefix("deny ")?.split(['?', ' ']).next()?;
    let (host, path) = host.split_once('/').unwrap_or((host, ""));
    let mut event = EgressEvent::new("right", Decision::Deny);
    event.host = Some(host.to_owned());
    event.path = Some(format!("/{path}"));
    Some(event)
}

fn file(path: &str, content: Content) -> FilePlan {
    FilePlan {
        path: path.into(),
        mode: 0o400,
        uid: 65534,
        gid: 65534,
        content,
    }
}

impl Proxy for Hop {
    fn name(&self) -> &'static str {
        self.name
    }
    fn chains(&self) -> bool {
        self.chains
    }
    fn plan(&self, cx: &HopContext<'_>) -> Result<HopPlan, PluginError> {
        let mut hop = HopPlan::new(ImagePlan::pull("right:1", "proxy.right.image"), 8080);
        hop.mounts = vec![Mount::Volume {
            target: "/hop".into(),
        }];
        let policy = format!(
            "{:?} {:?} {:?} {:?}",
            cx.policy.allow,
            cx.policy.deny,
            cx.policy.dlp,
            cx.next.map(|next| &next.host)
        );
        let secrets = cx.policy.credentials.iter();
        let secrets = secrets
            .map(|c| (c.name.clone(), c.secret.clone()))
            .collect();
        hop.files = vec![
            file("/hop/policy", Content::Text(policy)),
            file("/hop/secrets", Content::SecretMap(secrets)),
            file("/hop/key", Content::Ca(CaPart::KeyAndCertificate)),
        ];
        hop.ends_tls = true;
        hop.enforces = Enforces {
            hosts: true,
            http_rules: true,
            dlp: true,
            credentials: true,
        };
        hop.ready = ReadyCheck::Exec {
            argv: vec!["ready".into()],
            timeout: Duration::from_secs(5),
        };
        hop.guarantees = vec![Statement::given(
            Guarantee::HostPolicy,
            "right",
            "it checks",
        )];
        (self.change)(&mut hop, cx);
        Ok(hop)
    }
    fn parse_log(&self, line: &str) -> Option<EgressEvent> {
        (self.parse)(line)
    }
}

fn check(fault: &str, hop: Hop, fails: &[&str]) {
    let suite = ProxySuite::new("right", move || Ok(Box::new(hop)))
        .decision(
            "deny bad.test/path?secret",
            Decision::Deny,
            Some("bad.test"),
        )
        .no_decision("started");
    assert_fails(fault, &suite.report(), fails);
}

static CLOCK: AtomicU64 = AtomicU64::new(0);

type Wrong = (&'static str, Change, &'static [&'static str]);
const CHANGES: [Wrong; 20] = [
    (
        "reads a clock",
        |hop, _| {
            let now = CLOCK.fetch_add(1, Ordering::Relaxed);
            hop.command.push(format!("--now={now}"));
        },
        &["hop::the same input gives the same hop"],
    ),
    (
        "reads the values of secrets",
        |hop, cx| {
            for credential in &cx.policy.credentials {
                if let SecretRef::FromFile(path) = &credential.secret {
                    let value = std::fs::read_to_string(path).unwrap_or_default();
                    hop.command.push(format!("--key={value}"));
                }
            }
        },
        &["hop::no secret value is in it, nor is any read"],
    ),
    (
        "runs as root",
        |hop, _| hop.user = "0:0".into(),
        &["hop::its user is never root"],
    ),
    (
        "mounts the engine's socket",
        |hop, _| {
            hop.mounts.push(Mount::Bind {
                source: "/var/run/docker.sock".into(),
                target: "/engine.sock".into(),
                read_only: false,
            });
        },
        &["hop::it mounts volumes and memory, nothing of the host"],
    ),
    (
        "writes into the root file system",
        |hop, _| {
            hop.files
                .push(file("/etc/hop", Content::Text(String::new())));
        },
        &["hop::its files go into its volumes only"],
    ),
    (
        "lets everybody read its secrets",
        |hop, _| hop.files[1].mode = 0o444,
        &["hop::nobody but its own user reads its secrets"],
    ),
    (
        "takes the key and opens no TLS",
        |hop, _| hop.ends_tls = false,
        &["hop::only a hop that ends TLS has the key of the session's CA"],
    ),
    (
        "sets what is no variable",
        |hop, _| {
            hop.env.insert("A=B".into(), "x".into());
        },
        &["hop::its environment can be set"],
    ),
    (
        "names another's key for its image",
        |hop, _| hop.image.config_key = "proxy.other.image".into(),
        &["hop::its image can be replaced by a key of its own table"],
    ),
    (
        "is ready when it runs",
        |hop, _| hop.ready = ReadyCheck::Running,
        &["hop::it proves that it is ready by a program with a limit"],
    ),
    (
        "listens below 1024",
        |hop, _| hop.port = 80,
        &["hop::its ports can be opened without privileges"],
    ),
    (
        "takes no tunnels from agents",
        |hop, _| {
            hop.accepts.remove(&Accepts::Connect);
        },
        &["hop::the first hop takes what agents send"],
    ),
    (
        "asks for no memory",
        |hop, _| hop.memory = 0,
        &["hop::it asks for memory"],
    ),
    (
        "does not know the hop behind it",
        |hop, cx| {
            let policy = format!(
                "{:?} {:?} {:?}",
                cx.policy.allow, cx.policy.deny, cx.policy.dlp
            );
            hop.files[0].content = Content::Text(policy);
        },
        &["place::it forwards to the next hop, if it says that it can"],
    ),
    (
        "speaks for the backend",
        |hop, _| {
            let promise = Statement::given(Guarantee::DnsClosed, "right", "surely");
            hop.guarantees.push(promise);
        },
        &["promise::it speaks of each of its guarantees once, and of no other's"],
    ),
    (
        "promises what it does not enforce",
        |hop, _| {
            let promise = Statement::given(Guarantee::Dlp, "right", "surely");
            hop.guarantees.push(promise);
            hop.enforces.dlp = false;
        },
        &[
            "promise::what it guarantees is what it enforces",
            "promise::if it finds secrets, not looking for them is another hop",
        ],
    ),
    (
        "claims to check hosts",
        |hop, cx| {
            let allow = cx.policy.allow.iter();
            let rules: Vec<_> = allow.map(|rule| (&rule.methods, &rule.paths)).collect();
            let next = cx.next.map(|next| &next.host);
            hop.files[0].content = Content::Text(format!("{rules:?} {:?} {next:?}", cx.policy.dlp));
        },
        &["promise::if it enforces hosts, other hosts are another hop"],
    ),
    (
        "claims to check methods and paths",
        |hop, cx| {
            let hosts: Vec<_> = cx.policy.allow.iter().map(|rule| &rule.host).collect();
            let next = cx.next.map(|next| &next.host);
            hop.files[0].content = Content::Text(format!(
                "{hosts:?} {:?} {:?} {next:?}",
                cx.policy.deny, cx.policy.dlp
            ));
        },
        &["promise::if it enforces rules, other rules are another hop"],
    ),
    (
        "claims to look for secrets",
        |hop, cx| {
            let next = cx.next.map(|next| &next.host);
            hop.files[0].content = Content::Text(format!(
                "{:?} {:?} {next:?}",
                cx.policy.allow, cx.policy.deny
            ));
        },
        &["promise::if it finds secrets, not looking for them is another hop"],
    ),
    (
        "claims to inject credentials",
        |hop, _| hop.files[1].content = Content::SecretMap([].into()),
        &[
            "promise::if it injects credentials, another one is another hop",
            "hop::no secret value is in it, nor is any read",
        ],
    ),
];

#[test]
fn each_wrong_proxy_fails_the_sentences_that_name_its_fault() {
    check("no fault", RIGHT, &[]);
    for (fault, change, fails) in CHANGES {
        check(fault, Hop { change, ..RIGHT }, fails);
    }
    check(
        "has another name than it is registered under",
        Hop {
            name: "Other",
            ..RIGHT
        },
        &["proxy::it has the name it is registered under"],
    );
    check(
        "panics at a log line",
        Hop {
            parse: |line| {
                let _ = &line[..line.len().min(3)];
                parse(line)
            },
            ..RIGHT
        },
        &["log::no line makes it panic or hang"],
    );
    check(
        "takes every line for a decision",
        Hop {
            parse: |line| parse(line).or_else(|| Some(EgressEvent::new("right", Decision::Allow))),
            ..RIGHT
        },
        &[
            "log::a line that is nothing is no decision",
            "log::lines of the product mean what they mean",
        ],
    );
    check(
        "keeps queries in paths",
        Hop {
            parse: |line| {
                let mut event = parse(line)?;
                event.path = line.split_once('/').map(|(_, path)| format!("/{path}"));
                Some(event)
            },
            ..RIGHT
        },
        &["log::events are told by its name, with hosts and paths only"],
    );
}
