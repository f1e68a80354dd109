//! A client of the proxy: one connection a request.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode, body::Incoming, client::conn::http1,
};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::cases::Error;

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

/// A request in the making.
#[derive(Debug)]
pub(crate) struct Ask {
    proxy: u16,
    method: Method,
    url: String,
    headers: Vec<(String, String)>,
    body: Bytes,
}

/// `GET url` through the proxy on a port of loopback.
pub(crate) fn get(proxy: u16, url: impl Into<String>) -> Ask {
    Ask {
        proxy,
        method: Method::GET,
        url: url.into(),
        headers: vec![],
        body: Bytes::new(),
    }
}

/// `POST url` with a body of this type.
pub(crate) fn post(proxy: u16, url: impl Into<String>, kind: &str, body: impl Into<String>) -> Ask {
    let mut ask = get(proxy, url).header("Content-Type", kind);
    ask.method = Method::POST;
    ask.body = Bytes::from(body.into());
    ask
}

impl Ask {
    /// With a header.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends it and reads the whole answer.
    pub(crate) async fn send(self) -> Result<Answer, Error> {
        let stream = TcpStream::connect(("127.0.0.1", self.proxy)).await?;
        self.send_over(stream).await
    }

    /// The same over a stream that is there already, such as a tunnel.
    pub(crate) async fn send_over<S>(self, stream: S) -> Result<Answer, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let response = self.stream_over(stream).await?;
        let (head, body) = response.into_parts();
        let bytes = body.collect().await?.to_bytes();
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            text: String::from_utf8_lossy(&bytes).into_owned(),
        })
    }

    /// Sends it and returns the answer unread.
    pub(crate) async fn stream(self) -> Result<Response<Incoming>, Error> {
        let stream = TcpStream::connect(("127.0.0.1", self.proxy)).await?;
        self.stream_over(stream).await
    }

    /// The same over a stream that is there already.
    pub(crate) async fn stream_over<S>(self, stream: S) -> Result<Response<Incoming>, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let mut request = Request::builder().method(self.method).uri(&self.url);
        let named = |(name, _): &(String, String)| name.eq_ignore_ascii_case("host");
        if !self.headers.iter().any(named) {
            let rest = self.url.split_once("://").map(|(_, rest)| rest);
            let authority = rest.and_then(|rest| rest.split('/').next());
            request = request.header("Host", authority.unwrap_or("proxy"));
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(self.body))?;
        Ok(sender.send_request(request).await?)
    }
}

/// Asks for a tunnel: the stream, or the refusal.
pub(crate) async fn connect(
    proxy: u16,
    authority: &str,
    headers: &[(&str, &str)],
) -> Result<Result<TokioIo<hyper::upgrade::Upgraded>, Answer>, Error> {
    let stream = TcpStream::connect(("127.0.0.1", proxy)).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection.with_upgrades());
    let mut request = Request::builder()
        .method(Method::CONNECT)
        .uri(authority)
        .header("Host", authority);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = sender
        .send_request(request.body(Full::new(Bytes::new()))?)
        .await?;
    if response.status() == StatusCode::OK {
        return Ok(Ok(TokioIo::new(hyper::upgrade::on(response).await?)));
    }
    let (head, body) = response.into_parts();
    let bytes = body.collect().await?.to_bytes();
    Ok(Err(Answer {
        status: head.status,
        headers: head.headers,
        text: String::from_utf8_lossy(&bytes).into_owned(),
    }))
}

/// TLS over a stream, trusting one CA.
pub(crate) async fn tls<S>(stream: S, name: &str, ca_pem: &str) -> std::io::Result<TlsStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).expect("a certificate"))
        .expect("a root");
    let mut config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let name = ServerName::try_from(name.to_owned()).expect("a server name");
    let handshake = TlsConnector::from(Arc::new(config)).connect(name, stream);
    tokio::time::timeout(Duration::from_secs(20), handshake)
        .await
        .map_err(|_| std::io::ErrorKind::TimedOut)?
}
