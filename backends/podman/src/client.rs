//! A connected client.

use std::{future::Future, sync::Arc, time::Duration};

use bottle_api::{BackendError, BackendErrorKind as Kind};
use bottle_backend_common::{Address, Attempt, Refusal, Transport, has_own_kernel};
use podman_api::Podman;
use tokio::{
    net::{UnixStream, unix::UCred},
    time::timeout,
};

use crate::{
    config::PodmanConfig,
    connect::{self, Endpoint, Found, Service},
    error::{Failed, trying},
    probe::EngineMachine,
    raw,
    runtimes::Runtimes,
};

/// The oldest service with everything needed.
const OLDEST: (u32, u32) = (4, 3);
/// A dead socket must not hold up a command for as long as a slow engine may.
const CONTACT_LIMIT: Duration = Duration::from_secs(20);

/// The engine, as this process talks to it.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) api: Podman,
    pub(crate) transport: Arc<Transport>,
    pub(crate) endpoint: Endpoint,
    pub(crate) info: raw::Info,
    /// The user that the service runs as, if it is on this machine.
    pub(crate) uid: Option<u32>,
    pub(crate) machine: EngineMachine,
    pub(crate) limit: Duration,
    pub(crate) image_limit: Duration,
    pub(crate) runtimes: Runtimes,
    /// Our own service, if nothing else answered.
    service: Option<Service>,
}

impl Client {
    /// Finds the engine, or starts one, and asks who it is.
    pub(crate) async fn connect(config: &PodmanConfig) -> Result<Self, BackendError> {
        let env = |name: &str| std::env::var(name).ok();
        let root = rustix::process::geteuid().is_root();
        let found = connect::resolve(config, &env, root)?;
        let (endpoint, service) = match found {
            Found::Usual(endpoint) if !stale(&endpoint).await => (endpoint, None),
            Found::Usual(endpoint) | Found::Nothing(endpoint) if config.start_service => {
                let limit = CONTACT_LIMIT.min(config.limit());
                let service = Service::start(&config.program, None, limit).await;
                let service = service.map_err(|error| nothing_there(&endpoint, error))?;
                (service.endpoint().clone(), Some(service))
            }
            Found::Named(endpoint) | Found::Usual(endpoint) | Found::Nothing(endpoint) => {
                (endpoint, None)
            }
        };
        let mut client = Self::at(config, endpoint).await?;
        client.service = service;
        client.runtimes = Runtimes::of(config, &client, &env)?;
        Ok(client)
    }

    /// A client of the service at this address.
    pub(crate) async fn at(
        config: &PodmanConfig,
        endpoint: Endpoint,
    ) -> Result<Self, BackendError> {
        let attempt = trying("contact the engine", &endpoint.shown);
        let transport = Arc::new(Transport::new(endpoint.address.clone(), None));
        transport.set_prefix(raw::PREFIX);
        let api = match &endpoint.address {
            Address::Unix(path) => Podman::unix(path),
            Address::Tcp { host, port } => {
                Podman::tcp(authority(host, *port)).map_err(|error| attempt.failed(&error))?
            }
        };
        let limit = CONTACT_LIMIT.min(config.limit());
        let peer = peer(&attempt, &endpoint, limit).await?;
        let info = within(limit, &attempt, async {
            let info = raw::get(&transport, &attempt, "/info").await;
            let info: raw::Info = match info {
                // Docker's answer to this path, and others'.
                Err(error) if matches!(error.kind(), Kind::NotFound | Kind::Other) => {
                    raw::Info::default()
                }
                other => other?,
            };
            match check(&info) {
                Ok(()) => Ok(info),
                Err((kind, message)) => Err(attempt
                    .error(kind, &message)
                    .with_hint("use Podman 4.3 or later")),
            }
        })
        .await?;
        Ok(Self {
            api,
            transport,
            machine: EngineMachine::of(peer.as_ref().and_then(UCred::pid)),
            info,
            uid: peer.map(|peer| peer.uid()),
            endpoint: endpoint.clone(),
            limit: config.limit(),
            image_limit: config.image_limit(),
            runtimes: Runtimes::default(),
            service: None,
        })
    }

    /// Whether it can still be asked: one's own service may have ended.
    pub(crate) fn is_usable(&self) -> bool {
        self.service.as_ref().is_none_or(Service::runs)
    }

    /// Whether it is one of our own.
    pub(crate) fn has_service(&self) -> bool {
        self.service.is_some()
    }

    /// Whether the service is this user's own on this machine, so that a program started here
    /// sees the same containers.
    pub(crate) fn is_own(&self) -> bool {
        self.uid == Some(rustix::process::geteuid().as_raw())
    }

    /// The runtime that a container gets without a word.
    pub(crate) fn default_runtime(&self) -> &str {
        &self.info.host.oci_runtime.name
    }

    /// Whether a runtime brings a kernel of its own.
    pub(crate) fn has_own_kernel(&self, runtime: Option<&str>) -> bool {
        let default = &self.info.host.oci_runtime;
        match runtime {
            Some(name) if name != default.name => has_own_kernel(name, None),
            _ => {
                has_own_kernel(&default.name, Some(&default.path))
                    || has_own_kernel(&default.name, None)
            }
        }
    }

