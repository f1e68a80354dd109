//! The hop and its files, for every place and setting.
#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use bottle_api::{
    Accepts, CaPart, Content, DlpMode, EnvValue, Guarantee, ImageSource, Mount, PluginBuild,
    PluginError, Proxy, Readable, ReadyCheck, SecretRef,
};
use bottle_proxy_mitmproxy::{Config, Dlp, Mitmproxy, Mode};
use common::{file, next, open_policy, plan, policy, with};

#[test]
fn the_same_input_gives_the_same_hop() {
    let make = || plan(Config::default(), &policy(), Some(&next())).unwrap();
    assert_eq!(make(), make());
}

#[test]
fn the_whole_hop() {
    let mut hop = plan(
        with(|config| config.upstream_ca = Some("/etc/company/ca.pem".into())),
        &policy(),
        Some(&next()),
    )
    .unwrap();
    for file in &mut hop.files {
        // The policy has tests of its own; code does not belong into a snapshot.
        if let Content::Text(text) = &mut file.content {
            *text = "...".into();
        }
    }
    insta::assert_json_snapshot!(hop);
}

#[test]
fn the_last_hop_runs_in_regular_mode_without_a_scan_token() {
    let hop = plan(Config::default(), &policy(), None).unwrap();
    assert_eq!(hop.command[..2], ["--mode", "regular"]);
    assert_eq!(
        file(&hop, "secrets.json").content,
        Content::SecretMap([("API_KEY".into(), SecretRef::FromEnv("API_KEY".into()))].into())
    );
    assert_eq!(
        file(&hop, "roots/public.pem").content,
        Content::Ca(CaPart::PublicRoots)
    );
}

#[test]
fn upstream_mode_names_the_next_hop() {
    let upstream = with(|config| config.mode = Mode::Upstream);
    let hop = plan(upstream, &policy(), Some(&next())).unwrap();
    assert_eq!(
        hop.command[..2],
        ["--mode", "upstream:http://firewall:8888"]
    );
}

#[test]
fn a_next_hop_that_ends_tls_is_trusted() {
    let mut firewall = next();
    firewall.ends_tls = true;
    let hop = plan(Config::default(), &policy(), Some(&firewall)).unwrap();
    assert_eq!(
        file(&hop, "roots/public.pem").content,
        Content::Ca(CaPart::Bundle)
    );
}

#[test]
fn secrets_are_references_in_one_private_file() {
    let hop = plan(Config::default(), &policy(), Some(&next())).unwrap();
    let Content::SecretMap(map) = &file(&hop, "secrets.json").content else {
        panic!("not a map of secrets")
    };
    assert_eq!(
        map.values().collect::<Vec<_>>(),
        [
            &SecretRef::FromEnv("API_KEY".into()),
            &SecretRef::Session("firewall-scan".into())
        ]
    );
    assert!(
        hop.env
            .values()
            .all(|value| matches!(value, EnvValue::Literal(_)))
    );
    for file in &hop.files {
        assert_eq!(
            (file.mode, file.uid, file.gid),
            (0o400, 65534, 65534),
            "{}",
            file.path
        );
        assert!(file.path.starts_with("/conf/"), "{}", file.path);
    }
    assert_eq!(hop.user, "65534:65534");
}

#[test]
fn a_hop_behind_that_injects_gets_the_placeholders() {
    let mut gate = next();
    gate.enforces.credentials = true;
    gate.scan = None;
    let hop = plan(Config::default(), &policy(), Some(&gate)).unwrap();
    assert_eq!(
        file(&hop, "secrets.json").content,
        Content::SecretMap([].into())
    );
    assert_eq!(common::policy_json(&hop)["credentials"][0]["inject"], false);
}

#[test]
fn two_of_it_may_stand_behind_each_other() {
    let last = plan(Config::default(), &open_policy(&["a.test"]), None).unwrap();
    let second = bottle_api::NextHop {
        host: "mitmproxy-2".into(),
        port: last.port,
        accepts: last.accepts,
        scan: last.scan,
        health: last.health,
        ends_tls: last.ends_tls,
        enforces: last.enforces,
    };
    let first = plan(Config::default(), &open_policy(&["a.test"]), Some(&second));
    assert!(first.is_ok());
}

