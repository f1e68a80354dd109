//! A connected, negotiated client.

use std::{collections::BTreeSet, future::Future, sync::Arc, time::Duration};

use bollard::{
    errors::Error as Bollard,
    models::{SystemInfo, SystemVersion},
};
use bottle_api::{BackendError, BackendErrorKind};
use bottle_backend_common::{Attempt, Refusal, Transport, has_own_kernel};
use tokio::{sync::OnceCell, time::timeout};

use crate::{
    config::DockerConfig,
    connect::{self, Endpoint},
    error::{Failed, trying},
    probe::own_kernels,
};

/// The oldest API with everything needed: Docker 20.10.
const OLDEST: Api = Api(1, 41);
/// The newest one this was tested against: Docker 28.5.
const NEWEST: Api = Api(1, 51);
/// A dead socket must not hold up a command for as long as a slow engine may.
const CONTACT_LIMIT: Duration = Duration::from_secs(20);

/// A version of the engine's API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Api(pub(crate) u32, pub(crate) u32);

impl Api {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        Some(Self(major.parse().ok()?, minor.parse().ok()?))
    }
    /// Networks without an address of the host, asked for as such: Docker 28.
    pub(crate) fn isolated_gateway(self) -> bool {
        self >= Self(1, 48)
    }
    /// A container is created on several networks at once: Docker 25.
    pub(crate) fn many_networks(self) -> bool {
        self >= Self(1, 44)
    }
    /// The size of an exec's terminal can be given before it starts: Docker 23.
    pub(crate) fn exec_size(self) -> bool {
        self >= Self(1, 42)
    }
}
impl std::fmt::Display for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// What the negotiation told.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) api: Api,
    pub(crate) version: String,
    /// Podman behind Docker's API, which keeps other promises.
    pub(crate) podman: bool,
    /// `docker-init` is installed.
    pub(crate) init: bool,
}

/// The engine, as this process talks to it.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) docker: bollard::Docker,
    pub(crate) transport: Arc<Transport>,
    pub(crate) endpoint: Endpoint,
    pub(crate) server: Server,
    pub(crate) limit: Duration,
    pub(crate) image_limit: Duration,
    /// Runtimes with a kernel of their own, once they were asked for.
    own_kernels: OnceCell<BTreeSet<String>>,
}

impl Client {
    /// Finds the engine, connects and agrees on a version.
    pub(crate) async fn connect(config: &DockerConfig) -> Result<Self, BackendError> {
        let endpoint = connect::resolve(config, &|name| std::env::var(name).ok())?;
        let shown = endpoint.shown.clone();
        let attempt = trying("contact the engine", &shown);
        let transport = Arc::new(connect::transport(&endpoint)?);
        let docker = connect::bollard(&transport).map_err(|error| attempt.failed(&error))?;
        let limit = CONTACT_LIMIT.min(config.limit());
        let version = within(limit, &attempt, docker.version()).await?;
        let server = negotiate(&version).map_err(|(kind, message)| {
            attempt
                .error(kind, &message)
                .with_hint("use a Docker engine of version 20.10 or later, and a current bottle")
        })?;
        transport.set_prefix(&format!("/v{}", server.api));
        Ok(Self {
            docker,
            transport,
            endpoint,
            server,
            limit: config.limit(),
            image_limit: config.image_limit(),
            own_kernels: OnceCell::new(),
        })
    }

    /// What the engine says about itself and its machine.
    pub(crate) async fn info(&self) -> Result<SystemInfo, BackendError> {
        let attempt = trying("ask the engine", &self.endpoint.shown);
        self.call(&attempt, self.docker.info()).await
    }

    /// Whether a runtime brings a kernel of its own, by the program it is.
    pub(crate) async fn has_own_kernel(&self, runtime: &str) -> Result<bool, BackendError> {
        if matches!(runtime, "runc" | "io.containerd.runc.v2") {
            return Ok(false);
        }
        let names = self
            .own_kernels
            .get_or_try_init(|| async { self.info().await.map(|info| own_kernels(&info)) })
            .await?;
        Ok(names.contains(runtime) || has_own_kernel(runtime, None))
    }

    /// Waits for an answer, but not for ever.
    pub(crate) async fn call<T>(
        &self,
        attempt: &Attempt<'_>,
        answer: impl Future<Output = Result<T, Bollard>>,
    ) -> Result<T, BackendError> {
        within(self.limit, attempt, answer).await
    }

