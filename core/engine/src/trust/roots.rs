//! The public roots of the host.

use std::sync::Arc;

use pem::{EncodeConfig, LineEnding, Pem};
use rustls_pki_types::CertificateDer;

/// Certificates that the host trusts: what an agent needs for traffic that no hop decrypts.
#[derive(Clone, Debug)]
pub struct PublicRoots {
    certificates: Arc<[CertificateDer<'static>]>,
    pem: Arc<str>,
}

impl PublicRoots {
    /// The host's own store (`SSL_CERT_FILE` and `SSL_CERT_DIR` are honoured), or Mozilla's
    /// roots as compiled in when the host has none. Reads files: takes some milliseconds.
    pub fn of_host() -> Self {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::debug!(%error, "a root of the host cannot be read");
        }
        if found.certs.is_empty() {
            tracing::debug!("the host has no roots; using the compiled ones");
            return Self::new(webpki_root_certs::TLS_SERVER_ROOT_CERTS.to_vec());
        }
        Self::new(found.certs)
    }

    /// These certificates.
    pub fn new(certificates: Vec<CertificateDer<'static>>) -> Self {
        let pem: String = certificates.iter().map(|c| certificate_pem(c)).collect();
        Self {
            certificates: certificates.into(),
            pem: pem.into(),
        }
    }

    /// All of them, PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }
    /// All of them.
    pub(crate) fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certificates
    }
}

/// One certificate, PEM.
pub(super) fn certificate_pem(der: &[u8]) -> String {
    pem::encode_config(
        &Pem::new("CERTIFICATE", der),
        EncodeConfig::new().set_line_ending(LineEnding::LF),
    )
}
