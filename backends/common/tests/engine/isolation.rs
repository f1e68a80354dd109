//! The guarantees of the network, tried by force from inside.

use std::{
    io::Write,
    net::{Ipv4Addr, TcpListener, UdpSocket},
};

use bottle_api::{Backend, ContainerId, Dns, Guarantee};

use crate::{
    harness::{Engine, own_addresses, skip, test},
    lane::host_on,
};

/// `tcp|udp ADDRESS PORT [DEVICE]`: prints what answered, or why nothing did. With a device,
/// routing is bypassed as far as an unprivileged program can.
const PROBE: &str = r#"
use Socket qw(:all); use IO::Select;
my ($how, $ip, $port, $device) = @ARGV;
socket(my $s, AF_INET, $how eq "tcp" ? SOCK_STREAM : SOCK_DGRAM, 0) or die "socket: $!\n";
if ($device) { setsockopt($s, SOL_SOCKET, 25, pack("Z*", $device)); setsockopt($s, SOL_SOCKET, 5, pack("i", 1)); }
$SIG{ALRM} = sub { print "timeout\n"; exit 0 };
alarm 2;
my $to = sockaddr_in($port, inet_aton($ip));
if ($how eq "tcp") { connect($s, $to) or (print("$!\n"), exit 0); }
else { send($s, $ARGV[4] // "ping", 0, $to) or (print("$!\n"), exit 0); }
defined recv($s, my $answer, 100, 0) or (print("$!\n"), exit 0);
print length $answer ? "ANSWER $answer\n" : "closed\n";
"#;

async fn probe(engine: &Engine, id: &ContainerId, arguments: &str) -> String {
    engine
        .ok(id, &format!("perl -e '{PROBE}' {arguments}"))
        .await
}

/// Answers on every address of this machine.
fn listen() -> (u16, u16) {
    let tcp = TcpListener::bind("0.0.0.0:0").unwrap();
    let udp = UdpSocket::bind("0.0.0.0:0").unwrap();
    let ports = (
        tcp.local_addr().unwrap().port(),
        udp.local_addr().unwrap().port(),
    );
    std::thread::spawn(move || {
        for stream in tcp.incoming() {
            let _ = stream.unwrap().write_all(b"tcp");
        }
    });
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((_, from)) = udp.recv_from(&mut buffer) {
            let _ = udp.send_to(b"udp", from);
        }
    });
    ports
}

#[test]
fn no_address_of_the_host_answers_on_an_internal_network() {
    test(async |engine| {
        if !engine.info.local {
            return skip("the host's addresses: the engine is elsewhere");
        }
        let (tcp, udp) = listen();
        let link = engine.network("link-0", true).await;
        let egress = engine.network("egress", false).await;
        let control = engine
            .create_on(&engine.plan("control", "runc"), &[egress.at(2)], &[])
            .await;
        engine.backend.start(&control).await.unwrap();
        // The test can fail: the same listeners are reached from the network that leads out.
        let gateway = host_on(&egress);
        let seen = probe(&engine, &control, &format!("tcp {gateway} {tcp}")).await;
        assert_eq!(seen, "ANSWER tcp");
        let seen = probe(&engine, &control, &format!("udp {gateway} {udp}")).await;
        assert_eq!(seen, "ANSWER udp");

        let mut addresses: Vec<String> = own_addresses().iter().map(Ipv4Addr::to_string).collect();
        assert!(addresses.contains(&gateway.to_string()), "{addresses:?}");
        // More of the same kind teach nothing.
        addresses.sort();
        addresses.truncate(4);
        addresses.push(gateway.to_string());
        addresses.push(link.address(1).to_string());
        for (n, runtime) in engine.runtimes().into_iter().enumerate() {
            let host = 3 + u8::try_from(n).unwrap();
            let plan = engine.plan(&runtime, &runtime);
            let id = engine.create_on(&plan, &[link.at(host)], &[]).await;
            engine.backend.start(&id).await.unwrap();
            for address in &addresses {
                for arguments in [
                    format!("tcp {address} {tcp}"),
                    format!("tcp {address} {tcp} eth0"),
                    format!("udp {address} {udp}"),
                    format!("udp {address} {udp} eth0"),
                ] {
                    let seen = probe(&engine, &id, &arguments).await;
                    assert!(!seen.contains("ANSWER"), "{runtime}: {arguments}: {seen}");
                }
            }
            let v6 = engine.ok(
                &id,
                "cat /proc/net/if_inet6 2>/dev/null | grep -v ' lo$' || true",
            );
            assert_eq!(v6.await, "", "{runtime}: an IPv6 address");
            let statements = engine.backend.guarantees(&engine.info, &runtime);
            let closed = statements
                .iter()
                .find(|it| it.guarantee == Guarantee::HostClosed)
                .unwrap();
            assert!(closed.given, "shown just now");
        }
    });
}

