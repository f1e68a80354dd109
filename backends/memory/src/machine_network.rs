//! The network as a simulated program sees it.
//!
//! A container reaches what listens on a network it is on. From a network that is not internal it
//! reaches the machine this process runs on too, by real connections.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use bottle_api::Dns;
use tokio::{
    io::AsyncReadExt as _,
    net::{TcpStream, UdpSocket},
};

use crate::{Machine, world::World};

/// Longer than anything on this machine takes.
const LIMIT: Duration = Duration::from_secs(2);

enum Route {
    /// A container that says this.
    Says(String),
    /// A port of this machine.
    Host(SocketAddr),
    Nowhere,
}

impl Machine {
    /// Answers every connection and datagram on this port with this text, while the container
    /// runs.
    pub fn listen(&self, port: u16, text: &str) {
        self.look(|c| c.listening.insert(port, text.to_owned()));
    }

    /// What a TCP server answers at once; `None` when nobody does.
    pub async fn connect(&self, host: &str, port: u16) -> Option<String> {
        match self.route(self.address(host)?, port) {
            Route::Says(text) => Some(text),
            Route::Host(to) => tokio::time::timeout(LIMIT, async {
                let mut text = String::new();
                let mut stream = TcpStream::connect(to).await.ok()?;
                stream.read_to_string(&mut text).await.ok()?;
                Some(text)
            })
            .await
            .ok()?,
            Route::Nowhere => None,
        }
    }

    /// What a UDP server answers; `None` when nobody does.
    pub async fn ask(&self, host: &str, port: u16) -> Option<String> {
        match self.route(self.address(host)?, port) {
            Route::Says(text) => Some(text),
            Route::Host(to) => tokio::time::timeout(LIMIT, async {
                let socket = UdpSocket::bind("0.0.0.0:0").await.ok()?;
                socket.send_to(b"ask", to).await.ok()?;
                let mut buffer = [0; 512];
                let (length, _) = socket.recv_from(&mut buffer).await.ok()?;
                Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
            })
            .await
            .ok()?,
            Route::Nowhere => None,
        }
    }

    fn address(&self, host: &str) -> Option<IpAddr> {
        host.parse()
            .ok()
            .or_else(|| self.resolve(host).into_iter().next())
    }

    /// The addresses of a name: of `/etc/hosts`, then of the engine's resolver where it may be
    /// asked.
    pub fn resolve(&self, name: &str) -> Vec<IpAddr> {
        let known = self.engine.config.names.get(name).copied();
        self.look(|container| {
            let lines = container.hosts.iter().filter(|(n, _)| n == name);
            let found: Vec<IpAddr> = lines.map(|(_, address)| *address).collect();
            if found.is_empty() && container.dns == Dns::Engine {
                return known.into_iter().collect();
            }
            found
        })
        .unwrap_or_default()
    }

    /// Names of its network devices but the loopback.
    pub fn devices(&self) -> Vec<String> {
        let count = self.look(|c| c.networks.len()).unwrap_or_default();
        (0..count).map(|n| format!("eth{n}")).collect()
    }

    /// Its own addresses.
    pub fn addresses(&self) -> Vec<IpAddr> {
        let networks = self.look(|c| c.networks.clone()).unwrap_or_default();
        networks.into_iter().map(|(_, address)| address).collect()
    }

    fn route(&self, to: IpAddr, port: u16) -> Route {
        let routed = self.engine.config.routed_networks;
        let gateways = self.engine.config.gateway_on_internal;
        self.engine.act(|world| {
            let Some(from) = world.containers.get(&self.id) else {
                return Route::Nowhere;
            };
            let on = |id: &str| from.networks.iter().any(|(mine, _)| mine == id);
            let target = world.containers.values().find_map(|c| {
                let network = c.networks.iter().find(|(_, address)| *address == to)?;
                Some((c, network.0.as_str()))
            });
            if let Some((container, network)) = target {
                let says = container.listening.get(&port);
                return match says {
                    Some(text) if routed || on(network) => Route::Says(text.clone()),
                    _ => Route::Nowhere,
                };
            }
            let mine: Vec<_> = world
                .networks
                .iter()
                .filter(|(id, _)| on(id))
                .map(|(_, network)| network)
                .collect();
            let out = mine.iter().any(|network| !network.internal);
            let beside = mine
                .iter()
                .any(|network| network.subnet.contains(&to) && (gateways || !network.internal));
            if is_gateway(world, to) {
                return if out || beside {
                    Route::Host((Ipv4Addr::LOCALHOST, port).into())
                } else {
                    Route::Nowhere
                };
            }
            if out {
                Route::Host((to, port).into())
            } else {
                Route::Nowhere
            }
        })
    }
}

/// The engine's own address on some network.
fn is_gateway(world: &World, address: IpAddr) -> bool {
    let first = |network: &crate::world::Network| network.subnet.hosts().next();
    world.networks.values().any(|n| first(n) == Some(address))
}
