//! The hop and its configuration file, for every place and setting.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;

use bottle_api::{
    Accepts, AllowRule, CaPart, Content, Credential, DlpMode, EgressPolicy, FilePlan, Guarantee,
    HopContext, HopPlan, ImageSource, NextHop, Piece, PluginBuild, PluginError, PluginTable, Proxy,
    Readable, ReadyCheck, RecipeSource, SecretRef, SessionId,
};
use bottle_proxy_pipelock::{Config, Pipelock};
use serde_json::Value;

/// Every key of pipelock 2.3 that may be written, as `section.key`.
const KNOWN: &str = include_str!("keys.txt");

fn policy(hosts: &[&str]) -> EgressPolicy {
    EgressPolicy {
        allow: hosts
            .iter()
            .map(|host| AllowRule::host(host.parse().unwrap()))
            .collect(),
        ..EgressPolicy::default()
    }
}

fn session() -> SessionId {
    SessionId::new("0123456789ab")
}

/// Behind a hop, that one hands everything over.
fn plan(config: Config, policy: &EgressPolicy, first: bool) -> Result<HopPlan, PluginError> {
    let session = session();
    let proxy: Box<dyn Proxy> = Pipelock::build(config).unwrap();
    let mut cx = HopContext::new(&session, "pipelock", policy).first(first);
    if !first {
        cx = cx.readable(Readable::AllBut(vec![]));
    }
    proxy.plan(&cx)
}

fn file<'a>(hop: &'a HopPlan, path: &str) -> &'a FilePlan {
    hop.files
        .iter()
        .find(|file| file.path == path)
        .unwrap_or_else(|| panic!("no `{path}`"))
}

/// The file's text; a token stands as `token`.
fn yaml(hop: &HopPlan) -> String {
    match &file(hop, "/config/pipelock.yaml").content {
        Content::Text(text) => text.clone(),
        Content::Template(pieces) => pieces
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.clone(),
                Piece::JsonSecret(_) => "\"token\"".to_owned(),
                Piece::Secret(_) => panic!("a token must be quoted"),
            })
            .collect(),
        other => panic!("{other:?}"),
    }
}

fn settings(hop: &HopPlan) -> Value {
    let text = yaml(hop);
    let (comment, json) = text.split_once('\n').unwrap();
    assert!(comment.starts_with('#'));
    serde_json::from_str(json).unwrap()
}

fn keys(prefix: &str, value: &Value, found: &mut BTreeSet<String>) {
    let Value::Object(members) = value else {
        if let Value::Array(items) = value {
            for item in items {
                keys(prefix, item, found);
            }
        }
        return;
    };
    for (key, value) in members {
        let path = format!("{prefix}{key}");
        keys(&format!("{path}."), value, found);
        found.insert(path);
    }
}

#[test]
fn only_known_keys_are_written() {
    let config: Config = toml::from_str(
        "tls_interception = true\n[[dlp.patterns]]\nname = 'n'\nregex = 'r'\nexempt_domains = ['a.test']",
    )
    .unwrap();
    let mut written = BTreeSet::new();
    keys(
        "",
        &settings(&plan(config, &policy(&["a.test"]), false).unwrap()),
        &mut written,
    );
    let known: BTreeSet<String> = KNOWN.lines().map(str::to_owned).collect();
    let unknown: Vec<_> = written.difference(&known).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    let unwritten: Vec<_> = known.difference(&written).collect();
    assert!(unwritten.is_empty(), "{unwritten:?}");
}

#[test]
fn behind_a_hop_it_scans_and_offers_its_service() {
    let hop = plan(Config::default(), &policy(&["a.test", "*.b.test"]), false).unwrap();
    assert_eq!(hop.port, 8888);
    assert_eq!(hop.user, "65534:65534");
    assert_eq!(
        hop.accepts,
        [
            Accepts::Connect,
            Accepts::AbsoluteHttp,
            Accepts::AbsoluteHttps
        ]
        .into()
    );
    let scan = hop.scan.as_ref().unwrap();
    assert_eq!((scan.port, scan.path.as_str()), (9090, "/api/v1/scan"));
    assert_eq!(scan.token, SecretRef::Session("pipelock-scan".into()));
    let Content::Template(pieces) = &file(&hop, "/config/pipelock.yaml").content else {
        panic!("the token must be a reference")
    };
    let tokens: Vec<_> = pieces
        .iter()
        .filter_map(|piece| match piece {
            Piece::JsonSecret(secret) => Some(secret),
            _ => None,
        })
        .collect();
    assert_eq!(tokens, [&scan.token]);
    assert!(hop.enforces.hosts && hop.enforces.dlp);
    assert!(!hop.enforces.http_rules && !hop.enforces.credentials && !hop.ends_tls);
    let written = settings(&hop);
    assert_eq!(
        written["api_allowlist"],
        serde_json::json!(["*.b.test", "a.test"])
    );
    assert_eq!(
        written["fetch_proxy"]["monitoring"]["blocklist"],
        serde_json::json!(["b.test"])
    );
    assert_eq!(written["scan_api"]["listen"], "0.0.0.0:9090");
    assert_eq!(written["default_agent_identity"], "bottle-0123456789ab");
}

