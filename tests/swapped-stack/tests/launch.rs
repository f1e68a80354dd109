//! Whole launches with Squid in the chain, on real Docker, with real proxies.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests fail loudly")]

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{IpAddr, TcpListener},
    sync::{LazyLock, Mutex},
};

use bottle_e2e::{
    lane::{Engine, Lane, bridge_address},
    origin::Origin,
    world::{World, assert_code, stderr, stdout},
};
use serde_json::Value;

const SQUID: &str = "[proxy.squid]\n";

fn lane() -> Lane {
    Engine::Docker.auto()
}

/// A world whose command is ours, with this chain in front of the local origins.
fn world(proxies: &[&str], extra: &str) -> World {
    World::chained(lane(), proxies, extra).running(env!("CARGO_BIN_EXE_bottle-squid"))
}

fn origin() -> &'static Origin {
    Origin::shared(bridge_address())
}

/// Requests for plain `http` on the bridge's port 80, as the `Host` they named.
fn plain_origin() -> &'static Mutex<Vec<String>> {
    static SEEN: LazyLock<&'static Mutex<Vec<String>>> = LazyLock::new(|| {
        let listener = TcpListener::bind((bridge_address(), 80))
            .expect("port 80 of the bridge address must be free for the plain origin");
        let seen: &'static Mutex<Vec<String>> = Box::leak(Box::default());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let head: Vec<String> = lines
                    .map_while(Result::ok)
                    .take_while(|line| !line.is_empty())
                    .collect();
                let host = head
                    .iter()
                    .find_map(|line| line.strip_prefix("Host: "))
                    .unwrap_or_default();
                seen.lock().unwrap().push(format!("{host} {}", head[0]));
                let answer =
                    "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nplain\n";
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        seen
    });
    &SEEN
}

/// What each chain has to do: answer, refuse, hide everything else, leave nothing.
fn holds(proxies: &[&str]) {
    let name = proxies.join("-");
    let world = world(proxies, "");
    world.write("work/origin-ca.pem", &origin().ca_pem);
    // Where nobody opens TLS the agent sees the origin's own certificate.
    let trust = if proxies.contains(&"mitmproxy") {
        ""
    } else {
        "--cacert origin-ca.pem"
    };
    let started = world
        .shell(&["-d", "--name", &name], "sleep 600")
        .output()
        .unwrap();
    assert_code(&started, 0);
    let hosts: Vec<String> = proxies[1..]
        .iter()
        .map(|proxy| format!("{}:{}", address_of(&world, proxy), port_of(proxy)))
        .collect();
    let bridge = bridge_address();
    let script = format!(
        r#"
c='curl -s {trust} --connect-timeout 5 -o /dev/null -w %{{http_code}}/%{{http_connect}}\n'
$c https://origin.test/{name}.allowed
$c https://unlisted.test/{name}.tunnel
$c http://unlisted.test/{name}.plain
$c https://origin.test:444/{name}.port
$c https://{bridge}/{name}.address
dead() {{ if timeout 8 "$@" >/tmp/out 2>&1; then echo "ALIVE: $*"; else echo "dead: $*"; fi; }}
dead curl -sk --noproxy '*' --connect-timeout 3 https://{bridge}/{name}.direct
dead curl -sk --noproxy '*' --connect-timeout 3 http://169.254.169.254/
dead getent ahosts example.org
for hop in {hops}; do dead curl -s --noproxy '*' --connect-timeout 3 "http://$hop/"; done
$c https://origin.test/{name}.control
"#,
        hops = hosts.join(" "),
    );
    let output = world.run(&["exec", &name, "--", "sh", "-c", &script]);
    let out = stdout(&output);
    let log = stdout(&world.run(&["logs", &name, "--proxy", "squid"]));
    assert!(!out.contains("ALIVE"), "{out}");
    assert_eq!(out.matches("dead: ").count(), 3 + hosts.len(), "{out}");
    let codes: Vec<_> = out.lines().filter(|l| !l.starts_with("dead")).collect();
    // A hop that opens TLS may refuse inside of the tunnel too.
    assert_eq!((codes[0], codes[5]), ("200/200", "200/200"), "{out}{log}");
    for refused in &codes[1..5] {
        assert!(refused.contains("403"), "{out}");
    }
    let paths: Vec<String> = seen(&name);
    assert_eq!(
        paths,
        [format!("/{name}.allowed"), format!("/{name}.control")],
        "what arrived"
    );
    egress_is_logged(&world, &name);
    assert_code(&world.run(&["stop", &name]), 0);
    world.assert_empty();
}

