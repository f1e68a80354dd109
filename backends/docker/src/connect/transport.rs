//! HTTP/1.1 to the engine, one connection a request. bollard brings the requests and models; the
//! connection is ours, because the streams of a terminal need the raw bytes, because requests
//! must name the API version that was negotiated, and because one place then does TLS.

use std::{
    io,
    sync::{Arc, OnceLock},
};

use bottle_api::BackendError;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode, Uri,
    body::{Body, Incoming},
    client::conn::http1,
    header::{CONNECTION, CONTENT_TYPE, HOST, HeaderName, HeaderValue, UPGRADE},
};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
};
use tokio_rustls::TlsConnector;

use super::{
    endpoint::{Address, Endpoint},
    tls,
};

/// How much of an error's text is read.
const MAX_ERROR: usize = 64 * 1024;
/// Docker's name for an output stream in frames, told since API 1.42.
const MULTIPLEXED: &[u8] = b"application/vnd.docker.multiplexed-stream";

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// The way to the engine.
pub(crate) struct Transport {
    endpoint: Endpoint,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    /// `/v1.41`, once it is known.
    version: OnceLock<String>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// No connection.
    Connect(io::Error),
    /// A broken one.
    Http(hyper::Error),
    /// An error of the engine's.
    Status(StatusCode, String),
}

/// A connection that carries a program's streams.
pub(crate) struct Upgraded {
    pub(crate) io: TokioIo<hyper::upgrade::Upgraded>,
    /// The engine says that output comes in frames.
    pub(crate) framed: bool,
}

impl Transport {
    pub(crate) fn new(endpoint: Endpoint) -> Result<Self, BackendError> {
        let tls = match (&endpoint.address, &endpoint.tls) {
            (Address::Tcp { host, .. }, Some(files)) => {
                let name = ServerName::try_from(host.clone()).map_err(|_| {
                    BackendError::new(
                        bottle_api::BackendErrorKind::EngineDown,
                        "find the engine",
                        format!("`{host}` is no name a certificate can be checked for"),
                    )
                })?;
                Some((tls::connector(files)?, name))
            }
            _ => None,
        };
        Ok(Self {
            endpoint,
            tls,
            version: OnceLock::new(),
        })
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// From now on requests name this version: `1.41`.
    pub(crate) fn set_version(&self, version: &str) {
        // The first negotiation wins; a second one had the same partner.
        let _ = self.version.set(format!("/v{version}"));
    }

    async fn connect(&self) -> io::Result<Box<dyn Io>> {
        match &self.endpoint.address {
            Address::Unix(path) => Ok(Box::new(UnixStream::connect(path).await?)),
            Address::Tcp { host, port } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                Ok(match &self.tls {
                    Some((connector, name)) => {
                        Box::new(connector.connect(name.clone(), stream).await?)
                    }
                    None => Box::new(stream),
                })
            }
        }
    }

    /// Sends a request whose URI counts only for its path.
    pub(crate) async fn send<B>(
        &self,
        mut request: Request<B>,
    ) -> Result<Response<Incoming>, Refusal>
    where
        B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
    {
        let io = self.connect().await.map_err(Refusal::Connect)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(io))
            .await
            .map_err(Refusal::Http)?;
        // Ends with the response's body, or with the upgraded connection.
        tokio::spawn(connection.with_upgrades());
        if let Some(uri) = self.versioned(request.uri()) {
            *request.uri_mut() = uri;
        }
        request
            .headers_mut()
            .insert(HOST, HeaderValue::from_static("docker"));
        url_safe_credentials(&mut request);
        sender.send_request(request).await.map_err(Refusal::Http)
    }

    fn versioned(&self, uri: &Uri) -> Option<Uri> {
        let path = uri.path_and_query()?.as_str();
        match self.version.get() {
            Some(version) => format!("{version}{path}").parse().ok(),
            None => path.parse().ok(),
        }
    }

    /// A request without a body whose answer is read as it comes.
    pub(crate) async fn get(&self, path: &str) -> Result<Response<Incoming>, Refusal> {
        let request = request(Method::GET, path, Bytes::new());
        accepted(self.send(request).await?).await
    }

    /// A request that turns the connection into a program's streams.
    pub(crate) async fn upgrade(&self, path: &str, body: Bytes) -> Result<Upgraded, Refusal> {
        let mut request = request(Method::POST, path, body);
        request
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        request
            .headers_mut()
            .insert(UPGRADE, HeaderValue::from_static("tcp"));
        let response = accepted(self.send(request).await?).await?;
        let framed = says_framed(&response);
        let io = hyper::upgrade::on(response).await.map_err(Refusal::Http)?;
        Ok(Upgraded {
            io: TokioIo::new(io),
            framed,
        })
    }
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// Whether the engine says that output comes in frames. Engines before API 1.42 never do.
pub(crate) fn says_framed<B>(response: &Response<B>) -> bool {
    response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes() == MULTIPLEXED)
}

fn request(method: Method, path: &str, body: Bytes) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    // Paths are made here, of checked identifiers and encoded queries.
    *request.uri_mut() = path.parse().unwrap_or_default();
    request
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    request
}

async fn accepted(response: Response<Incoming>) -> Result<Response<Incoming>, Refusal> {
    let status = response.status();
    if status.is_success() || status == StatusCode::SWITCHING_PROTOCOLS {
        return Ok(response);
    }
    let body = Limited::new(response.into_body(), MAX_ERROR)
        .collect()
        .await;
    let bytes = body
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let message = serde_json::from_slice::<serde_json::Value>(&bytes)
        .ok()
        .and_then(|json| Some(json.get("message")?.as_str()?.to_owned()))
        .unwrap_or_else(|| String::from_utf8_lossy(&bytes).into_owned());
    Err(Refusal::Status(status, message))
}

/// bollard encodes registry credentials with `+` and `/`; the engine wants `-` and `_`, and
/// older ones silently go on without credentials when they find the others.
fn url_safe_credentials<B>(request: &mut Request<B>) {
    for name in ["x-registry-auth", "x-registry-config"] {
        let name = HeaderName::from_static(name);
        let Some(value) = request.headers().get(&name) else {
            continue;
        };
        let fixed: Vec<u8> = value
            .as_bytes()
            .iter()
            .map(|byte| match byte {
                b'+' => b'-',
                b'/' => b'_',
                other => *other,
            })
            .collect();
        if let Ok(mut value) = HeaderValue::from_bytes(&fixed) {
            value.set_sensitive(true);
            request.headers_mut().insert(name, value);
        }
    }
}

/// A bollard client over this transport.
pub(crate) fn bollard(
    transport: &Arc<Transport>,
) -> Result<bollard::Docker, bollard::errors::Error> {
    let transport = Arc::clone(transport);
    bollard::Docker::connect_with_custom_transport(
        move |request: bollard::BollardRequest| {
            let transport = Arc::clone(&transport);
            async move {
                transport
                    .send(request)
                    .await
                    .map_err(|refusal| match refusal {
                        Refusal::Connect(error) => error.into(),
                        Refusal::Http(error) => error.into(),
                        Refusal::Status(status, message) => {
                            bollard::errors::Error::DockerResponseServerError {
                                status_code: status.as_u16(),
                                message,
                            }
                        }
                    })
            }
        },
        Some("http://docker"),
        // Every call has its own limit here; bollard's would count the upload of a context.
        u64::from(u32::MAX),
        bollard::API_DEFAULT_VERSION,
    )
}
