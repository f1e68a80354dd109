//! The private addresses that sessions are given, in small blocks.

use std::net::{IpAddr, Ipv4Addr};

use bottle_api::SessionId;
use ipnet::{IpNet, Ipv4Net};
use sha1::{Digest as _, Sha1};

/// Every network is a /28: the gateway, at most two of ours, room to spare.
const BLOCK: u8 = 28;

/// A range of private addresses, cut into blocks of 16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressPool {
    range: Ipv4Net,
}

/// Why a range cannot be a pool.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{range}` cannot be the address pool: {why}; use a private IPv4 range such as `10.213.0.0/16`"
)]
pub struct PoolError {
    range: IpNet,
    why: &'static str,
}

impl Default for AddressPool {
    fn default() -> Self {
        Self {
            range: Ipv4Net::new_assert(Ipv4Addr::new(10, 213, 0, 0), 16),
        }
    }
}

impl AddressPool {
    /// A pool over `range`.
    pub fn new(range: IpNet) -> Result<Self, PoolError> {
        let fail = |why| Err(PoolError { range, why });
        let IpNet::V4(v4) = range else {
            return fail("only IPv4 is supported");
        };
        if !v4.network().is_private() || !v4.broadcast().is_private() {
            return fail("it is not private");
        }
        if v4.prefix_len() > 24 {
            return fail("it is smaller than a /24");
        }
        Ok(Self { range: v4.trunc() })
    }

    /// The block that the `network`-th network of `session` tries at the `attempt`-th time.
    /// Spread by the session, so that sessions that start side by side rarely meet.
    pub(crate) fn block(self, session: &SessionId, network: usize, attempt: usize) -> IpNet {
        let digest = Sha1::digest(session.as_str());
        let number = |at: usize| u32::from_be_bytes([0, 1, 2, 3].map(|i| digest[at + i]));
        let count = 1_u32 << (BLOCK - self.range.prefix_len());
        // An odd stride meets every block of a power of two before it repeats one.
        let stride = number(4) | 1;
        let steps = u32::try_from(attempt).unwrap_or(0);
        let lane = u32::try_from(network).unwrap_or(0);
        let index = number(0)
            .wrapping_add(lane)
            .wrapping_add(steps.wrapping_mul(stride))
            % count;
        let base = u32::from(self.range.network()) + (index << (32 - u32::from(BLOCK)));
        IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::from(base), BLOCK))
    }
}

/// The address of `host` inside a block.
pub(crate) fn address(block: IpNet, host: u8) -> IpAddr {
    match block {
        IpNet::V4(net) => IpAddr::V4(Ipv4Addr::from(
            u32::from(net.network()).wrapping_add(u32::from(host)),
        )),
        IpNet::V6(net) => IpAddr::V6((u128::from(net.network()) + u128::from(host)).into()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn blocks_lie_in_the_pool_and_differ() {
        let pool = AddressPool::new("10.9.3.7/20".parse().unwrap()).unwrap();
        let session = SessionId::new("abc");
        let range: IpNet = "10.9.0.0/20".parse().unwrap();
        let first: Vec<_> = (0..3).map(|n| pool.block(&session, n, 0)).collect();
        assert_eq!(first.iter().collect::<BTreeSet<_>>().len(), 3);
        let tried: BTreeSet<_> = (0..256).map(|a| pool.block(&session, 0, a)).collect();
        assert_eq!(tried.len(), 256, "every block is met once");
        assert!(
            tried
                .iter()
                .all(|b| range.contains(b) && b.prefix_len() == 28)
        );
        assert_ne!(
            pool.block(&session, 0, 0),
            pool.block(&SessionId::new("abd"), 0, 0)
        );
        assert_eq!(
            address("10.9.0.16/28".parse().unwrap(), 3),
            "10.9.0.19".parse::<IpAddr>().unwrap()
        );
    }

    #[test]
    fn only_private_ipv4_ranges_are_pools() {
        for bad in ["8.8.0.0/16", "fd00::/64", "10.0.0.0/28", "10.0.0.0/7"] {
            assert!(AddressPool::new(bad.parse().unwrap()).is_err(), "{bad}");
        }
    }
}
