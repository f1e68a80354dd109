//! Certificates as Java reads them.

use p12_keystore::{Certificate, KeyStore, KeyStoreEntry};
use rustls_pki_types::CertificateDer;

use super::TrustError;

/// What every Java tool assumes. A truststore holds no secret.
pub(super) const PASSWORD: &str = "changeit";

/// A PKCS#12 truststore. Certificates that the library cannot read are left out: one odd root
/// of the host must not cost the agent all others.
pub(super) fn truststore<'a>(
    certificates: impl Iterator<Item = &'a CertificateDer<'static>>,
) -> Result<Vec<u8>, TrustError> {
    let mut store = KeyStore::new();
    for (n, der) in certificates.enumerate() {
        match Certificate::from_der(der) {
            Ok(certificate) => store.add_entry(
                &format!("bottle-{n}"),
                KeyStoreEntry::Certificate(certificate),
            ),
            Err(error) => tracing::debug!(n, %error, "a root does not go into the truststore"),
        }
    }
    store
        .writer(PASSWORD)
        .write()
        .map_err(|error| TrustError::new("write the Java truststore", error))
}