#[test]
fn alone_it_promises_hosts_only() {
    let hop = plan(Config::default(), &policy(&["a.test"]), true).unwrap();
    assert_eq!(hop.scan, None);
    assert!(settings(&hop).get("scan_api").is_none());
    assert!(hop.enforces.hosts && !hop.enforces.dlp);
    let promise = |guarantee| {
        let of = hop.guarantees.iter().find(|s| s.guarantee == guarantee);
        of.map(|statement| (statement.given, statement.remedy.is_some()))
    };
    assert_eq!(promise(Guarantee::HostPolicy), Some((true, false)));
    assert_eq!(promise(Guarantee::TlsInspected), Some((false, true)));
    assert_eq!(promise(Guarantee::Dlp), Some((false, true)));
}

#[test]
fn alone_with_interception_it_gets_the_key() {
    let config = Config {
        tls_interception: true,
        ..Config::default()
    };
    let hop = plan(config, &policy(&["a.test"]), true).unwrap();
    assert!(hop.ends_tls && hop.enforces.dlp);
    assert!(hop.guarantees.iter().all(|statement| statement.given));
    let key = file(&hop, "/config/ca-key.pem");
    assert_eq!(
        (key.mode, key.uid, &key.content),
        (0o400, 65534, &Content::Ca(CaPart::Sec1Key))
    );
    assert_eq!(
        file(&hop, "/config/ca.pem").content,
        Content::Ca(CaPart::Certificate)
    );
    let written = settings(&hop);
    assert_eq!(written["tls_interception"]["ca_key"], "/config/ca-key.pem");
    assert_eq!(written["tls_interception"]["enabled"], true);
}

#[test]
fn a_binary_becomes_an_image_of_its_own_with_the_hosts_roots() {
    let config: Config =
        toml::from_str("binary = '/opt/pipelock'\nupstream_ca = '/etc/corp.pem'").unwrap();
    let hop = plan(config, &policy(&["a.test"]), true).unwrap();
    let ImageSource::Recipe(recipe) = &hop.image.source else {
        panic!("{:?}", hop.image)
    };
    assert!(recipe.dockerfile.starts_with("FROM scratch\n"));
    assert_eq!(
        recipe.files[0].source,
        RecipeSource::HostFile("/opt/pipelock".into())
    );
    assert_eq!(recipe.files[0].mode, 0o755);
    assert_eq!(hop.image.config_key, "proxy.pipelock.binary");
    assert_eq!(
        file(&hop, "/config/roots.pem").content,
        Content::Ca(CaPart::PublicRoots)
    );
    assert_eq!(
        file(&hop, "/config/upstream/ca.pem").content,
        Content::HostFile("/etc/corp.pem".into())
    );
    assert_eq!(hop.env["SSL_CERT_FILE"], "/config/roots.pem".into());
    assert_eq!(hop.env["SSL_CERT_DIR"], "/config/upstream".into());
}

#[test]
fn the_default_image_is_pinned_and_brings_its_roots() {
    let hop = plan(Config::default(), &policy(&["a.test"]), true).unwrap();
    let ImageSource::Pull { reference, .. } = &hop.image.source else {
        panic!("{:?}", hop.image)
    };
    assert_eq!(reference, "ghcr.io/luckypipewrench/pipelock:2.3.0");
    assert_eq!(hop.image.config_key, "proxy.pipelock.image");
    assert!(!hop.env.contains_key("SSL_CERT_FILE"));
    assert_eq!(hop.entrypoint, Some(vec!["/pipelock".to_owned()]));
    assert_eq!(hop.command, ["run", "--config", "/config/pipelock.yaml"]);
    let ReadyCheck::Exec { argv, .. } = &hop.ready else {
        panic!("{:?}", hop.ready)
    };
    assert_eq!(argv[..2], ["/pipelock", "healthcheck"]);
    let health = hop.health.unwrap();
    assert_eq!(health.expect["mode"], "strict");
    assert_eq!(health.expect["forward_proxy_enabled"], true);
    assert_eq!(health.expect["kill_switch_active"], false);
}

