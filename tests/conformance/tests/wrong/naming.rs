//! Faults in names, subnets and what cannot be had.

use bottle_api::{
    Backend, BackendError, BackendErrorKind, ContainerId, ContainerRequest, ImageId, ImageSource,
    NetworkId, NetworkRequest, OpContext, OwnedSelector, PullPolicy, async_trait,
};
use bottle_conformance::Layer;

use crate::{Wrong, ownership::create_as, wrong};

#[derive(Debug)]
struct Overwrites;
#[async_trait]
impl Layer for Overwrites {
    async fn create_container(
        &self,
        next: &dyn Backend,
        request: &ContainerRequest<'_>,
        cx: &OpContext,
    ) -> Result<ContainerId, BackendError> {
        for resource in next.list_owned(&OwnedSelector::default()).await? {
            if resource.name == request.name {
                next.remove(&resource).await?;
            }
        }
        next.create_container(request, cx).await
    }
}

/// A policy of its own: the launcher chooses names.
#[derive(Debug)]
struct CountsUp;
#[async_trait]
impl Layer for CountsUp {
    async fn create_container(
        &self,
        next: &dyn Backend,
        request: &ContainerRequest<'_>,
        cx: &OpContext,
    ) -> Result<ContainerId, BackendError> {
        match next.create_container(request, cx).await {
            Err(error) if error.kind() == BackendErrorKind::NameConflict => {
                let name = format!("{}-{}", request.name, rand::random::<u32>());
                let again = ContainerRequest::new(request.plan, &name, request.image);
                next.create_container(&again, cx).await
            }
            created => created,
        }
    }
}

#[derive(Debug)]
struct NamesAsItLikes;
#[async_trait]
impl Layer for NamesAsItLikes {
    async fn create_container(
        &self,
        next: &dyn Backend,
        request: &ContainerRequest<'_>,
        cx: &OpContext,
    ) -> Result<ContainerId, BackendError> {
        let changed = ContainerRequest::new(request.plan, &request.plan.name, request.image)
            .env(request.env)
            .networks(request.networks)
            .hosts(request.hosts);
        next.create_container(&changed, cx).await
    }
}

/// Leaves something behind when it refuses.
#[derive(Debug)]
struct HalfMade;
#[async_trait]
impl Layer for HalfMade {
    async fn create_container(
        &self,
        next: &dyn Backend,
        request: &ContainerRequest<'_>,
        cx: &OpContext,
    ) -> Result<ContainerId, BackendError> {
        match next.create_container(request, cx).await {
            Err(error) if error.kind() == BackendErrorKind::NameConflict => {
                let name = format!("{}-half", request.name);
                let half = ContainerRequest::new(request.plan, &name, request.image);
                next.create_container(&half, cx).await?;
                Err(error)
            }
            created => created,
        }
    }
}

/// Tries again in silence, on a subnet of its own choice.
#[derive(Debug)]
struct RetriesSilently;
#[async_trait]
impl Layer for RetriesSilently {
    async fn create_network(
        &self,
        next: &dyn Backend,
        request: &NetworkRequest<'_>,
        cx: &OpContext,
    ) -> Result<NetworkId, BackendError> {
        match next.create_network(request, cx).await {
            Err(error) if error.kind() == BackendErrorKind::AddressInUse => {
                let third = rand::random::<u8>();
                let subnet = format!("10.99.{third}.0/28").parse().map_err(|_| error)?;
                next.create_network(&NetworkRequest::new(request.plan, subnet), cx)
                    .await
            }
            created => created,
        }
    }
}

#[derive(Debug)]
struct AnyRuntime;
#[async_trait]
impl Layer for AnyRuntime {
    async fn create_container(
        &self,
        next: &dyn Backend,
        request: &ContainerRequest<'_>,
        cx: &OpContext,
    ) -> Result<ContainerId, BackendError> {
        create_as(next, request, cx, |plan| plan.runtime = Some("runc".into())).await
    }
}

#[derive(Debug)]
struct AnyImage;
#[async_trait]
impl Layer for AnyImage {
    async fn create_container(
        &self,
        next: &dyn Backend,
        request: &ContainerRequest<'_>,
        cx: &OpContext,
    ) -> Result<ContainerId, BackendError> {
        match next.create_container(request, cx).await {
            Err(error) if error.kind() == BackendErrorKind::ImageMissing => {
                let other = ImageSource::Pull {
                    reference: "something:latest".into(),
                    policy: PullPolicy::Missing,
                };
                let image: ImageId = next.ensure_image(&other, cx).await?;
                let again = ContainerRequest::new(request.plan, request.name, &image);
                next.create_container(&again, cx).await
            }
            created => created,
        }
    }
}

/// Every failure is "something went wrong".
#[derive(Debug)]
struct Vague;
#[async_trait]
impl Layer for Vague {
    async fn create_network(
        &self,
        next: &dyn Backend,
        request: &NetworkRequest<'_>,
        cx: &OpContext,
    ) -> Result<NetworkId, BackendError> {
        let created = next.create_network(request, cx).await;
        created.map_err(|error| match error.kind() {
            BackendErrorKind::NameConflict => {
                BackendError::new(BackendErrorKind::Other, "create network", "went wrong")
            }
            _ => error,
        })
    }
}

pub(crate) fn all() -> Vec<Wrong> {
    vec![
        wrong(
            "overwrites a taken name",
            || Overwrites,
            &[
                "naming::a taken container name is a NameConflict and nothing is created",
                "naming::a taken container name leaves its holder alone",
            ],
        ),
        wrong(
            "counts a taken name up by itself",
            || CountsUp,
            &["naming::a taken container name is a NameConflict and nothing is created"],
        ),
        wrong(
            "names containers as it likes",
            || NamesAsItLikes,
            &["naming::a container gets the name that was asked for"],
        ),
        wrong(
            "leaves something half made behind a refusal",
            || HalfMade,
            &["naming::a taken container name is a NameConflict and nothing is created"],
        ),
        wrong(
            "takes another subnet in silence",
            || RetriesSilently,
            &["naming::a taken subnet is AddressInUse and nothing is created"],
        ),
        wrong(
            "takes any runtime for an unknown one",
            || AnyRuntime,
            &["naming::an unknown runtime is RuntimeMissing and nothing is created"],
        ),
        wrong(
            "takes any image for a missing one",
            || AnyImage,
            &["naming::a missing image is ImageMissing and nothing is created"],
        ),
        wrong(
            "does not say that a name is taken",
            || Vague,
            &["naming::a taken network name is a NameConflict, or another network"],
        ),
    ]
}
