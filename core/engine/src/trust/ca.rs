//! The session's certificate authority.

use std::{error::Error as StdError, fmt, sync::OnceLock};

use bottle_api::{CaPart, ExposeSecret as _, SecretString, SessionId};
use p256::pkcs8::{DecodePrivateKey as _, LineEnding};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PublicKeyData as _,
};
use rustls_pki_types::CertificateDer;
use sha1::{Digest as _, Sha1};
use time::{Duration, OffsetDateTime};

use super::{PublicRoots, roots::certificate_pem, truststore::truststore};

/// A session's CA outlives no session; a year is more than any lives.
const VALID: Duration = Duration::days(365);
/// Clocks of containers and hosts may differ.
const BACKDATED: Duration = Duration::days(1);

/// Why certificates could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot {act}")]
pub struct TrustError {
    act: &'static str,
    source: Box<dyn StdError + Send + Sync>,
}
impl TrustError {
    pub(super) fn new(
        act: &'static str,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self {
            act,
            source: source.into(),
        }
    }
}

/// A certificate authority made for one session.
pub(crate) struct SessionCa {
    der: CertificateDer<'static>,
    certificate: String,
    pkcs8: SecretString,
}

impl SessionCa {
    /// Makes one: P-256, `CA:TRUE` and key usage critical.
    ///
    /// The subject key identifier is the SHA-1 of the public key's bits: some proxies
    /// write exactly that into the leafs they sign, and OpenSSL refuses a chain where they differ.
    pub(crate) fn make(session: &SessionId) -> Result<Self, TrustError> {
        let fail = |error: rcgen::Error| TrustError::new("make the session's CA", error);
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(fail)?;
        let now = OffsetDateTime::now_utc();
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, format!("bottle session {session}"));
        params
            .distinguished_name
            .push(DnType::OrganizationName, "bottle");
        params.not_before = now - BACKDATED;
        params.not_after = now + VALID;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.key_identifier_method =
            KeyIdMethod::PreSpecified(Sha1::digest(key.der_bytes()).to_vec());
        let certificate = params.self_signed(&key).map_err(fail)?;
        Ok(Self {
            certificate: certificate_pem(certificate.der()),
            der: certificate.der().clone(),
            pkcs8: SecretString::from(key.serialize_pem().replace("\r\n", "\n")),
        })
    }
    /// The key in the older of the two usual forms.
    fn sec1(&self) -> Result<Vec<u8>, TrustError> {
        let fail = |error| TrustError::new("convert the CA's key", error);
        let key = p256::SecretKey::from_pkcs8_pem(self.pkcs8.expose_secret())
            .map_err(|error| fail(error.to_string()))?;
        let pem = key
            .to_sec1_pem(LineEnding::LF)
            .map_err(|error| fail(error.to_string()))?;
        Ok(pem.as_bytes().to_vec())
    }
    /// The certificate, PEM.
    pub(crate) fn certificate(&self) -> &str {
        &self.certificate
    }
}
impl fmt::Debug for SessionCa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionCa")
    }
}

/// Everything that [`CaPart`] can name.
#[derive(Debug)]
pub(crate) struct TrustMaterial {
    /// `None` when no hop ends TLS.
    pub(crate) ca: Option<SessionCa>,
    /// Of the host.
    pub(crate) roots: PublicRoots,
    /// Made when first asked for: it takes a while and most files need none.
    java: OnceLock<Vec<u8>>,
}

impl TrustMaterial {
    pub(crate) fn new(ca: Option<SessionCa>, roots: PublicRoots) -> Self {
        Self {
            ca,
            roots,
            java: OnceLock::new(),
        }
    }

    /// The bytes of a part. Without a CA a bundle is just the public roots.
    pub(crate) fn part(&self, part: CaPart) -> Result<Vec<u8>, TrustError> {
        let ca = || {
            self.ca.as_ref().ok_or_else(|| {
                TrustError::new("give out the session's CA", "no hop of the chain ends TLS")
            })
        };
        let certificate = self.ca.as_ref().map_or("", SessionCa::certificate);
        Ok(match part {
            CaPart::Certificate => ca()?.certificate.clone().into_bytes(),
            CaPart::PublicRoots => self.roots.pem().as_bytes().to_vec(),
            CaPart::Bundle => [self.roots.pem(), certificate].concat().into_bytes(),
            CaPart::KeyAndCertificate => {
                let ca = ca()?;
                [ca.pkcs8.expose_secret(), &ca.certificate]
                    .concat()
                    .into_bytes()
            }
            CaPart::Sec1Key => ca()?.sec1()?,
            CaPart::Pkcs12Truststore => self.java()?,
        })
    }

    fn java(&self) -> Result<Vec<u8>, TrustError> {
        if let Some(made) = self.java.get() {
            return Ok(made.clone());
        }
        let mine = self.ca.as_ref().map(|ca| &ca.der);
        let made = truststore(self.roots.certificates().iter().chain(mine))?;
        Ok(self.java.get_or_init(|| made).clone())
    }
}

