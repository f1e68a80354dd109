//! Volumes of a container. The engine's anonymous ones take no labels, so these have names that
//! nobody else has, and go with their container all the same.

use bottle_api::{BackendError, BackendErrorKind, ContainerRequest, Mount, label};
use bottle_backend_common::{Attempt, checked, is_gone};
use podman_api::opts::{ContainerDeleteOpts, VolumeCreateOpts};

use crate::{client::Client, error::trying, execs, raw};

/// A volume, and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Volume {
    pub(super) name: String,
    pub(super) target: String,
}

/// Creates those of the plan and those that the image declares, labelled with their owner.
pub(super) async fn create(
    client: &Client,
    attempt: &Attempt<'_>,
    request: &ContainerRequest<'_>,
) -> Result<Vec<Volume>, BackendError> {
    let path = format!("/images/{}/json", checked_image(request.image.as_str())?);
    let image: raw::Image = client.get(attempt, &path).await.map_err(|error| {
        if is_gone(&error) {
            attempt.error(
                BackendErrorKind::ImageMissing,
                "the image is not on this engine",
            )
        } else {
            error
        }
    })?;
    let mut volumes = Vec::new();
    for target in targets(
        request,
        image.config.volumes.unwrap_or_default().into_keys(),
    ) {
        let name = format!("bottle-{:032x}", rand::random::<u128>());
        let options = VolumeCreateOpts::builder()
            .name(&name)
            .labels(request.plan.owner.labels())
            .build();
        let creating = client.api.volumes();
        let created = client.call(attempt, creating.create(&options)).await;
        volumes.push(Volume { name, target });
        if let Err(error) = created {
            remove(client, &volumes).await;
            return Err(error);
        }
    }
    Ok(volumes)
}

/// Where volumes go: the plan's, then the image's where the plan has nothing.
fn targets(request: &ContainerRequest<'_>, declared: impl Iterator<Item = String>) -> Vec<String> {
    let mounts = &request.plan.mounts;
    let target = |mount: &Mount| match mount {
        Mount::Bind { target, .. } | Mount::Volume { target } | Mount::Tmpfs { target, .. } => {
            target.trim_end_matches('/').to_owned()
        }
    };
    let taken: Vec<String> = mounts.iter().map(target).collect();
    let planned = mounts.iter().filter_map(|mount| match mount {
        Mount::Volume { target } => Some(target.clone()),
        Mount::Bind { .. } | Mount::Tmpfs { .. } => None,
    });
    planned
        .chain(declared.filter(|it| !taken.iter().any(|taken| taken == it.trim_end_matches('/'))))
        .collect()
}

/// Ids alone: what a request names was looked up before.
fn checked_image(id: &str) -> Result<&str, BackendError> {
    let hex = id.strip_prefix("sha256:").unwrap_or(id);
    checked(hex).map(|_| id)
}

/// Takes back what no container has got. What stays carries its owner's labels.
pub(super) async fn remove(client: &Client, volumes: &[Volume]) {
    for volume in volumes {
        let attempt = trying("remove volume", &volume.name);
        let _ = client
            .call(&attempt, client.api.volumes().get(&volume.name).delete())
            .await;
    }
}

/// Removes a container, its volumes, and what its execs left running.
pub(crate) async fn remove_with_volumes(
    client: &Client,
    attempt: &Attempt<'_>,
    id: &str,
) -> Result<(), BackendError> {
    let found: raw::Container = client
        .get(attempt, &format!("/containers/{id}/json"))
        .await?;
    let options = ContainerDeleteOpts::builder()
        .force(true)
        .volumes(true)
        .timeout(0)
        .build();
    let container = client.api.containers().get(id);
    let removed = client.call(attempt, container.delete(&options)).await;
    if removed.is_ok() || removed.as_ref().is_err_and(is_gone) {
        let volumes = found.mounts.into_iter().flatten();
        for volume in volumes.filter(|mount| mount.kind == "volume") {
            remove_ours(client, attempt, &volume.name).await?;
        }
        execs::end_watchers(client, &found.id).await;
    }
    removed
}

/// Only what carries our labels: a volume that somebody named is not the container's.
async fn remove_ours(
    client: &Client,
    attempt: &Attempt<'_>,
    name: &str,
) -> Result<(), BackendError> {
    let path = format!("/volumes/{}/json", checked(name)?);
    let removed = async {
        let found: raw::Volume = client.get(attempt, &path).await?;
        let labels = found.labels.unwrap_or_default();
        if !labels.contains_key(label::SESSION) {
            return Ok(());
        }
        client
            .call(attempt, client.api.volumes().get(name).delete())
            .await
    };
    match removed.await {
        Err(error) if is_gone(&error) => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bottle_api::{ContainerPlan, ImageId, ImagePlan, InstanceId, Ownership, Role, SessionId};

    #[test]
    fn an_images_volumes_come_where_the_plan_has_nothing() {
        let owner = Ownership {
            session: SessionId::new("s"),
            role: Role::agent(),
            instance: InstanceId::new("i"),
        };
        let mut plan = ContainerPlan::new(owner, "n".into(), ImagePlan::pull("i", "test"));
        plan.mounts = vec![
            Mount::Volume {
                target: "/a".into(),
            },
            Mount::Tmpfs {
                target: "/b/".into(),
                size: 1,
                mode: 0o700,
            },
        ];
        let image = ImageId::new("i");
        let request = ContainerRequest::new(&plan, "n", &image);
        let declared = ["/a/", "/b", "/c"].map(str::to_owned).into_iter();
        assert_eq!(targets(&request, declared), ["/a", "/c"]);
    }
}