fn seen(name: &str) -> Vec<String> {
    let seen = origin().seen(&format!("/{name}."));
    seen.into_iter().map(|request| request.path).collect()
}

fn egress_is_logged(world: &World, name: &str) {
    let log = stdout(&world.run(&["logs", name, "--egress", "--json"]));
    let events: Vec<Value> = log
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let by_squid = |decision: &str, host: &str| {
        events.iter().any(|event| {
            let event = event.get("egress").unwrap_or(event);
            event["proxy"] == "squid" && event["decision"] == decision && event["host"] == host
        })
    };
    assert!(by_squid("allow", "origin.test"), "{log}");
    // Whoever is first refuses; what it refuses squid never sees.
    assert_eq!(
        by_squid("deny", "unlisted.test"),
        name.starts_with("squid"),
        "{log}"
    );
}

fn port_of(proxy: &str) -> u16 {
    match proxy {
        "squid" => 3128,
        "pipelock" => 8888,
        _ => 8080,
    }
}

fn address_of(world: &World, proxy: &str) -> IpAddr {
    let left = world.leftovers();
    let name = left
        .iter()
        .filter_map(|line| line.strip_prefix("container "))
        .find(|name| name.ends_with(proxy))
        .unwrap_or_else(|| panic!("no container of `{proxy}`: {left:?}"));
    world.lane().engine.link_address(name)
}

#[test]
fn squid_alone() {
    holds(&["squid"]);
}

#[test]
fn squid_in_front_of_pipelock() {
    holds(&["squid", "pipelock"]);
}

#[test]
fn squid_behind_mitmproxy() {
    holds(&["mitmproxy", "squid"]);
}

#[test]
fn squid_in_front_of_mitmproxy() {
    holds(&["squid", "mitmproxy"]);
}

#[test]
fn squid_between_the_two() {
    holds(&["mitmproxy", "squid", "pipelock"]);
}

#[test]
fn plain_http_passes_with_the_host_that_was_allowed() {
    let seen = plain_origin();
    let world = world(&["squid"], "");
    let output = world.sh(
        &[],
        "curl -sS -H 'Host: unlisted.test' http://origin.test/plain?k=v; \
         curl -s -o /dev/null -w '%{http_code}\\n' --request-target https://origin.test/handed-over \
           http://origin.test/",
    );
    assert_eq!(stdout(&output), "plain\n403\n", "{}", stderr(&output));
    let seen = seen.lock().unwrap().clone();
    assert_eq!(seen, ["origin.test GET /plain?k=v HTTP/1.1"]);
    let log = stdout(&world.run(&["logs", "--egress", "--json"]));
    assert!(log.contains("/plain") && !log.contains("k=v"), "{log}");
    world.assert_empty();
}

#[test]
fn a_name_that_stands_for_a_private_address_is_refused() {
    origin();
    let world = world(&["squid"], "");
    let config = std::fs::read_to_string(world.path("config/bottle/config.toml")).unwrap();
    let (before, after) = config.split_once("trusted_private = ").unwrap();
    let (_, after) = after.split_once('\n').unwrap();
    world.write("config/bottle/config.toml", &format!("{before}{after}"));
    let output = world.sh(
        &[],
        "curl -s -o /dev/null -w '%{http_connect}\\n' https://origin.test/private",
    );
    assert_eq!(stdout(&output), "403\n");
    let log = stdout(&world.run(&["logs", "--egress", "--json"]));
    assert!(log.contains("private_address"), "{log}");
    assert!(origin().seen("/private").is_empty());
    world.assert_empty();
}

#[test]
fn a_hop_behind_that_is_broken_is_named() {
    let world = world(&["squid", "pipelock"], "");
    world.configure("proxies = [\"squid\", \"pipelock\"]\n[proxy.pipelock]\nimage = \"bottle-test/dying:latest\"\n[proxy.squid]\nready_seconds = 5\n");
    let output = world.sh(&[], "true");
    assert_code(&output, 125);
    let text = stderr(&output);
    assert!(
        text.contains("`proxy-1-pipelock` did not become ready"),
        "{text}"
    );
    world.assert_empty();
}