    /// Waits for an answer to podman-api, but not for ever.
    pub(crate) async fn call<T>(
        &self,
        attempt: &Attempt<'_>,
        answer: impl Future<Output = podman_api::Result<T>>,
    ) -> Result<T, BackendError> {
        let answer = async { answer.await.map_err(|error| attempt.failed(&error)) };
        within(self.limit, attempt, answer).await
    }

    /// The same, for what goes past podman-api.
    pub(crate) async fn raw<T>(
        &self,
        attempt: &Attempt<'_>,
        answer: impl Future<Output = Result<T, Refusal>>,
    ) -> Result<T, BackendError> {
        let answer = async { answer.await.map_err(|refusal| attempt.refusal(&refusal)) };
        within(self.limit, attempt, answer).await
    }

    /// Reads an answer as JSON.
    pub(crate) async fn get<T: serde::de::DeserializeOwned>(
        &self,
        attempt: &Attempt<'_>,
        path: &str,
    ) -> Result<T, BackendError> {
        within(
            self.limit,
            attempt,
            raw::get(&self.transport, attempt, path),
        )
        .await
    }

    /// Posts one of our own types.
    pub(crate) async fn post<T: serde::de::DeserializeOwned>(
        &self,
        attempt: &Attempt<'_>,
        path: &str,
        body: &impl serde::Serialize,
    ) -> Result<T, BackendError> {
        let posted = raw::json(
            &self.transport,
            attempt,
            hyper::Method::POST,
            path,
            Some(body),
        );
        within(self.limit, attempt, posted).await
    }
}

/// Waits for an answer, but not for ever.
pub(crate) async fn within<T>(
    limit: Duration,
    attempt: &Attempt<'_>,
    answer: impl Future<Output = Result<T, BackendError>>,
) -> Result<T, BackendError> {
    match timeout(limit, answer).await {
        Ok(answer) => answer,
        Err(_) => Err(attempt.timeout(limit)),
    }
}

fn authority(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// Whether nobody listens on this socket any more.
async fn stale(endpoint: &Endpoint) -> bool {
    match &endpoint.address {
        Address::Unix(path) => UnixStream::connect(path)
            .await
            .is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused),
        Address::Tcp { .. } => false,
    }
}

/// Who listens on a socket.
async fn peer(
    attempt: &Attempt<'_>,
    endpoint: &Endpoint,
    limit: Duration,
) -> Result<Option<UCred>, BackendError> {
    let Address::Unix(path) = &endpoint.address else {
        return Ok(None);
    };
    let connecting = timeout(limit, UnixStream::connect(path));
    let stream = connecting
        .await
        .map_err(|_| attempt.timeout(limit))?
        .map_err(|error| attempt.io(&error))?;
    Ok(stream.peer_cred().ok())
}

/// Neither a socket nor a program: what was looked for comes first.
fn nothing_there(endpoint: &Endpoint, error: BackendError) -> BackendError {
    let missing = error.to_string().contains("No such file or directory");
    if !missing {
        return error;
    }
    trying("contact the engine", &endpoint.shown)
        .error(
            Kind::EngineDown,
            "nobody listens there, and there is no `podman` on this machine to start a service with",
        )
        .with_hint(
            "install Podman (https://podman.io/docs/installation), or point at a service with \
             `CONTAINER_HOST` or `[backend.podman] host`",
        )
}

/// Major and minor number.
pub(crate) fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split(['.', '-']);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn check(info: &raw::Info) -> Result<(), (Kind, String)> {
    let name = &info.version.version;
    let os = &info.host.os;
    match parse_version(name) {
        None => Err((
            Kind::EngineDown,
            "what answers there is no Podman service".to_owned(),
        )),
        Some(found) if found < OLDEST => Err((
            Kind::Unsupported,
            format!(
                "Podman {name} is too old; {}.{} is needed",
                OLDEST.0, OLDEST.1
            ),
        )),
        Some(_) if !os.is_empty() && os != "linux" => Err((
            Kind::Unsupported,
            format!("the engine runs containers of `{os}`; Linux ones are needed"),
        )),
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_services_new_enough_are_taken() {
        let of = |version: &str, os: &str| {
            let mut info = raw::Info::default();
            info.version.version = version.into();
            info.host.os = os.into();
            check(&info).map_err(|(kind, _)| kind)
        };
        assert_eq!(of("4.3.1", "linux"), Ok(()));
        assert_eq!(of("5.6.0-dev", "linux"), Ok(()));
        assert_eq!(of("4.2.0", "linux"), Err(Kind::Unsupported));
        assert_eq!(of("3.4.4", ""), Err(Kind::Unsupported));
        assert_eq!(of("5.0.0", "freebsd"), Err(Kind::Unsupported));
        assert_eq!(of("nonsense", ""), Err(Kind::EngineDown));
    }

    #[test]
    fn addresses_of_six_have_brackets() {
        assert_eq!(authority("::1", 1), "[::1]:1");
        assert_eq!(authority("a", 1), "a:1");
    }
}