/// A chain of two hops, as a launch makes it.
#[test]
fn only_the_first_hop_is_reached_and_no_hop_passes_anything_on() {
    test(async |engine| {
        let serve = "use Socket; socket(my $s, AF_INET, SOCK_STREAM, 0); \
                     setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1); \
                     bind($s, sockaddr_in(8080, INADDR_ANY)); listen($s, 9); \
                     while (accept(my $c, $s)) { print $c \"hop\"; close $c }";
        for runtime in engine.runtimes() {
            let role = |name: &str| format!("{name}-{runtime}");
            let link0 = engine.network(&role("link-0"), true).await;
            let link1 = engine.network(&role("link-1"), true).await;
            let egress = engine.network(&role("egress"), false).await;
            let mut hop0 = engine.plan(&role("hop-0"), "runc");
            let mut hop1 = engine.plan(&role("hop-1"), "runc");
            for hop in [&mut hop0, &mut hop1] {
                hop.command = vec!["perl".into(), "-e".into(), serve.into()];
            }
            hop1.dns = Dns::Engine;
            let agent = engine.plan(&role("agent"), &runtime);
            let names = [("mitmproxy".to_owned(), link0.address(2))];
            // All at once, as the launcher does.
            let (hop0, hop1, agent) = tokio::join!(
                async {
                    let networks = [link0.at(2), link1.at(3)];
                    let id = engine.create_on(&hop0, &networks, &[]).await;
                    engine.backend.start(&id).await.unwrap();
                    id
                },
                async {
                    let networks = [link1.at(2), egress.at(2)];
                    let id = engine.create_on(&hop1, &networks, &[]).await;
                    engine.backend.start(&id).await.unwrap();
                    id
                },
                async {
                    let id = engine.create_on(&agent, &[link0.at(3)], &names).await;
                    engine.backend.start(&id).await.unwrap();
                    id
                },
            );
            let reach = async |from: &ContainerId, to: &str, device: &str| {
                probe(&engine, from, &format!("tcp {to} 8080 {device}")).await
            };
            let address =
                |network: &crate::harness::Network, host| network.address(host).to_string();
            assert_eq!(
                reach(&agent, "mitmproxy", "").await,
                "ANSWER hop",
                "{runtime}"
            );
            assert_eq!(reach(&hop0, &address(&link1, 2), "").await, "ANSWER hop");
            for (to, what) in [
                (address(&link1, 2), "the second hop"),
                (address(&link1, 3), "the first hop's other side"),
                (address(&egress, 2), "the second hop's way out"),
                ("169.254.169.254".to_owned(), "cloud metadata"),
                ("192.0.2.1".to_owned(), "an address of the internet"),
            ] {
                for device in ["", "eth0"] {
                    let seen = reach(&agent, &to, device).await;
                    assert!(
                        !seen.contains("ANSWER"),
                        "{runtime}: {what} {device}: {seen}"
                    );
                }
            }
            // The second hop cannot be made to answer for the first one's other network either.
            let seen = reach(&hop1, &address(&link0, 2), "eth0").await;
            assert!(!seen.contains("ANSWER"), "{seen}");
        }
    });
}