#[test]
fn the_probe_waits_and_runs_inside() {
    let hop = plan(
        with(|config| config.ready_seconds = 7),
        &open_policy(&[]),
        None,
    )
    .unwrap();
    let ReadyCheck::Exec { argv, timeout } = &hop.ready else {
        panic!("{:?}", hop.ready)
    };
    assert_eq!(argv[..2], ["python3", "/conf/addon/probe.py"]);
    assert_eq!(timeout.as_secs(), 7);
    // What it runs is there, and can be written to before the start.
    file(&hop, "addon/probe.py");
    assert_eq!(
        hop.mounts[0],
        Mount::Volume {
            target: "/conf".into()
        }
    );
}

#[test]
fn images() {
    let image = |config| plan(config, &open_policy(&[]), None).unwrap().image;
    let default = image(Config::default());
    let recipe = default.fallback.unwrap();
    assert!(recipe.dockerfile.contains("mitmproxy==11.0.2"));
    assert!(recipe.dockerfile.contains("/usr/local/bin/mitmdump"));
    let mine = image(with(|config| config.image = Some("mine:1".into())));
    assert!(mine.fallback.is_none());
    assert!(matches!(mine.source, ImageSource::Pull { reference, .. } if reference == "mine:1"));
    assert_eq!(mine.config_key, "proxy.mitmproxy.image");
}

#[test]
fn chains_that_cannot_work_are_refused() {
    let refusal = |config, policy, accepts: &[Accepts]| {
        let mut firewall = next();
        firewall.accepts = accepts.iter().copied().collect();
        match plan(config, policy, Some(&firewall)) {
            Err(PluginError::Chain { message, .. }) => Some(message),
            Ok(_) => None,
            Err(other) => panic!("{other}"),
        }
    };
    let (plain, full) = (open_policy(&["a.test"]), policy());
    let absolute = [Accepts::AbsoluteHttp, Accepts::AbsoluteHttps];
    let none = Config::default;
    let upstream = || with(|config| config.mode = Mode::Upstream);
    assert_eq!(refusal(none(), &plain, &absolute), None);
    assert_eq!(refusal(none(), &plain, &[Accepts::Connect]), None);
    assert_eq!(refusal(upstream(), &plain, &[Accepts::Connect]), None);
    for (message, part) in [
        (refusal(upstream(), &plain, &absolute), "mode `upstream`"),
        (
            refusal(none(), &plain, &[Accepts::AbsoluteHttp]),
            "`https` at all",
        ),
        (refusal(none(), &full, &absolute), "tunnelled hosts"),
    ] {
        let message = message.unwrap();
        assert!(message.contains(part), "{message}");
        assert!(message.contains("`firewall`"), "{message}");
    }
    let mut credentialed = plain.clone();
    credentialed.credentials.clone_from(&full.credentials);
    assert!(
        refusal(none(), &credentialed, &absolute)
            .unwrap()
            .contains("credentials")
    );
    let alone = plan(upstream(), &plain, None).unwrap_err();
    assert!(alone.to_string().contains("last hop"), "{alone}");
    assert!(alone.hint().is_some());
}

#[test]
fn policies_that_cannot_work_are_refused() {
    let refusal = |config, policy: &_| plan(config, policy, None).unwrap_err();
    let pinned = with(|config| config.passthrough = vec!["api.code.test".parse().unwrap()]);
    let error = refusal(pinned, &policy());
    assert!(error.to_string().contains("methods or paths"), "{error}");
    assert!(error.hint().is_some());

    let closed = with(|config| config.passthrough = vec!["*.llm.test".parse().unwrap()]);
    let error = refusal(closed, &policy());
    assert!(error.to_string().contains("`API_KEY`"), "{error}");

    let mut odd = open_policy(&["a.test"]);
    odd.allow[0].paths = vec!["repos/**".into()];
    let error = refusal(Config::default(), &odd);
    assert!(error.hint().unwrap().contains("`/repos/**`"), "{error:?}");
}