#[test]
fn chains_that_cannot_work_are_refused_with_the_reason() {
    let cases = [
        (
            &["pipelock", "squid"][..],
            "",
            "`pipelock` cannot forward to another proxy, so it must be last",
            r#"proxies = ["squid", "pipelock"]"#,
        ),
        (
            &["mitmproxy", "squid"],
            "[proxy.squid]\nconnect = false\n",
            "`squid` takes no `CONNECT`, which `https` at all needs",
            "put another hop behind `mitmproxy`",
        ),
    ];
    for (proxies, extra, reason, hint) in cases {
        let world = world(proxies, extra);
        for output in [world.run(&["plan", "shell"]), world.sh(&[], "true")] {
            assert_code(&output, 125);
            let text = stderr(&output);
            assert!(text.contains(reason), "{text}");
            assert!(text.contains("hint: ") && text.contains(hint), "{text}");
        }
        world.assert_empty();
    }
}

#[test]
fn the_plan_says_what_is_withheld() {
    let given = |proxies: &[&str], extra: &str| -> Vec<String> {
        let output = world(proxies, extra).run(&["plan", "shell", "--json"]);
        assert_code(&output, 0);
        let plan: Value = serde_json::from_str(&stdout(&output)).unwrap();
        ["host_policy", "tls_inspected", "dlp"]
            .map(|wanted| {
                let all = plan["guarantees"].as_array().unwrap();
                let found = all.iter().find(|s| s["guarantee"] == wanted).unwrap();
                let sign = if found["given"] == true { "+" } else { "-" };
                format!("{sign}{wanted} {}", found["by"].as_str().unwrap())
            })
            .into()
    };
    assert_eq!(
        given(&["squid"], ""),
        ["+host_policy squid", "-tls_inspected squid", "-dlp squid"]
    );
    // pipelock scans what it is handed; behind squid that is closed.
    assert_eq!(
        given(&["squid", "pipelock"], ""),
        ["+host_policy squid", "-tls_inspected squid", "-dlp squid"]
    );
    assert_eq!(
        given(&["squid", "pipelock"], "tls_interception = true\n"),
        [
            "+host_policy squid",
            "+tls_inspected pipelock",
            "+dlp pipelock"
        ]
    );
    assert_eq!(
        given(&["mitmproxy", "squid"], ""),
        [
            "+host_policy mitmproxy",
            "+tls_inspected mitmproxy",
            "+dlp mitmproxy"
        ]
    );
    let world = world(&["squid"], "");
    let output = world.run(&["plan", "shell", "--require", "tls_inspected"]);
    assert_code(&output, 125);
    let text = stderr(&output);
    assert!(
        text.contains("tls_inspected") && text.contains("squid"),
        "{text}"
    );
    assert!(text.contains("a proxy that decrypts"), "{text}");
}

#[test]
fn what_nobody_enforces_is_refused() {
    let world = world(&["squid"], "");
    let text = |extra: &str| {
        world.configure(&format!("proxies = [\"squid\"]\n{extra}"));
        let output = world.run(&["plan", "shell"]);
        assert_code(&output, 125);
        stderr(&output)
    };
    let rule = text("[egress]\nallow = [{ host = \"api.github.com\", methods = [\"GET\"] }]\n");
    assert!(rule.contains("names methods or paths"), "{rule}");
    let key = text(&format!("{SQUID}conect = false\n"));
    assert!(key.contains("conect") && key.contains("connect"), "{key}");
    let value = text(&format!("{SQUID}memory_mb = 1\n"));
    assert!(value.contains("`memory_mb` must be between 64"), "{value}");
}

#[test]
fn the_command_knows_its_plugins() {
    let output = world(&["squid"], "").run(&["plugins"]);
    let out = stdout(&output);
    let line = out.lines().find(|line| line.contains("squid")).unwrap();
    let words: Vec<_> = line.split_whitespace().take(4).collect();
    assert_eq!(words, ["proxy", "squid", "bottle-squid", "0.1.0"]);
}
