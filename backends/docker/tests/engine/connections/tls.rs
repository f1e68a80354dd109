//! TCP in front of the engine's socket, as it is or with certificates asked of both sides.

use std::{path::Path, sync::Arc};

use bottle_backend_docker::TlsFiles;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use tokio::net::{TcpListener, UnixStream};
use tokio_rustls::TlsAcceptor;

pub(crate) struct Authority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap().pem();
        Self {
            certificate,
            issuer: Issuer::new(params, key),
        }
    }

    fn leaf(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let leaf = params.signed_by(&key, &self.issuer).unwrap();
        (leaf.pem(), key.serialize_pem())
    }

    pub(crate) fn client_files(&self, folder: &Path) -> TlsFiles {
        let (cert, key) = self.leaf("client");
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let json = serde_json::json!({
            "ca": write("ca.pem", &self.certificate),
            "cert": write("cert.pem", &cert),
            "key": write("key.pem", &key),
        });
        serde_json::from_value(json).unwrap()
    }

    fn acceptor(&self) -> TlsAcceptor {
        let mut roots = RootCertStore::empty();
        let ca = CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap();
        roots.add(ca).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()
                .unwrap();
        let (cert, key) = self.leaf("127.0.0.1");
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(
                vec![CertificateDer::from_pem_slice(cert.as_bytes()).unwrap()],
                PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
            )
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// Listens on a port and passes everything on to the engine's socket.
pub(crate) async fn forward(authority: Option<&Authority>) -> u16 {
    let acceptor = authority.map(Authority::acceptor);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut far = UnixStream::connect(crate::lane::socket()).await.unwrap();
                match acceptor {
                    Some(acceptor) => {
                        if let Ok(mut near) = acceptor.accept(near).await {
                            let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                        }
                    }
                    None => {
                        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                    }
                }
            });
        }
    });
    port
}
