//! HTTP/1.1 to an engine, one connection a request. Clients bring the requests and models; the
//! connection is ours, because the streams of a terminal need the raw bytes, because requests
//! must name the API version that was agreed upon, and because one place then does TLS.

use std::{io, sync::OnceLock};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode, Uri,
    body::{Body, Incoming},
    client::conn::http1,
    header::{CONNECTION, CONTENT_TYPE, HOST, HeaderValue, UPGRADE},
};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
};
use tokio_rustls::TlsConnector;

use crate::Address;

/// How much of an error's text is read.
const MAX_ERROR: usize = 64 * 1024;
/// The engines' name for an output stream in frames, told since API 1.42.
const MULTIPLEXED: &[u8] = b"application/vnd.docker.multiplexed-stream";

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// The way to the engine.
pub struct Transport {
    address: Address,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    /// What paths begin with, once it is known: `/v1.41`.
    prefix: OnceLock<String>,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Refusal {
    /// No connection.
    Connect(io::Error),
    /// A broken one.
    Http(hyper::Error),
    /// An error of the engine's.
    Status(StatusCode, String),
}

/// A connection that carries a program's streams.
pub struct Upgraded {
    /// Bytes both ways.
    pub io: TokioIo<hyper::upgrade::Upgraded>,
    /// The engine says that output comes in frames.
    pub framed: bool,
}

impl Transport {
    /// A way to `address`, by TLS if a connector and the name to check are given.
    pub fn new(address: Address, tls: Option<(TlsConnector, ServerName<'static>)>) -> Self {
        Self {
            address,
            tls,
            prefix: OnceLock::new(),
        }
    }

    /// From now on the paths of requests begin with this: `/v1.41`.
    pub fn set_prefix(&self, prefix: &str) {
        // The first negotiation wins; a second one had the same partner.
        let _ = self.prefix.set(prefix.to_owned());
    }

    async fn connect(&self) -> io::Result<Box<dyn Io>> {
        match &self.address {
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
    pub async fn send<B>(&self, mut request: Request<B>) -> Result<Response<Incoming>, Refusal>
    where
        B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
    {
        let io = self.connect().await.map_err(Refusal::Connect)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(io))
            .await
            .map_err(Refusal::Http)?;
        // Ends with the response's body, or with the upgraded connection.
        tokio::spawn(connection.with_upgrades());
        if let Some(uri) = self.prefixed(request.uri()) {
            *request.uri_mut() = uri;
        }
        request
            .headers_mut()
            .insert(HOST, HeaderValue::from_static("engine"));
        sender.send_request(request).await.map_err(Refusal::Http)
    }

    fn prefixed(&self, uri: &Uri) -> Option<Uri> {
        let path = uri.path_and_query()?.as_str();
        match self.prefix.get() {
            Some(prefix) => format!("{prefix}{path}").parse().ok(),
            None => path.parse().ok(),
        }
    }

    /// A request without a body whose answer is read as it comes.
    pub async fn get(&self, path: &str) -> Result<Response<Incoming>, Refusal> {
        let request = request(Method::GET, path, Bytes::new());
        accepted(self.send(request).await?).await
    }

    /// A request that turns the connection into a program's streams.
    pub async fn upgrade(&self, path: &str, body: Bytes) -> Result<Upgraded, Refusal> {
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

impl std::fmt::Debug for Upgraded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upgraded")
            .field("framed", &self.framed)
            .finish_non_exhaustive()
    }
}
impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// Whether the engine says that output comes in frames. Engines before API 1.42 never do.
pub fn says_framed<B>(response: &Response<B>) -> bool {
    response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes() == MULTIPLEXED)
}

/// A request to this path of the engine.
pub fn request(method: Method, path: &str, body: Bytes) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    // Paths are made here, of checked identifiers and encoded queries.
    *request.uri_mut() = path.parse().unwrap_or_default();
    request
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    request
}

/// The answer, if it is no refusal.
pub async fn accepted(response: Response<Incoming>) -> Result<Response<Incoming>, Refusal> {
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