    /// The same, for what goes past bollard.
    pub(crate) async fn raw<T>(
        &self,
        attempt: &Attempt<'_>,
        answer: impl Future<Output = Result<T, Refusal>>,
    ) -> Result<T, BackendError> {
        match timeout(self.limit, answer).await {
            Ok(answer) => answer.map_err(|refusal| attempt.refusal(&refusal)),
            Err(_) => Err(attempt.timeout(self.limit)),
        }
    }
}

pub(crate) async fn within<T>(
    limit: Duration,
    attempt: &Attempt<'_>,
    answer: impl Future<Output = Result<T, Bollard>>,
) -> Result<T, BackendError> {
    match timeout(limit, answer).await {
        Ok(answer) => answer.map_err(|error| attempt.failed(&error)),
        Err(_) => Err(attempt.timeout(limit)),
    }
}

/// The newest version both sides know.
fn negotiate(version: &SystemVersion) -> Result<Server, (BackendErrorKind, String)> {
    let parse = |text: &Option<String>| text.as_deref().and_then(Api::parse);
    let name = version.version.clone().unwrap_or_else(|| "?".to_owned());
    let Some(newest) = parse(&version.api_version) else {
        return Err((
            BackendErrorKind::EngineDown,
            "what answers there is no Docker engine".to_owned(),
        ));
    };
    let unsupported = |message| Err((BackendErrorKind::Unsupported, message));
    if newest < OLDEST {
        return unsupported(format!(
            "Docker {name} speaks API {newest} at most; {OLDEST} is needed"
        ));
    }
    if let Some(oldest) = parse(&version.min_api_version)
        && oldest > NEWEST
    {
        return unsupported(format!(
            "Docker {name} speaks API {oldest} at least; this bottle knows {NEWEST} at most"
        ));
    }
    if version.os.as_deref().is_some_and(|os| os != "linux") {
        return unsupported(format!(
            "the engine runs containers of `{}`; Linux ones are needed",
            version.os.as_deref().unwrap_or_default()
        ));
    }
    let component = |wanted: &str| {
        version
            .components
            .iter()
            .flatten()
            .find(|component| component.name == wanted)
    };
    Ok(Server {
        api: newest.min(NEWEST),
        version: name,
        podman: component("Podman Engine").is_some(),
        init: component("docker-init")
            .is_some_and(|init| !init.version.is_empty() && init.version != "N/A"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bollard::models::SystemVersionComponents;

    fn version(api: &str, min: &str) -> SystemVersion {
        SystemVersion {
            version: Some("X".into()),
            api_version: Some(api.into()),
            min_api_version: Some(min.into()),
            os: Some("linux".into()),
            components: Some(vec![SystemVersionComponents {
                name: "docker-init".into(),
                version: "0.19.0".into(),
                details: None,
            }]),
            ..Default::default()
        }
    }

    #[test]
    fn the_newest_common_version_is_spoken() {
        let api = |api, min| negotiate(&version(api, min)).map(|server| server.api);
        assert_eq!(api("1.41", "1.12").unwrap(), Api(1, 41));
        assert_eq!(api("1.47", "1.24").unwrap(), Api(1, 47));
        assert_eq!(api("1.99", "1.44").unwrap(), NEWEST);
        assert_eq!(
            api("1.40", "1.12").unwrap_err().0,
            BackendErrorKind::Unsupported
        );
        let newer = api("1.99", "1.60").unwrap_err();
        assert_eq!(newer.0, BackendErrorKind::Unsupported);
        assert!(newer.1.contains("1.60 at least"), "{}", newer.1);
        assert_eq!(
            api("nonsense", "1.12").unwrap_err().0,
            BackendErrorKind::EngineDown
        );
    }

    #[test]
    fn init_podman_and_windows_are_noticed() {
        let mut seen = version("1.41", "1.12");
        assert!(negotiate(&seen).unwrap().init);
        assert!(!negotiate(&seen).unwrap().podman);
        if let Some(components) = &mut seen.components {
            components[0].version = "N/A".into();
            components.push(SystemVersionComponents {
                name: "Podman Engine".into(),
                version: "4.3.1".into(),
                details: None,
            });
        }
        let server = negotiate(&seen).unwrap();
        assert!(server.podman && !server.init);
        seen.os = Some("windows".into());
        assert!(negotiate(&seen).is_err());
    }

    #[test]
    fn versions_compare_by_number() {
        assert!(Api(1, 9) < Api(1, 41));
        assert!(!Api(1, 47).isolated_gateway() && Api(1, 48).isolated_gateway());
        assert!(!Api(1, 43).many_networks() && Api(1, 44).many_networks());
    }
}
