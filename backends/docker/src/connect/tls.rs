//! TLS towards an engine on another machine: its authority is the one named, no other.

use std::{path::Path, sync::Arc};

use bottle_api::{BackendError, BackendErrorKind};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio_rustls::TlsConnector;

use crate::config::TlsFiles;

const OPERATION: &str = "read the engine's certificates";

/// Reads the files and makes a connector of them.
pub(super) fn connector(files: &TlsFiles) -> Result<TlsConnector, BackendError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&files.ca)? {
        roots
            .add(certificate)
            .map_err(|error| bad(&files.ca, &error.to_string()))?;
    }
    let builder =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| bad(&files.ca, &error.to_string()))?
            .with_root_certificates(roots);
    let config = match (&files.cert, &files.key) {
        (Some(cert), Some(key_path)) => {
            // A broken key is reported by its place, never by what it holds.
            let key = PrivateKeyDer::from_pem_file(key_path)
                .map_err(|_| bad(key_path, "it holds no readable private key"))?;
            builder
                .with_client_auth_cert(certificates(cert)?, key)
                .map_err(|error| bad(cert, &error.to_string()))?
        }
        _ => builder.with_no_client_auth(),
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, BackendError> {
    let read = |error: rustls::pki_types::pem::Error| bad(path, &error.to_string());
    let found: Vec<_> = CertificateDer::pem_file_iter(path)
        .map_err(read)?
        .collect::<Result<_, _>>()
        .map_err(read)?;
    if found.is_empty() {
        return Err(bad(path, "it holds no certificate"));
    }
    Ok(found)
}

fn bad(path: &Path, reason: &str) -> BackendError {
    BackendError::new(
        BackendErrorKind::EngineDown,
        OPERATION,
        format!("`{}`: {reason}", path.display()),
    )
    .with_hint("check `DOCKER_CERT_PATH`, or `[backend.docker.tls]`")
}