#[cfg(test)]
mod tests {
    use p12_keystore::{KeyStore, Pkcs12ImportPolicy};
    use p256::pkcs8::EncodePublicKey as _;
    use x509_parser::prelude::*;

    use super::*;

    fn material() -> TrustMaterial {
        let ca = SessionCa::make(&SessionId::new("abc")).unwrap();
        TrustMaterial::new(Some(ca), PublicRoots::of_host())
    }
    fn text(material: &TrustMaterial, part: CaPart) -> String {
        String::from_utf8(material.part(part).unwrap()).unwrap()
    }

    #[test]
    fn the_ca_is_what_openssl_and_proxies_take() {
        let material = material();
        let pem = text(&material, CaPart::Certificate);
        let (_, parsed) = parse_x509_pem(pem.as_bytes()).unwrap();
        let cert = parsed.parse_x509().unwrap();
        let constraints = cert.basic_constraints().unwrap().unwrap();
        assert!(constraints.critical && constraints.value.ca);
        let usage = cert.key_usage().unwrap().unwrap();
        assert!(usage.critical && usage.value.key_cert_sign() && usage.value.crl_sign());
        let key_bits = &cert.public_key().subject_public_key.data;
        let identifier = cert
            .extensions()
            .iter()
            .find_map(|e| match e.parsed_extension() {
                ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0),
                _ => None,
            })
            .unwrap();
        assert_eq!(identifier, Sha1::digest(key_bits).as_slice());
        assert!(cert.validity().is_valid());
        cert.verify_signature(None).unwrap();
    }

    #[test]
    fn both_key_formats_hold_the_certificates_key() {
        let material = material();
        let pair = text(&material, CaPart::KeyAndCertificate);
        assert!(
            pair.starts_with("-----BEGIN PRIVATE KEY-----\n"),
            "PKCS#8 first"
        );
        assert!(pair.contains("-----END PRIVATE KEY-----\n-----BEGIN CERTIFICATE-----\n"));
        let sec1 = text(&material, CaPart::Sec1Key);
        assert!(sec1.starts_with("-----BEGIN EC PRIVATE KEY-----\n"));
        let key = p256::SecretKey::from_sec1_pem(&sec1).unwrap();
        let pem = text(&material, CaPart::Certificate);
        let (_, parsed) = parse_x509_pem(pem.as_bytes()).unwrap();
        let cert = parsed.parse_x509().unwrap();
        assert_eq!(
            key.public_key().to_public_key_der().unwrap().as_bytes(),
            cert.public_key().raw
        );
    }

    #[test]
    fn the_bundle_and_the_truststore_hold_roots_and_ca() {
        let material = material();
        let roots = material.roots.certificates().len();
        assert!(roots > 50, "{roots} public roots");
        let bundle = text(&material, CaPart::Bundle);
        assert_eq!(
            bundle.matches("-----BEGIN CERTIFICATE-----").count(),
            roots + 1
        );
        let store = material.part(CaPart::Pkcs12Truststore).unwrap();
        let read = KeyStore::from_pkcs12(&store, "changeit", Pkcs12ImportPolicy::Strict).unwrap();
        assert_eq!(read.entries_len(), roots + 1);
        assert_eq!(store, material.part(CaPart::Pkcs12Truststore).unwrap());
    }

    /// Java itself reads the store. The end-to-end tests do so too, inside a bottle.
    #[test]
    fn javas_own_tool_lists_every_certificate_as_trusted() {
        let material = material();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("truststore.p12");
        std::fs::write(&path, material.part(CaPart::Pkcs12Truststore).unwrap()).unwrap();
        let listed = std::process::Command::new("keytool")
            .args([
                "-list",
                "-storetype",
                "PKCS12",
                "-storepass",
                "changeit",
                "-keystore",
            ])
            .arg(&path)
            .output();
        let Ok(listed) = listed else {
            eprintln!("skipped: no `keytool` here (it is part of any Java runtime)");
            return;
        };
        let text = String::from_utf8_lossy(&listed.stdout);
        assert!(listed.status.success(), "{text}");
        let want = material.roots.certificates().len() + 1;
        assert_eq!(text.matches("trustedCertEntry").count(), want);
    }

    #[test]
    fn without_a_ca_there_is_no_certificate_and_no_key() {
        let material = TrustMaterial::new(None, PublicRoots::new(vec![]));
        for part in [
            CaPart::Certificate,
            CaPart::KeyAndCertificate,
            CaPart::Sec1Key,
        ] {
            assert!(material.part(part).is_err(), "{part:?}");
        }
        assert!(material.part(CaPart::Bundle).unwrap().is_empty());
        assert!(!format!("{:?}", self::material()).contains("PRIVATE"));
    }
}
