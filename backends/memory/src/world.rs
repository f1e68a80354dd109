//! What the engine holds.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bottle_api::{
    BackendError, BackendErrorKind, ExitStatus, ImageSource, OwnedResource, OwnedSelector,
    Ownership, PullPolicy, ResourceKind, Role,
};
use ipnet::IpNet;

use crate::{
    container::Container,
    files::{FileView, Files},
    script::Script,
};

#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) containers: BTreeMap<String, Container>,
    pub(crate) networks: BTreeMap<String, Network>,
    /// Missing in every registry.
    pub(crate) missing_images: Vec<String>,
    /// Images that are here.
    pub(crate) images: BTreeSet<String>,
    /// Files of every image that was not built here.
    pub(crate) image_files: Vec<(String, FileView)>,
    /// Files of the images that were.
    pub(crate) built: BTreeMap<String, Files>,
    pub(crate) scripts: BTreeMap<Role, Script>,
    pub(crate) next: usize,
}

#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) name: String,
    pub(crate) subnet: IpNet,
    pub(crate) internal: bool,
    pub(crate) owner: Option<Ownership>,
}

pub(crate) fn error(
    kind: BackendErrorKind,
    operation: &'static str,
    message: impl Into<String>,
) -> BackendError {
    BackendError::new(kind, operation, message)
}

impl World {
    pub(crate) fn fresh_id(&mut self, prefix: &str) -> String {
        self.next += 1;
        format!("{prefix}{}", self.next)
    }

    pub(crate) fn container(
        &mut self,
        id: &str,
        operation: &'static str,
    ) -> Result<&mut Container, BackendError> {
        self.containers.get_mut(id).ok_or_else(|| {
            error(
                BackendErrorKind::NotFound,
                operation,
                format!("no container `{id}`"),
            )
        })
    }

    /// Takes or pulls an image.
    pub(crate) fn pull(
        &mut self,
        reference: &str,
        policy: PullPolicy,
    ) -> Result<String, BackendError> {
        let here = self.images.contains(reference);
        if !here
            && (policy == PullPolicy::Never || self.missing_images.iter().any(|m| m == reference))
        {
            return Err(error(
                BackendErrorKind::ImageMissing,
                "pull image",
                format!("`{reference}` is not here and no registry has it"),
            )
            .with_hint("check the name, or build it"));
        }
        self.images.insert(reference.to_owned());
        Ok(reference.to_owned())
    }

    /// An image whose programs nobody looks into.
    pub(crate) fn image(&mut self, source: &ImageSource) -> Result<String, BackendError> {
        let built = match source {
            ImageSource::Pull { reference, policy } => return self.pull(reference, *policy),
            ImageSource::Recipe(recipe) => &recipe.repository,
            ImageSource::Context(build) => &build.repository,
        };
        let built = format!("bottle/{built}:built");
        self.images.insert(built.clone());
        Ok(built)
    }

    /// The files of an image.
    pub(crate) fn files_of(&self, image: &str) -> Files {
        if let Some(files) = self.built.get(image) {
            return files.clone();
        }
        let mut files = Files::default();
        for (path, file) in &self.image_files {
            files.insert(path, file.clone());
        }
        files
    }

    pub(crate) fn add_network(&mut self, network: Network) -> Result<String, BackendError> {
        let (name, subnet) = (&network.name, network.subnet);
        let taken = |message: String, kind| Err(error(kind, "create network", message));
        if self.networks.values().any(|n| n.name == *name) {
            return taken(
                format!("the name `{name}` is taken"),
                BackendErrorKind::NameConflict,
            );
        }
        let overlaps = |n: &&Network| n.subnet.contains(&subnet) || subnet.contains(&n.subnet);
        if let Some(other) = self.networks.values().find(overlaps) {
            return taken(
                format!("`{subnet}` overlaps `{}`", other.subnet),
                BackendErrorKind::AddressInUse,
            );
        }
        let id = self.fresh_id("net-");
        self.networks.insert(id.clone(), network);
        Ok(id)
    }