#[test]
fn guarantees_follow_the_policy() {
    let given = |config, policy: &_, guarantee| {
        let hop = plan(config, policy, None).unwrap();
        let found: Vec<_> = hop
            .guarantees
            .iter()
            .filter(|statement| statement.guarantee == guarantee)
            .collect();
        assert_eq!(found.len(), 1, "{guarantee}");
        assert_eq!(found[0].by, "mitmproxy");
        (found[0].given, hop.enforces)
    };
    let plain = open_policy(&["a.test"]);
    for guarantee in [
        Guarantee::HostPolicy,
        Guarantee::TlsInspected,
        Guarantee::Dlp,
        Guarantee::CredentialsAtProxy,
    ] {
        assert!(given(Config::default(), &plain, guarantee).0, "{guarantee}");
    }
    assert!(!given(Config::default(), &policy(), Guarantee::TlsInspected).0);
    assert!(!given(Config::default(), &policy(), Guarantee::Dlp).0);
    for mode in [DlpMode::Off, DlpMode::Warn] {
        let mut weak = plain.clone();
        weak.dlp = mode;
        let (dlp, enforces) = given(Config::default(), &weak, Guarantee::Dlp);
        assert!(!dlp && !enforces.dlp, "{mode:?}");
    }
}

/// What is searched, and what is left to a hop behind.
#[test]
fn what_is_not_searched_here_is_said() {
    let open = Dlp::default;
    let off = Some(DlpMode::Off);
    let cases: [(&str, Dlp, &str, Option<&str>); 7] = [
        ("all on", open(), "a.test", None),
        ("URLs", Dlp { url: off, ..open() }, "a.test", Some("")),
        (
            "headers",
            Dlp {
                headers: off,
                ..open()
            },
            "a.test",
            Some(""),
        ),
        (
            "tunnelled",
            Dlp {
                tunnel: off,
                ..open()
            },
            "a.test",
            Some(""),
        ),
        (
            "`a.test`",
            Dlp {
                inspect: off,
                ..open()
            },
            "a.test",
            Some("a.test"),
        ),
        (
            "credentialed",
            Dlp {
                inspect: off,
                ..open()
            },
            "api.llm.test",
            None,
        ),
        (
            "`api.llm.test`",
            Dlp {
                credentialed: off,
                ..open()
            },
            "api.llm.test",
            Some("api.llm.test"),
        ),
    ];
    for (part, dlp, host, expected) in cases {
        let mut policy = open_policy(&[host]);
        if host == "api.llm.test" {
            policy.credentials = vec![common::credential(host)];
        }
        let hop = plan(with(|config| config.dlp = dlp), &policy, Some(&next())).unwrap();
        let said = hop
            .guarantees
            .iter()
            .find(|s| s.guarantee == Guarantee::Dlp);
        let said = said.unwrap();
        let hosts: Vec<_> = said.hosts.iter().map(ToString::to_string).collect();
        let withheld = (!said.given).then(|| hosts.join(" "));
        assert_eq!(withheld.as_deref(), expected, "{part}");
        assert_eq!(hop.enforces.dlp, said.given, "{part}");
        assert!(said.given || said.how.contains(part), "{part}: {said:?}");
    }
}

#[test]
fn it_hands_over_what_it_says() {
    let leaves = |config| {
        let proxy: Box<dyn Proxy> = Mitmproxy::build(config).unwrap();
        proxy.hands_over(&policy(), &Readable::Nothing)
    };
    let but =
        |hosts: &[&str]| Readable::AllBut(hosts.iter().map(|host| host.parse().unwrap()).collect());
    let usual = ["api.llm.test", "files.test", "pinned.test"];
    assert_eq!(leaves(Config::default()), but(&usual));
    let more = with(|config| config.passthrough = vec!["a.code.test".parse().unwrap()]);
    let more_hosts = ["a.code.test", "api.llm.test", "files.test", "pinned.test"];
    assert_eq!(leaves(more), but(&more_hosts));
    let upstream = with(|config| config.mode = Mode::Upstream);
    assert_eq!(leaves(upstream), Readable::Nothing);
    let streams = with(|config| config.dlp.tunnel = Some(DlpMode::Off));
    assert_eq!(
        leaves(streams),
        Readable::Nothing,
        "WebSockets never leave in plain text"
    );
}
