//! What leaves and what does not.

use std::net::IpAddr;

use bottle_e2e::{
    lane::{Lane, bridge_address},
    origin::Origin,
    world::{World, assert_code, stdout},
};

const DEFAULT: &[&str] = &["mitmproxy", "pipelock"];

fn origin() -> &'static Origin {
    Origin::shared(bridge_address())
}

/// A token of GitHub's shape, put together here so that no scanner trips over the source.
fn token() -> String {
    format!("ghp_{}", "x9K2mQ7vR4tB1nW8zL5cJ3hG6fD0sA9pY2eT")
}

pub(crate) fn allowed_hosts_answer(lane: Lane) {
    let world = World::chained(lane, DEFAULT, "");
    let path = format!("/allowed-{lane}");
    let output = world.sh(
        &[],
        &format!("curl -sS https://origin.test{path} && cat hello.txt && id -u"),
    );
    assert_code(&output, 0);
    let out = stdout(&output);
    assert!(out.contains("\"ok\":true"), "{out}");
    assert!(out.contains("hello from the host"), "{out}");
    assert!(out.trim_end().ends_with("1000"), "{out}");
    let seen = origin().seen(&path);
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(seen[0].host, "origin.test");
    world.assert_empty();
}

pub(crate) fn unlisted_hosts_are_refused_by_a_named_rule(lane: Lane) {
    let world = World::chained(lane, DEFAULT, "");
    let path = format!("/unlisted-{lane}");
    let output = world.sh(
        &[],
        &format!(
            "curl -s -w '\\n%{{http_code}}\\n' http://unlisted.test{path}; \
             curl -sv https://unlisted.test{path} 2>&1 | tr -d '\\r'"
        ),
    );
    let out = stdout(&output);
    assert!(out.contains("\n403\n"), "{out}");
    assert!(
        out.contains("\"rule\":"),
        "the refusal names its rule: {out}"
    );
    assert!(out.contains("unlisted.test"), "{out}");
    assert!(out.contains("CONNECT tunnel failed, response 403"), "{out}");
    assert!(out.contains("x-bottle-refused: "), "{out}");
    assert!(origin().seen(&path).is_empty());
    world.assert_empty();
}

pub(crate) fn every_other_way_out_is_dead(lane: Lane) {
    let world = World::chained(lane, DEFAULT, "");
    let started = world
        .shell(&["-d", "--name", &format!("dead-{lane}")], "sleep 600")
        .output()
        .unwrap();
    assert_code(&started, 0);
    let second = address_of(&world, "pipelock");
    let bridge = bridge_address();
    let script = format!(
        r#"
dead() {{ if timeout 8 "$@" >/tmp/out 2>&1; then echo "ALIVE: $*"; cat /tmp/out; else echo "dead: $*"; fi; }}
dead curl -sk --noproxy '*' --connect-timeout 3 https://{bridge}/direct
dead curl -sk --noproxy '*' --connect-timeout 3 http://169.254.169.254/
dead curl -s --noproxy '*' --connect-timeout 3 http://{second}:8888/health
dead curl -sf --connect-timeout 3 https://{bridge}/by-ip
dead curl -sf --connect-timeout 3 http://169.254.169.254/latest/meta-data/
dead getent ahosts example.org
dead getent ahosts pipelock
dead python3 -c 'import socket; socket.getaddrinfo("origin.test", 443)'
dead python3 -c 'import socket; s=socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(3); s.sendto(bytes.fromhex("abcd01000001000000000000076578616d706c65036f72670000010001"), ("127.0.0.11", 53)); r=s.recv(512); assert r[3] & 15 == 0 and r[7] > 0'
dead python3 -c 'import socket; s=socket.create_connection(("{bridge}", 53), 3)'
dead python3 -c 'import socket; s=socket.socket(socket.AF_INET6); s.settimeout(3); s.connect(("fe80::1", 443, 0, 2))'
gateway=$(ip route 2>/dev/null | sed -n 's/^default via \([^ ]*\).*/\1/p')
dead python3 -c "import socket; s=socket.create_connection(('${{gateway:-192.0.2.1}}', 53), 3)"
dead curl -sk --noproxy '*' --connect-timeout 3 https://${{gateway:-192.0.2.1}}/gateway
curl -s -o /dev/null -w 'control: %{{http_code}}\n' https://origin.test/control
"#
    );
    let output = world.run(&["exec", &format!("dead-{lane}"), "--", "sh", "-c", &script]);
    let out = stdout(&output);
    assert!(!out.contains("ALIVE"), "{out}");
    assert_eq!(out.matches("dead: ").count(), 13, "{out}");
    assert!(out.contains("control: 200"), "the positive control: {out}");
    assert_code(&world.run(&["stop", &format!("dead-{lane}")]), 0);
    world.assert_empty();
}

