//! The outside, as far as a suite can be it: this machine, and the resolver it asks.

use std::{
    io::Write as _,
    net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket},
    sync::{Mutex, OnceLock, PoisonError},
};

use super::{Network, Room};
use crate::{Checked, Miss};

const TEXT: &str = "the-host";
/// What a step prints that reaches this machine.
pub(crate) const ANSWER: &str = "answer the-host";

/// Listens on every address of this machine, and says so to whoever asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outside {
    pub(crate) tcp: u16,
    pub(crate) udp: u16,
}

/// Listens from now on.
pub(crate) fn listen(room: &Room) -> Checked<Outside> {
    static LISTENING: Mutex<Option<Outside>> = Mutex::new(None);
    if !room.info().local {
        let why = "the engine is elsewhere: nothing of this machine is beside its containers";
        return Err(Miss::not_here(why));
    }
    let mut listening = LISTENING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(outside) = *listening {
        return Ok(outside);
    }
    let tcp = TcpListener::bind("0.0.0.0:0")?;
    let udp = UdpSocket::bind("0.0.0.0:0")?;
    let outside = Outside {
        tcp: tcp.local_addr()?.port(),
        udp: udp.local_addr()?.port(),
    };
    std::thread::spawn(move || {
        for stream in tcp.incoming().flatten() {
            // Whoever hung up does not mind.
            let _ = (&stream).write_all(TEXT.as_bytes());
        }
    });
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((_, from)) = udp.recv_from(&mut buffer) {
            let _ = udp.send_to(TEXT.as_bytes(), from);
        }
    });
    *listening = Some(outside);
    Ok(outside)
}

impl Outside {
    /// Addresses at which containers on `open` may reach this machine.
    #[expect(
        clippy::unused_self,
        reason = "only who listens has addresses to reach"
    )]
    pub(crate) fn addresses(self, open: &Network) -> Vec<IpAddr> {
        let mut all = vec![open.address(1)];
        all.extend(primary());
        all
    }
}

/// The address that this machine's own traffic leaves with. Nothing is sent.
fn primary() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback()).then_some(address)
}

/// A name that an open container resolves: the suite's, the environment's, or any, answered by
/// a resolver of ours where this machine's own would be.
pub(crate) fn open_name(room: &Room) -> Option<String> {
    let told = room.suite().open_name.clone();
    told.or_else(|| std::env::var("BOTTLE_CONFORMANCE_OPEN_NAME").ok())
        .or_else(|| resolver().then(|| "open.conformance.example".to_owned()))
}

/// Answers every question about a name with a documentation address, where the engine's machine
/// asks. Only where that address is this machine's and its port is free.
fn resolver() -> bool {
    static ANSWERS: OnceLock<bool> = OnceLock::new();
    *ANSWERS.get_or_init(|| {
        let config = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
        let server = config.lines().find_map(|line| {
            line.strip_prefix("nameserver ")?
                .trim()
                .parse::<Ipv4Addr>()
                .ok()
        });
        let Some(socket) = server.and_then(|server| UdpSocket::bind((server, 53)).ok()) else {
            return false;
        };
        std::thread::spawn(move || {
            let mut buffer = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                if length < 12 {
                    continue;
                }
                let mut answer = buffer[..length].to_vec();
                // One question, one answer: an A record of 192.0.2.1 for the name asked about.
                answer[2..8].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 1]);
                answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]);
                let _ = socket.send_to(&answer, from);
            }
        });
        true
    })
}