#[test]
fn dlp_follows_the_policy_unless_told_otherwise() {
    let action = |mode, table: &str| {
        let mut policy = policy(&["a.test"]);
        policy.dlp = mode;
        let hop = plan(toml::from_str(table).unwrap(), &policy, false).unwrap();
        let requests = settings(&hop)["request_body_scanning"].clone();
        let given = hop
            .guarantees
            .iter()
            .any(|s| s.guarantee == Guarantee::Dlp && s.given);
        (
            requests["enabled"].as_bool().unwrap(),
            requests["action"].as_str().unwrap().to_owned(),
            hop.enforces.dlp,
            given,
        )
    };
    assert_eq!(
        action(DlpMode::Block, ""),
        (true, "block".into(), true, true)
    );
    assert_eq!(
        action(DlpMode::Warn, ""),
        (true, "warn".into(), false, false)
    );
    assert!(!action(DlpMode::Off, "").0);
    assert!(!action(DlpMode::Off, "").3);
    assert_eq!(
        action(DlpMode::Block, "dlp.action = 'warn'"),
        (true, "warn".into(), false, false)
    );
}

#[test]
fn places_that_cannot_work_are_refused_with_a_way_out() {
    let session = session();
    let policy = policy(&["a.test"]);
    let proxy: Box<dyn Proxy> = Pipelock::build(Config::default()).unwrap();
    assert!(!proxy.chains());
    let next = NextHop {
        host: "other".into(),
        port: 1,
        accepts: [Accepts::Connect].into(),
        scan: None,
        health: None,
        ends_tls: false,
        enforces: bottle_api::Enforces::default(),
    };
    let cx = HopContext::new(&session, "pipelock", &policy).next(Some(&next));
    let error = proxy.plan(&cx).unwrap_err();
    assert!(
        error.to_string().contains("cannot forward to `other`"),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("last"));

    let mut ported = policy.clone();
    ported.allow[0].ports = vec![22];
    let error = plan(Config::default(), &ported, true).unwrap_err();
    assert!(error.to_string().contains("ports"), "{error}");
    assert!(plan(Config::default(), &ported, false).is_ok());
}

#[test]
fn a_wildcard_denial_it_cannot_express_is_refused() {
    let mut policy = policy(&["a.test"]);
    policy.deny = vec!["*.a.test".parse().unwrap()];
    let error = plan(Config::default(), &policy, false).unwrap_err();
    assert!(error.to_string().contains("`*.a.test`"), "{error}");
    assert!(error.hint().is_some());
}

#[test]
fn plans_are_deterministic() {
    let policy = policy(&["b.test", "a.test", "*.c.test"]);
    let one = plan(Config::default(), &policy, false).unwrap();
    assert_eq!(one, plan(Config::default(), &policy, false).unwrap());
    let mut turned = policy.clone();
    turned.allow.reverse();
    assert_eq!(one, plan(Config::default(), &turned, false).unwrap());
}

#[test]
fn an_unknown_key_is_refused_with_its_name() {
    let registration = {
        // Linking the crate registers it.
        let registry = bottle_api::Registry::linked().unwrap();
        registry.proxy("pipelock").unwrap()
    };
    let read = |text: &str| {
        let table = toml::de::DeTable::parse(text).unwrap();
        let value = toml::Spanned::new(table.span(), toml::de::DeValue::Table(table.into_inner()));
        registration.build(&PluginTable::new(&value)).map(|_| ())
    };
    assert!(read("tls_interception = true").is_ok());
    assert!(read("").is_ok());
    let error = read("tls_interceptoin = true").unwrap_err();
    assert_eq!(error.unknown_key.as_deref(), Some("tls_interceptoin"));
    assert!(
        read("[limits]\nidle_seconds = 0")
            .unwrap_err()
            .message
            .contains("idle_seconds")
    );
}

#[test]
fn the_file_as_a_whole() {
    let hop = plan(Config::default(), &policy(&["a.test", "*.b.test"]), false).unwrap();
    insta::assert_snapshot!(yaml(&hop));
}

#[test]
fn headers_that_carry_injected_credentials_are_not_scanned_where_they_show() {
    let mut policy = policy(&["a.test"]);
    policy.credentials = vec![Credential {
        name: "KEY".into(),
        secret: SecretRef::FromEnv("KEY".into()),
        placeholder: "p".into(),
        hosts: vec!["a.test".parse().unwrap()],
        header: "private-token".into(),
        format: "{}".into(),
        always: false,
    }];
    let ignored = |tls_interception, first| {
        let config = Config {
            tls_interception,
            ..Config::default()
        };
        let written = settings(&plan(config, &policy, first).unwrap());
        let headers = written["request_body_scanning"]["ignore_headers"].clone();
        headers
            .as_array()
            .unwrap()
            .contains(&"private-token".into())
    };
    assert!(ignored(true, false));
    assert!(!ignored(false, false));
    assert!(!ignored(true, true));
}