    pub(crate) fn add_container(&mut self, mut new: Container) -> Result<String, BackendError> {
        let fail = |kind, message: String| Err(error(kind, "create container", message));
        if self.containers.values().any(|c| c.name == new.name) {
            let message = format!("the name `{}` is taken", new.name);
            return fail(BackendErrorKind::NameConflict, message);
        }
        for (network, address) in &new.networks {
            let Some(found) = self.networks.get(network) else {
                return fail(
                    BackendErrorKind::NotFound,
                    format!("no network `{network}`"),
                );
            };
            let used = self
                .containers
                .values()
                .any(|c| c.networks.contains(&(network.clone(), *address)));
            if used || !found.subnet.contains(address) {
                let message = format!("`{address}` is not free on `{}`", found.name);
                return fail(BackendErrorKind::AddressInUse, message);
            }
        }
        new.files = self.files_of(&new.image);
        let id = self.fresh_id("ctr-");
        self.containers.insert(id.clone(), new);
        Ok(id)
    }

    /// Starts a container; returns when and how it will end by itself.
    pub(crate) fn start(
        &mut self,
        id: &str,
    ) -> Result<Option<(Duration, ExitStatus)>, BackendError> {
        let scripts = self.scripts.clone();
        let container = self.container(id, "start")?;
        if container.started {
            return Ok(None);
        }
        container.started = true;
        let script = container
            .owner
            .as_ref()
            .and_then(|owner| scripts.get(&owner.role).cloned())
            .unwrap_or_default();
        for line in &script.lines {
            container.write_line(line);
        }
        Ok(script.status())
    }

    pub(crate) fn owned(&self, selector: &OwnedSelector) -> Vec<OwnedResource> {
        let mut found = Vec::new();
        for (id, container) in &self.containers {
            found.extend(resource(
                ResourceKind::Container,
                id,
                container.running(),
                &container.name,
                container.owner.as_ref(),
            ));
        }
        for (id, network) in &self.networks {
            found.extend(resource(
                ResourceKind::Network,
                id,
                false,
                &network.name,
                network.owner.as_ref(),
            ));
        }
        for (id, container) in &self.containers {
            for n in 0..container.volumes() {
                let id = format!("{id}-volume-{n}");
                found.extend(resource(
                    ResourceKind::Volume,
                    &id,
                    false,
                    &id,
                    container.owner.as_ref(),
                ));
            }
        }
        found.retain(|r| {
            let is = |want: Option<bool>| want.unwrap_or(true);
            is(selector.instance.as_ref().map(|i| *i == r.owner.instance))
                && is(selector.session.as_ref().map(|s| *s == r.owner.session))
                && is(selector.role.as_ref().map(|x| *x == r.owner.role))
        });
        found
    }

    pub(crate) fn remove(&mut self, resource: &OwnedResource) -> Result<bool, BackendError> {
        match resource.kind {
            ResourceKind::Container => Ok(self.containers.remove(&resource.id).is_some()),
            ResourceKind::Network => {
                let id = &resource.id;
                let attached = |c: &&Container| c.networks.iter().any(|(network, _)| network == id);
                if let Some(container) = self.containers.values().find(attached) {
                    return Err(error(
                        BackendErrorKind::Other,
                        "remove network",
                        format!("`{}` is still on `{}`", container.name, resource.name),
                    ));
                }
                Ok(self.networks.remove(id).is_some())
            }
            // Goes with its container.
            ResourceKind::Volume => Ok(false),
        }
    }
}

fn resource(
    kind: ResourceKind,
    id: &str,
    running: bool,
    name: &str,
    owner: Option<&Ownership>,
) -> Option<OwnedResource> {
    Some(OwnedResource {
        kind,
        id: id.to_owned(),
        name: name.to_owned(),
        owner: owner?.clone(),
        running,
    })
}
