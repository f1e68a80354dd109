//! Faults in networks, and guarantees that are not kept.

use std::net::IpAddr;

use bottle_api::{
    Backend, BackendError, BackendInfo, ContainerId, ContainerRequest, Dns, Guarantee, NetworkId,
    NetworkRequest, OpContext, Statement, async_trait,
};
use bottle_backend_memory::MemoryConfig;
use bottle_conformance::Layer;

use crate::{Wrong, config, containers::Changes, wrong, wrong_over};

#[derive(Debug)]
struct IgnoresInternal;
#[async_trait]
impl Layer for IgnoresInternal {
    async fn create_network(
        &self,
        next: &dyn Backend,
        request: &NetworkRequest<'_>,
        cx: &OpContext,
    ) -> Result<NetworkId, BackendError> {
        let mut plan = request.plan.clone();
        plan.internal = false;
        next.create_network(&NetworkRequest::new(&plan, request.subnet), cx)
            .await
    }
}

#[derive(Debug)]
struct AllInternal;
#[async_trait]
impl Layer for AllInternal {
    async fn create_network(
        &self,
        next: &dyn Backend,
        request: &NetworkRequest<'_>,
        cx: &OpContext,
    ) -> Result<NetworkId, BackendError> {
        let mut plan = request.plan.clone();
        plan.internal = true;
        next.create_network(&NetworkRequest::new(&plan, request.subnet), cx)
            .await
    }
}

#[derive(Debug)]
struct IgnoresHosts;
#[async_trait]
impl Layer for IgnoresHosts {
    async fn create_container(
        &self,
        next: &dyn Backend,
        request: &ContainerRequest<'_>,
        cx: &OpContext,
    ) -> Result<ContainerId, BackendError> {
        let changed = ContainerRequest::new(request.plan, request.name, request.image)
            .env(request.env)
            .networks(request.networks);
        next.create_container(&changed, cx).await
    }
}

/// Only the first network gets the address that was asked for, as with engines that take
/// addresses for one network only.
#[derive(Debug)]
struct AnyAddress;
#[async_trait]
impl Layer for AnyAddress {
    async fn create_container(
        &self,
        next: &dyn Backend,
        request: &ContainerRequest<'_>,
        cx: &OpContext,
    ) -> Result<ContainerId, BackendError> {
        let mut networks = request.networks.to_vec();
        for place in networks.iter_mut().skip(1) {
            if let IpAddr::V4(address) = place.address {
                place.address = IpAddr::V4((u32::from(address) ^ 1).into());
            }
        }
        let changed = ContainerRequest::new(request.plan, request.name, request.image)
            .env(request.env)
            .networks(&networks)
            .hosts(request.hosts);
        next.create_container(&changed, cx).await
    }
}

/// Says that it gives a guarantee, whatever the engine.
#[derive(Debug)]
struct Claims(Guarantee);
impl Layer for Claims {
    fn guarantees(&self, next: &dyn Backend, info: &BackendInfo, runtime: &str) -> Vec<Statement> {
        let mut all = next.guarantees(info, runtime);
        for statement in all.iter_mut().filter(|s| s.guarantee == self.0) {
            statement.given = true;
        }
        all
    }
}

pub(crate) fn all() -> Vec<Wrong> {
    let mut all = vec![
        wrong(
            "ignores that a network is internal",
            || IgnoresInternal,
            &[
                "network::an internal network has no route out",
                "guarantee::host_closed: no address of the host answers on an internal network",
            ],
        ),
        wrong(
            "makes every network internal",
            || AllInternal,
            &[
                "network::a network that is not internal leads out",
                "network::an internal network has no route out",
                "guarantee::host_closed: no address of the host answers on an internal network",
            ],
        ),
        wrong(
            "ignores the hosts file",
            || IgnoresHosts,
            &["network::names of the hosts file stand for their addresses"],
        ),
        wrong(
            "gives any address on the second network",
            || AnyAddress,
            &[
                "network::a container has its address on each of its networks",
                "guarantee::egress_only_by_chain: nothing but the first hop is reached",
            ],
        ),
        wrong(
            "resolves names",
            || Changes(|plan| plan.dns = Dns::Engine),
            &["guarantee::dns_closed: a closed container resolves no name"],
        ),
        wrong(
            "resolves no names at all",
            || Changes(|plan| plan.dns = Dns::Closed),
            &["guarantee::dns_closed: a closed container resolves no name"],
        ),
        wrong_over(
            "claims that the host is closed",
            MemoryConfig {
                gateway_on_internal: true,
                ..config()
            },
            || Claims(Guarantee::HostClosed),
            &["guarantee::host_closed: no address of the host answers on an internal network"],
        ),
        wrong_over(
            "claims that the chain is the only way out",
            MemoryConfig {
                routed_networks: true,
                ..config()
            },
            || Claims(Guarantee::EgressOnlyByChain),
            &["guarantee::egress_only_by_chain: nothing but the first hop is reached"],
        ),
        wrong(
            "claims a kernel of its own",
            || Claims(Guarantee::OwnKernel),
            &["guarantee::own_kernel: the kernel is not the host's"],
        ),
        wrong(
            "claims limits and sets none for memory",
            || Changes(|plan| plan.limits.memory = None),
            &["guarantee::limits: too much memory ends it and is told"],
        ),
        wrong(
            "claims limits and sets none for processes",
            || Changes(|plan| plan.limits.pids = None),
            &["guarantee::limits: processes are bounded"],
        ),
        wrong(
            "claims limits and sets none for open files",
            || Changes(|plan| plan.limits.nofile = None),
            &["guarantee::limits: open files are bounded"],
        ),
    ];
    // What a container in memory writes is the user's who runs the test.
    if root() {
        all.push(wrong(
            "claims to be rootless",
            || Claims(Guarantee::Rootless),
            &["guarantee::rootless: root inside is not root outside"],
        ));
    }
    all
}

fn root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}