/// One question for a name, by hand, to the resolver that the container was given.
const ASK: &str = r#"
use Socket; use IO::Select;
open(my $f, "<", "/etc/resolv.conf"); my ($server) = map { /^nameserver (\S+)/ } <$f>;
socket(my $s, AF_INET, SOCK_DGRAM, 0);
my $q = pack("n6", 7, 0x0100, 1, 0, 0, 0) . join("", map { chr(length) . $_ } split /\./, $ARGV[0]) . "\0" . pack("n2", 1, 1);
send($s, $q, 0, sockaddr_in(53, inet_aton($server))) or (print("$!\n"), exit 0);
IO::Select->new($s)->can_read(5) or (print("silence\n"), exit 0);
defined recv($s, my $a, 600, 0) or (print("$!\n"), exit 0);
my (undef, undef, undef, $answers) = unpack("n4", $a);
print "answers: $answers\n";
"#;

/// Answers every question about a name, if it may listen where the engine's machine asks:
/// engines before 25.0.5 put such questions on behalf of containers on internal networks
/// (CVE-2024-29018).
fn resolver_of_the_host() -> Option<std::sync::Arc<std::sync::Mutex<Vec<String>>>> {
    let config = std::fs::read_to_string("/etc/resolv.conf").ok()?;
    let server: Ipv4Addr = config
        .lines()
        .find_map(|line| line.strip_prefix("nameserver "))?
        .trim()
        .parse()
        .ok()?;
    let socket = UdpSocket::bind((server, 53)).ok()?;
    let asked = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = std::sync::Arc::clone(&asked);
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let question = &buffer[..length];
            let text = String::from_utf8_lossy(question).into_owned();
            seen.lock().unwrap().push(text);
            let mut answer = question.to_vec();
            answer[2..8].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 1]);
            answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]);
            let _ = socket.send_to(&answer, from);
        }
    });
    Some(asked)
}

#[test]
fn no_name_is_resolved_from_a_closed_container() {
    test(async |engine| {
        let asked = if engine.info.local {
            resolver_of_the_host()
        } else {
            None
        };
        let link = engine.network("link-0", true).await;
        let egress = engine.network("egress", false).await;
        for (n, runtime) in engine.runtimes().into_iter().enumerate() {
            let host = 3 + u8::try_from(n).unwrap();
            // On a network that leads out too: it is the resolver that is closed.
            for (role, network) in [("in", &link), ("out", &egress)] {
                let plan = engine.plan(&format!("{role}-{runtime}"), &runtime);
                let id = engine.create_on(&plan, &[network.at(host)], &[]).await;
                engine.backend.start(&id).await.unwrap();
                let seen = engine
                    .ok(&id, &format!("perl -e '{ASK}' closed{n}{role}.example"))
                    .await;
                assert!(!seen.contains("answers: 1"), "{runtime} {role}: {seen}");
                let (status, text) = engine.sh(&id, "getent ahosts closedlibc.example").await;
                assert!(!status.success(), "{runtime} {role}: {text}");
                let options = engine
                    .ok(&id, "grep -E '^(search|options)' /etc/resolv.conf || true")
                    .await;
                assert!(
                    !options.contains("search"),
                    "the host's search list: {options}"
                );
                assert!(options.contains("timeout:1"), "{options}");
            }
        }
        let Some(asked) = asked else {
            return eprintln!("not tried with a resolver of the host's: no right to its address");
        };
        let all = asked.lock().unwrap().join("|");
        assert!(!all.contains("closed"), "asked on the host: {all:?}");
        // The test can fail: the last hop is answered, by way of the same resolver.
        let mut open = engine.plan("open", "runc");
        open.dns = Dns::Engine;
        let id = engine.create_on(&open, &[egress.at(9)], &[]).await;
        engine.backend.start(&id).await.unwrap();
        let seen = engine
            .ok(&id, &format!("perl -e '{ASK}' open.example"))
            .await;
        assert_eq!(seen, "answers: 1");
    });
}
