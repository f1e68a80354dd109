//! Where an engine listens.

use std::{net::IpAddr, path::PathBuf};

/// Where an engine listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A socket of this machine.
    Unix(PathBuf),
    /// A port, here or elsewhere.
    Tcp {
        /// Name or address of the machine.
        host: String,
        /// The port.
        port: u16,
    },
}

impl Address {
    /// What follows `tcp://`: `host:port` or `[v6]:port`. Nothing else may follow: it would be
    /// silently lost.
    pub fn parse_tcp(rest: &str, default_port: u16) -> Option<Self> {
        let rest = rest.trim_end_matches('/');
        let (host, port) = if let Some(v6) = rest.strip_prefix('[') {
            let (host, port) = v6.split_once(']')?;
            (host, port.strip_prefix(':'))
        } else if let Some((host, port)) = rest.split_once(':') {
            (host, Some(port))
        } else {
            (rest, None)
        };
        let port = match port {
            Some(port) => port.parse().ok()?,
            None => default_port,
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
        (!host.is_empty() && host.chars().all(plain)).then(|| Self::Tcp {
            host: host.to_owned(),
            port,
        })
    }

    /// Whether what is sent there may be read on the way, if it is not encrypted.
    pub fn crosses_a_network(&self) -> bool {
        match self {
            Self::Unix(_) => false,
            Self::Tcp { host, .. } => {
                host != "localhost" && !host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hosts_and_ports_are_taken() {
        let tcp = |host: &str, port| {
            Some(Address::Tcp {
                host: host.into(),
                port,
            })
        };
        assert_eq!(Address::parse_tcp("a:1", 9), tcp("a", 1));
        assert_eq!(Address::parse_tcp("a/", 9), tcp("a", 9));
        assert_eq!(Address::parse_tcp("[::1]:2", 9), tcp("::1", 2));
        for bad in ["", ":1", "a:b", "a:1/x", "u@a:1", "a:1?x", "[::1"] {
            assert_eq!(Address::parse_tcp(bad, 9), None, "{bad}");
        }
    }

    #[test]
    fn loopback_stays_here() {
        for (host, crosses) in [
            ("localhost", false),
            ("127.0.0.9", false),
            ("::1", false),
            ("a", true),
        ] {
            let address = Address::Tcp {
                host: host.into(),
                port: 1,
            };
            assert_eq!(address.crosses_a_network(), crosses, "{host}");
        }
        assert!(!Address::Unix("/x".into()).crosses_a_network());
    }
}
