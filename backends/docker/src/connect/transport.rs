//! bollard over our own connections.

use std::sync::Arc;

use bottle_api::{BackendError, BackendErrorKind};
use bottle_backend_common::{Address, Refusal, Transport};
use hyper::{
    Request,
    header::{HeaderName, HeaderValue},
};
use rustls::pki_types::ServerName;

use super::{endpoint::Endpoint, tls};

/// The way to this endpoint.
pub(crate) fn transport(endpoint: &Endpoint) -> Result<Transport, BackendError> {
    let tls = match (&endpoint.address, &endpoint.tls) {
        (Address::Tcp { host, .. }, Some(files)) => {
            let name = ServerName::try_from(host.clone()).map_err(|_| {
                BackendError::new(
                    BackendErrorKind::EngineDown,
                    "find the engine",
                    format!("`{host}` is no name a certificate can be checked for"),
                )
            })?;
            Some((tls::connector(files)?, name))
        }
        _ => None,
    };
    Ok(Transport::new(endpoint.address.clone(), tls))
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
                let mut request = request;
                url_safe_credentials(&mut request);
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
