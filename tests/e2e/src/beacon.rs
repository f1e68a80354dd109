//! A service of the host that bottles must not reach: TCP and UDP on every address it has.

use std::{
    io::Write as _,
    net::{IpAddr, TcpListener, UdpSocket},
    process::Command,
};

/// A listener on every address of this machine; it answers everybody. Ends with the process.
#[derive(Debug)]
pub struct Beacon {
    /// Its port, the same for TCP and UDP.
    pub port: u16,
}

impl Beacon {
    /// Starts one.
    ///
    /// # Panics
    /// When no port is free.
    pub fn light() -> Self {
        let tcp = TcpListener::bind("[::]:0").expect("a port");
        let port = tcp.local_addr().expect("an address").port();
        let udp = UdpSocket::bind(("::", port)).expect("the same port");
        std::thread::spawn(move || {
            for mut stream in tcp.incoming().flatten() {
                let _ = stream.write_all(b"beacon\n");
            }
        });
        std::thread::spawn(move || {
            let mut buffer = [0; 512];
            while let Ok((_, from)) = udp.recv_from(&mut buffer) {
                let _ = udp.send_to(b"beacon\n", from);
            }
        });
        Self { port }
    }
}

/// Every address of this machine but those of the loopback.
pub fn host_addresses() -> Vec<IpAddr> {
    let output = Command::new("ip").args(["-o", "addr", "show"]).output();
    let text = String::from_utf8_lossy(&output.expect("the command `ip`").stdout).into_owned();
    let mut found: Vec<IpAddr> = text
        .lines()
        .filter_map(|line| {
            let mut words = line
                .split_whitespace()
                .skip_while(|word| !word.starts_with("inet"));
            words.next()?;
            words.next()?.split('/').next()?.parse().ok()
        })
        .filter(|address: &IpAddr| !address.is_loopback())
        .collect();
    found.sort();
    found.dedup();
    found
}