fn address_of(world: &World, role: &str) -> IpAddr {
    let name = world
        .leftovers()
        .into_iter()
        .find_map(|line| {
            line.strip_prefix("container ")
                .filter(|name| name.contains(role))
                .map(str::to_owned)
        })
        .unwrap_or_else(|| panic!("no container of role {role}: {:?}", world.leftovers()));
    world.lane().engine.link_address(&name)
}

pub(crate) fn secrets_are_refused_on_their_way_out(lane: Lane) {
    let world = World::chained(lane, DEFAULT, "");
    let token = token();
    let path = format!("/dlp-{lane}");
    let output = world.sh(
        &[],
        &format!(
            "t={token}; u=https://origin.test{path}; c='curl -s -o /dev/null -w %{{http_code}}\\n'; \
             $c $u/clean; $c -H \"X-Token: $t\" $u/header; $c \"$u/query?k=$t\"; \
             $c -d \"note=$t\" $u/body; \
             $c -H 'content-type: application/json' -d \"{{\\\"a\\\":\\\"$t\\\"}}\" $u/json"
        ),
    );
    let out = stdout(&output);
    assert_eq!(
        out.lines().collect::<Vec<_>>(),
        ["200", "403", "403", "403", "403"],
        "{out}"
    );
    let seen = origin().seen(&path);
    assert_eq!(seen.len(), 1, "only the clean one arrived: {seen:?}");
    let log = world.run(&["logs", "--egress"]);
    assert!(stdout(&log).contains("deny"), "{}", stdout(&log));
    assert!(
        !stdout(&log).contains(&token),
        "the log must not hold the token"
    );
    world.assert_empty();
}

pub(crate) fn streams_are_not_buffered(lane: Lane) {
    let world = World::chained(lane, DEFAULT, "");
    // The origin sends its last event only after the agent, having read the first one, asks
    // for /gate/...: buffering anywhere on the way would end in the timeout.
    let output = world.sh(
        &[],
        &format!(
            "timeout 30 curl -sN https://origin.test/sse/{lane} | while read -r line; do \
               echo \"$line\"; \
               case $line in *first*) curl -s https://origin.test/gate/{lane};; esac; \
             done"
        ),
    );
    let out = stdout(&output);
    let order: Vec<_> = out.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(order, ["data: first", "open", "data: last"], "{out}");
    world.assert_empty();
}

pub(crate) fn each_shorter_chain_holds(lane: Lane) {
    for proxies in [&["mitmproxy"][..], &["pipelock"][..], &[][..]] {
        let world = World::chained(lane, proxies, "tls_interception = true\n");
        let path = format!("/short-{lane}-{}.", proxies.join("-"));
        let token = token();
        let output = world.sh(
            &[],
            &format!(
                "c='curl -s --connect-timeout 5 -o /dev/null -w %{{http_code}}\\n'; \
                 $c https://origin.test{path}; $c https://unlisted.test{path}-x; \
                 $c -d note={token} https://origin.test{path}-dlp; true"
            ),
        );
        let out = stdout(&output);
        let codes: Vec<_> = out.lines().collect();
        if proxies.is_empty() {
            assert_eq!(codes, ["000", "000", "000"], "{proxies:?}: {out}");
        } else {
            assert_eq!(codes, ["200", "000", "403"], "{proxies:?}: {out}");
        }
        assert_eq!(
            origin().seen(&path).len(),
            usize::from(!proxies.is_empty()),
            "{proxies:?}"
        );
        world.assert_empty();
    }
}
