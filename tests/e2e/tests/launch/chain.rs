//! What leaves and what does not.

use std::net::IpAddr;

use bottle_e2e::{
    REACH,
    beacon::{Beacon, host_addresses},
    lane::{Lane, bridge_address},
    origin::Origin,
    world::{TOOLS_IMAGE, World, assert_code, stdout},
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
    let uid = world.agent_uid().to_string();
    assert!(out.trim_end().ends_with(&uid), "{out}");
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
    let name = format!("dead-{lane}");
    let started = world.shell(&["-d", "--name", &name], "sleep 600").output();
    assert_code(&started.unwrap(), 0);
    let inside = |argv: &[&str]| {
        let output = world.run(&[&["exec", &name, "--"], argv].concat());
        assert_code(&output, 0);
        stdout(&output)
    };

    // The host: every address it has, the link's own gateway, what a default route would lead to.
    let beacon = Beacon::light();
    let mut hosts: Vec<String> = host_addresses().iter().map(ToString::to_string).collect();
    let own = address_of(&world, &name).to_string();
    let (link, last) = own.rsplit_once('.').unwrap();
    let gateway = last.parse::<u8>().unwrap() - 1;
    hosts.push(format!("{link}.{gateway}"));
    hosts.push("host.docker.internal".into());
    hosts.push("host.containers.internal".into());
    let interface = inside(&[
        "sh",
        "-c",
        "ls /sys/class/net 2>/dev/null | grep -v lo | grep . || echo eth0",
    ]);
    for address in hosts.clone().iter().filter(|a| a.starts_with("fe80")) {
        let interface = interface.lines().next().unwrap();
        hosts.push(format!("{address}%{interface}"));
    }
    let mut targets = Vec::new();
    for host in &hosts {
        for kind in ["tcp", "udp"] {
            targets.push(format!("{kind} {host} {}", beacon.port));
        }
    }
    // The second hop and its services, the cloud's metadata, an address nobody has.
    let second = address_of(&world, "pipelock");
    for port in [8888, 9090, 9091] {
        targets.push(format!("tcp {second} {port}"));
    }
    targets.push("tcp 169.254.169.254 80".into());
    targets.push("tcp 203.0.113.7 443".into());
    // Resolvers: the engine's, the one in the file, the host's, somebody's.
    let resolvers = inside(&["sh", "-c", "sed -n 's/^nameserver //p' /etc/resolv.conf"]);
    let resolvers = resolvers.lines().map(str::to_owned);
    let others = ["127.0.0.11", "192.0.2.53"].map(str::to_owned);
    for resolver in resolvers.chain(others).chain(hosts.clone()) {
        for kind in ["dns-udp", "dns-tcp"] {
            targets.push(format!("{kind} {resolver} 53"));
        }
    }
    let mut argv = vec!["python3", "-c", REACH];
    argv.extend(targets.iter().map(String::as_str));
    argv.push("tcp mitmproxy 8080");
    let out = inside(&argv);
    let (alive, dead): (Vec<_>, Vec<_>) = out.lines().partition(|line| line.starts_with("alive"));
    assert_eq!(alive, ["alive tcp mitmproxy 8080"], "{out}");
    assert_eq!(dead.len(), targets.len(), "{out}");

    // The positive control: the same targets from a container that nobody closed.
    let bridge = bridge_address();
    let wanted = ["tcp", "udp"].map(|kind| format!("{kind} {bridge} {}", beacon.port));
    let mut run = vec!["run", "--rm", TOOLS_IMAGE, "python3", "-c", REACH];
    run.extend(wanted.iter().map(String::as_str));
    let control = lane.engine.ask(&run);
    assert_eq!(control.matches("alive").count(), 2, "{control}");

    let script = format!(
        r#"
dead() {{ if timeout 8 "$@" >/tmp/out 2>&1; then echo "ALIVE: $*"; cat /tmp/out; else echo "dead: $*"; fi; }}
dead curl -sf --connect-timeout 3 https://{bridge}/by-ip
dead curl -sf --connect-timeout 3 http://169.254.169.254/latest/meta-data/
dead getent ahosts example.org
dead getent ahosts pipelock
dead sh -c 'dig +short +time=2 +tries=1 origin.test | grep -q ^[0-9]'
dead python3 -c 'import socket; socket.getaddrinfo("origin.test", 443)'
curl -s -o /dev/null -w 'control: %{{http_code}}\n' https://origin.test/control
"#
    );
    let out = inside(&["sh", "-c", &script]);
    assert!(!out.contains("ALIVE"), "{out}");
    assert_eq!(out.matches("dead: ").count(), 6, "{out}");
    assert!(out.contains("control: 200"), "the positive control: {out}");
    assert_code(&world.run(&["stop", &name]), 0);
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

pub(crate) fn each_other_chain_holds(lane: Lane) {
    // The last one has the second setting of mitmproxy: it tunnels to pipelock, which opens TLS.
    for (proxies, upstream) in [
        (&["mitmproxy"][..], false),
        (&["pipelock"][..], false),
        (&[][..], false),
        (DEFAULT, true),
    ] {
        let world = World::chained(lane, proxies, "tls_interception = true\n");
        if upstream {
            world.set("proxy.mitmproxy", "mode = \"upstream\"");
        }
        let path = format!("/other-{lane}-{}-{upstream}.", proxies.join("-"));
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
            assert_eq!(
                codes,
                ["200", "000", "403"],
                "{proxies:?} {upstream}: {out}"
            );
        }
        assert_eq!(
            origin().seen(&path).len(),
            usize::from(!proxies.is_empty()),
            "{proxies:?} {upstream}"
        );
        world.assert_empty();
    }
}
