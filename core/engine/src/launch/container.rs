//! What all containers have in common: their place, their environment, their files.

use std::{net::IpAddr, sync::Arc};

use bottle_api::{
    Attachment, ContainerId, ContainerPlan, ContainerRequest, HostTarget, ImageId, Mount, Phase,
    ResolvedAttachment, Role, SecretString,
};
use bytes::Bytes;

use super::{
    LaunchError,
    attempt::Step,
    network::Network,
    run::{Material, Networks, Run},
};
use crate::{
    files::{OwnTree, Sources, VolumeRoot, pack},
    pool::address,
};

/// A container's place on the session's networks.
pub(super) struct Placed {
    networks: Vec<ResolvedAttachment>,
    hosts: Vec<(String, IpAddr)>,
}

/// Everything a container is created from.
pub(super) struct Ingredients {
    pub(super) image: ImageId,
    placed: Placed,
    env: Vec<(String, SecretString)>,
}

impl Ingredients {
    pub(super) fn request<'a>(
        &'a self,
        plan: &'a ContainerPlan,
        name: &'a str,
    ) -> ContainerRequest<'a> {
        ContainerRequest::new(plan, name, &self.image)
            .env(&self.env)
            .networks(&self.placed.networks)
            .hosts(&self.placed.hosts)
    }
}

impl Run<'_> {
    /// Waits for what a container is created from.
    pub(super) async fn ingredients(
        &self,
        plan: &ContainerPlan,
        networks: &Networks<'_>,
        material: &Material,
        image: ImageId,
    ) -> Step<Ingredients> {
        let placed = self.place(plan, networks).await?;
        let env = plan
            .env
            .iter()
            .map(|(name, value)| Ok((name.clone(), material.secrets.env(value)?)))
            .collect::<Result<_, crate::SecretError>>()
            .map_err(|error| self.attempt.fail(error.into()))?;
        Ok(Ingredients { image, placed, env })
    }

    async fn place(&self, plan: &ContainerPlan, networks: &Networks<'_>) -> Step<Placed> {
        let mut placed = Placed {
            networks: vec![],
            hosts: vec![],
        };
        for attachment in &plan.networks {
            let network = self.network_of(networks, &attachment.network).await?;
            placed.networks.push(ResolvedAttachment {
                address: address(network.subnet, attachment.host),
                internal: network.internal,
                network: network.id,
            });
        }
        for entry in &plan.hosts {
            let address = match &entry.target {
                HostTarget::Address(address) => *address,
                HostTarget::Peer(Attachment { network, host }) => {
                    address(self.network_of(networks, network).await?.subnet, *host)
                }
            };
            placed.hosts.push((entry.name.clone(), address));
        }
        Ok(placed)
    }

    async fn network_of(&self, networks: &Networks<'_>, role: &Role) -> Step<Network> {
        match networks.get(role) {
            Some(network) => network.clone().await,
            None => Err(self.attempt.fail(LaunchError::Panicked(format!(
                "the plan has no network `{role}`"
            )))),
        }
    }

    /// Packs a container's files; `None` when it has none.
    pub(super) async fn packed(
        &self,
        plan: &ContainerPlan,
        material: &Arc<Material>,
    ) -> Step<Option<Bytes>> {
        let volumes = volume_roots(plan);
        if plan.files.is_empty() && volumes.is_empty() {
            return Ok(None);
        }
        let (files, material) = (plan.files.clone(), Arc::clone(material));
        let mut trees: Vec<OwnTree> = volumes.iter().map(|v| OwnTree(v.path.clone())).collect();
        if plan.owner.role == Role::agent() {
            trees.push(OwnTree(self.parts.spec.user.home.clone()));
        }
        let packing = tokio::task::spawn_blocking(move || {
            let sources = Sources {
                secrets: &material.secrets,
                trust: &material.trust,
            };
            pack(&files, trees, &volumes, &sources)
        });
        match self.attempt.wait(packing).await? {
            Ok(packed) => packed.map(Some).map_err(|error| self.attempt.fail(error)),
            Err(error) => Err(self.attempt.fail(LaunchError::Panicked(error.to_string()))),
        }
    }

    /// Puts packed files into a created container.
    pub(super) async fn put(
        &self,
        phase: Phase,
        id: &ContainerId,
        archive: Option<Bytes>,
    ) -> Step<()> {
        match archive {
            None => Ok(()),
            Some(archive) => {
                let putting = self.launcher.backend.put_archive(id, archive);
                self.attempt.commit(phase, putting).await
            }
        }
    }
}

/// Volumes belong to the container's user, who could not write to them otherwise.
fn volume_roots(plan: &ContainerPlan) -> Vec<VolumeRoot> {
    let user = plan.user.as_deref().unwrap_or_default();
    let (uid, gid) = user.split_once(':').unwrap_or((user, user));
    let (Ok(uid), Ok(gid)) = (uid.parse(), gid.parse()) else {
        return vec![];
    };
    plan.mounts
        .iter()
        .filter_map(|mount| match mount {
            Mount::Volume { target } => Some(VolumeRoot {
                path: target.clone(),
                uid,
                gid,
            }),
            Mount::Bind { .. } | Mount::Tmpfs { .. } => None,
        })
        .collect()
}
