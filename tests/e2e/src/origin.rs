//! A local TLS origin that remembers what it was asked.

use std::{
    collections::HashMap,
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, OnceLock},
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};
use hyper::{Request, Response, body::Incoming, header::HeaderValue, service::service_fn};
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tokio::sync::watch;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{self, pki_types::PrivateKeyDer},
};

use crate::{messages, registries};

/// Names the origin answers to. None of them exists outside.
pub const NAMES: &[&str] = &[
    "origin.test",
    "second.origin.test",
    "unlisted.test",
    "api.anthropic.com",
];

/// The type every response body has.
pub type Body = UnsyncBoxBody<Bytes, Infallible>;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Method.
    pub method: String,
    /// Host, from the authority or the `Host` header.
    pub host: String,
    /// Path and query.
    pub path: String,
    /// Header names (lower case) and values.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

impl Seen {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// The one origin of a test process.
#[derive(Debug)]
pub struct Origin {
    /// Where it listens, port 443.
    pub address: IpAddr,
    /// Its CA, PEM.
    pub ca_pem: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    gates: Arc<Mutex<HashMap<String, watch::Sender<bool>>>>,
}

impl Origin {
    /// The process-wide origin on `address`, started at the first call.
    pub fn shared(address: IpAddr) -> &'static Self {
        static ORIGIN: OnceLock<Origin> = OnceLock::new();
        ORIGIN.get_or_init(|| Self::start(address))
    }

    fn start(address: IpAddr) -> Self {
        let (ca_pem, acceptor) = certificates();
        let origin = Self {
            address,
            ca_pem,
            seen: Arc::default(),
            gates: Arc::default(),
        };
        let (seen, gates) = (origin.seen.clone(), origin.gates.clone());
        let (up, is_up) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::bind(SocketAddr::new(address, 443))
                    .await
                    .expect("port 443 of the bridge address must be free for the origin");
                up.send(()).expect("the test waits");
                while let Ok((stream, _)) = listener.accept().await {
                    let (acceptor, seen, gates) = (acceptor.clone(), seen.clone(), gates.clone());
                    tokio::spawn(async move {
                        let Ok(tls) = acceptor.accept(stream).await else {
                            return;
                        };
                        let service =
                            service_fn(move |request| answer(request, seen.clone(), gates.clone()));
                        let _ = hyper::server::conn::http1::Builder::new()
                            .serve_connection(TokioIo::new(tls), service)
                            .await;
                    });
                }
            });
        });
        is_up.recv().expect("the origin must come up");
        origin
    }

    /// Requests so far whose path starts with `prefix`. Tests use a prefix of their own.
    pub fn seen(&self, prefix: &str) -> Vec<Seen> {
        self.seen
            .lock()
            .expect("no panic while holding it")
            .iter()
            .filter(|request| request.path.starts_with(prefix))
            .cloned()
            .collect()
    }

    /// Requests so far that carry `needle` in some header.
    pub fn seen_with_header(&self, needle: &str) -> Vec<Seen> {
        self.seen
            .lock()
            .expect("no panic while holding it")
            .iter()
            .filter(|request| {
                request
                    .headers
                    .iter()
                    .any(|(_, value)| value.contains(needle))
            })
            .cloned()
            .collect()
    }

    /// Lets the stream that waits at gate `name` go on.
    pub fn open_gate(&self, name: &str) {
        gate(&self.gates, name).send_replace(true);
    }
}

/// The sender of a gate, made when first named.
pub(crate) fn gate(
    gates: &Mutex<HashMap<String, watch::Sender<bool>>>,
    name: &str,
) -> watch::Sender<bool> {
    gates
        .lock()
        .expect("no panic while holding it")
        .entry(name.to_owned())
        .or_insert_with(|| watch::channel(false).0)
        .clone()
}

fn certificates() -> (String, TlsAcceptor) {
    let ca_key = KeyPair::generate().expect("a key");
    let mut ca = CertificateParams::new(Vec::<String>::new()).expect("no names");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    ca.distinguished_name
        .push(DnType::CommonName, "Test Origin CA");
    let ca_certificate = ca.self_signed(&ca_key).expect("a certificate");
    let issuer = Issuer::new(ca, ca_key);
    let key = KeyPair::generate().expect("a key");
    let names: Vec<String> = NAMES.iter().map(|name| (*name).to_owned()).collect();
    let leaf = CertificateParams::new(names)
        .expect("good names")
        .signed_by(&key, &issuer)
        .expect("a certificate");
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .expect("protocol versions")
    .with_no_client_auth()
    .with_single_cert(
        vec![leaf.der().clone()],
        PrivateKeyDer::try_from(key.serialize_der()).expect("a key"),
    )
    .expect("a server config");
    (ca_certificate.pem(), TlsAcceptor::from(Arc::new(config)))
}

async fn answer(
    request: Request<Incoming>,
    seen: Arc<Mutex<Vec<Seen>>>,
    gates: Arc<Mutex<HashMap<String, watch::Sender<bool>>>>,
) -> Result<Response<Body>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes);
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let record = Seen {
        method: head.method.to_string(),
        host: head
            .uri
            .host()
            .map(str::to_owned)
            .or_else(|| head.headers.get("host").map(text))
            .unwrap_or_default(),
        path: head
            .uri
            .path_and_query()
            .map_or_else(String::new, ToString::to_string),
        headers: head
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect(),
        body: body.unwrap_or_default().to_vec(),
    };
    seen.lock()
        .expect("no panic while holding it")
        .push(record.clone());
    Ok(route(&record, &gates))
}

fn route(seen: &Seen, gates: &Mutex<HashMap<String, watch::Sender<bool>>>) -> Response<Body> {
    let path = seen.path.split('?').next().unwrap_or_default();
    if path.starts_with("/v1/messages") && !path.contains("count_tokens") {
        return messages::answer(seen, gates);
    }
    if let Some(name) = path.strip_prefix("/gate/") {
        gate(gates, name).send_replace(true);
        return reply(200, "text/plain", "open\n");
    }
    if let Some(name) = path.strip_prefix("/sse/") {
        let events = vec!["data: first\n\n".to_owned(), "data: last\n\n".to_owned()];
        return messages::stream(events, 1, gate(gates, name));
    }
    if let Some(answer) = registries::answer(path) {
        return answer;
    }
    if path.ends_with("/reflect") {
        let key = seen.header("x-api-key").unwrap_or_default();
        return reply(
            200,
            "application/json",
            &format!("{{\"you_sent\":\"{key}\"}}"),
        );
    }
    if path.ends_with("/redirect-out") {
        let mut response = reply(302, "text/plain", "");
        response.headers_mut().insert(
            "location",
            HeaderValue::from_static("https://unlisted.test/landed"),
        );
        return response;
    }
    let body = serde_json::json!({
        "ok": true, "method": seen.method, "host": seen.host, "path": seen.path,
    });
    reply(200, "application/json", &body.to_string())
}

/// A whole response.
pub(crate) fn reply(status: u16, content_type: &'static str, body: &str) -> Response<Body> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_owned())).boxed_unsync());
    *response.status_mut() = hyper::StatusCode::from_u16(status).expect("a status");
    response
        .headers_mut()
        .insert("content-type", HeaderValue::from_static(content_type));
    response
}
