//! What the engine holds.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use bottle_api::{
    BackendError, BackendErrorKind, ContainerState, ExitStatus, ImageSource, Mount, OwnedResource,
    OwnedSelector, Ownership, PullPolicy, ResourceKind, Role, SecretString,
};
use ipnet::IpNet;
use tokio::sync::broadcast;

use crate::{
    files::{FileView, Files},
    script::Script,
};

#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) containers: BTreeMap<String, Container>,
    pub(crate) networks: BTreeMap<String, Network>,
    /// Missing in every registry.
    pub(crate) missing_images: Vec<String>,
    /// Files of every image.
    pub(crate) image_files: Vec<(String, FileView)>,
    pub(crate) scripts: BTreeMap<Role, Script>,
    pub(crate) next: usize,
}

#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) name: String,
    pub(crate) subnet: IpNet,
    pub(crate) owner: Option<Ownership>,
}

#[derive(Debug)]
pub(crate) struct Container {
    pub(crate) name: String,
    /// `None` for somebody else's.
    pub(crate) owner: Option<Ownership>,
    pub(crate) image: String,
    pub(crate) env: Vec<(String, SecretString)>,
    pub(crate) hosts: Vec<(String, IpAddr)>,
    pub(crate) networks: Vec<(String, IpAddr)>,
    pub(crate) mounts: Vec<Mount>,
    pub(crate) read_only: bool,
    pub(crate) files: Files,
    pub(crate) started: bool,
    pub(crate) exit: Option<ExitStatus>,
    pub(crate) oom_killed: bool,
    pub(crate) log: Vec<String>,
    pub(crate) output: broadcast::Sender<String>,
    pub(crate) input: Vec<u8>,
}

impl Container {
    pub(crate) fn new(name: String, owner: Option<Ownership>) -> Self {
        Self {
            name,
            owner,
            image: String::new(),
            env: vec![],
            hosts: vec![],
            networks: vec![],
            mounts: vec![],
            read_only: false,
            files: Files::default(),
            started: false,
            exit: None,
            oom_killed: false,
            log: vec![],
            output: broadcast::Sender::new(1024),
            input: vec![],
        }
    }
    pub(crate) fn running(&self) -> bool {
        self.started && self.exit.is_none()
    }
    pub(crate) fn role(&self) -> String {
        self.owner
            .as_ref()
            .map_or_else(|| "stranger".to_owned(), |o| o.role.to_string())
    }
    pub(crate) fn write(&mut self, line: String) {
        // Nobody listening is fine.
        let _ = self.output.send(line.clone());
        self.log.push(line);
    }
    pub(crate) fn end(&mut self, status: ExitStatus) {
        if self.running() {
            self.exit = Some(status);
            // Whoever is attached sees the end of the output.
            self.output = broadcast::Sender::new(1);
        }
    }
    pub(crate) fn state(&self) -> ContainerState {
        ContainerState {
            name: self.name.clone(),
            running: self.running(),
            exit: self.exit,
            oom_killed: self.oom_killed,
        }
    }
    /// Whether an archive may write there.
    pub(crate) fn may_write(read_only: bool, mounts: &[Mount], path: &str) -> bool {
        let in_volume = mounts.iter().any(|mount| match mount {
            Mount::Volume { target } => path == target || path.starts_with(&format!("{target}/")),
            Mount::Bind { .. } | Mount::Tmpfs { .. } => false,
        });
        !read_only || in_volume
    }
    fn volumes(&self) -> usize {
        let volume = |mount: &&Mount| matches!(mount, Mount::Volume { .. });
        self.mounts.iter().filter(volume).count()
    }
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

    pub(crate) fn image(&self, source: &ImageSource) -> Result<String, BackendError> {
        match source {
            ImageSource::Pull { reference, policy }
                if self.missing_images.contains(reference) || *policy == PullPolicy::Never =>
            {
                Err(error(
                    BackendErrorKind::ImageMissing,
                    "pull image",
                    format!("`{reference}` is not here and no registry has it"),
                ))
            }
            ImageSource::Pull { reference, .. } => Ok(reference.clone()),
            ImageSource::Recipe(recipe) => Ok(format!("bottle/{}:built", recipe.repository)),
            ImageSource::Context(build) => Ok(format!("bottle/{}:built", build.repository)),
        }
    }

    pub(crate) fn add_network(
        &mut self,
        name: String,
        subnet: IpNet,
        owner: Option<Ownership>,
    ) -> Result<String, BackendError> {
        let taken = |message: String, kind| Err(error(kind, "create network", message));
        if self.networks.values().any(|n| n.name == name) {
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
        let network = Network {
            name,
            subnet,
            owner,
        };
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
        for (path, file) in &self.image_files {
            new.files.insert(path, file.clone());
        }
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
            container.write(line.clone());
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
