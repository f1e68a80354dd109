//! The image's own certificate store.

use bottle_api::{AgentFiles, PluginError, PutFile};
use futures_util::future::try_join_all;

use super::hash::subject_hash;

/// A file of roots some distribution has, and the folder from which that distribution's own
/// command (`update-ca-certificates`, `update-ca-trust`) makes it anew.
struct Store {
    bundle: &'static str,
    anchors: &'static str,
}

/// Debian's and Alpine's folder.
const DEBIAN: &str = "/usr/local/share/ca-certificates/bottle.crt";
/// Red Hat's folder.
const RED_HAT: &str = "/etc/pki/ca-trust/source/anchors/bottle.crt";
/// SUSE's folder.
const SUSE: &str = "/etc/pki/trust/anchors/bottle.crt";
/// Debian's bundle, which an image without any gets.
const DEFAULT: &str = "/etc/ssl/certs/ca-certificates.crt";

const STORES: &[Store] = &[
    Store {
        bundle: DEFAULT,
        anchors: DEBIAN,
    },
    Store {
        bundle: "/etc/ssl/cert.pem",
        anchors: DEBIAN,
    },
    Store {
        bundle: "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
        anchors: RED_HAT,
    },
    Store {
        bundle: "/etc/pki/tls/certs/ca-bundle.crt",
        anchors: RED_HAT,
    },
    Store {
        bundle: "/etc/pki/tls/cert.pem",
        anchors: RED_HAT,
    },
    Store {
        bundle: "/var/lib/ca-certificates/ca-bundle.pem",
        anchors: SUSE,
    },
    Store {
        bundle: "/etc/ssl/ca-bundle.pem",
        anchors: SUSE,
    },
];

/// Adds the certificate to every bundle the image has. An image without one gets Debian's, with
/// the public roots of the host.
///
/// A bundle that is a link to another becomes a file of its own: both then hold the certificate,
/// and nothing has to be known about links.
pub(super) async fn install(agent: &dyn AgentFiles, certificate: &str) -> Result<(), PluginError> {
    let read = STORES.iter().map(|store| agent.read(store.bundle));
    let found = try_join_all(read).await?;
    let mut files = Vec::new();
    let mut anchors: Vec<&str> = Vec::new();
    for (store, bundle) in STORES.iter().zip(found) {
        let Some(bundle) = bundle else { continue };
        anchors.push(store.anchors);
        if !contains(&bundle, certificate.trim().as_bytes()) {
            files.push(root_file(store.bundle, with(bundle, certificate)));
        }
    }
    if anchors.is_empty() {
        anchors.push(DEBIAN);
        let roots = agent.public_roots().as_bytes().to_vec();
        files.push(root_file(DEFAULT, with(roots, certificate)));
    }
    anchors.dedup();
    files.extend(
        anchors
            .iter()
            .map(|path| root_file(path, certificate.as_bytes().to_vec())),
    );
    // Programs on OpenSSL without a bundle look for the file by its hash.
    if let Some(hash) = subject_hash(certificate) {
        let path = format!("/etc/ssl/certs/{hash}.0");
        files.push(root_file(&path, certificate.as_bytes().to_vec()));
    }
    agent.put(files).await?;
    Ok(())
}

fn with(mut bundle: Vec<u8>, certificate: &str) -> Vec<u8> {
    if !bundle.is_empty() && !bundle.ends_with(b"\n") {
        bundle.push(b'\n');
    }
    bundle.extend(certificate.as_bytes());
    bundle
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

fn root_file(path: &str, bytes: Vec<u8>) -> PutFile {
    PutFile {
        path: path.to_owned(),
        mode: 0o644,
        uid: 0,
        gid: 0,
        bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{CA, FakeFiles, block_on};

    const HASHED: &str = "/etc/ssl/certs/408a9965.0";

    #[test]
    fn debian_and_alpine() {
        let files = FakeFiles::default()
            .with(DEFAULT, "roots without a last newline")
            .with("/etc/ssl/cert.pem", "roots\n");
        block_on(install(&files, CA)).unwrap();
        let wanted = ["/etc/ssl/cert.pem", HASHED, DEFAULT, DEBIAN];
        assert_eq!(files.paths(), wanted);
        assert_eq!(
            files.text(DEFAULT),
            format!("roots without a last newline\n{CA}")
        );
        assert_eq!(files.text("/etc/ssl/cert.pem"), format!("roots\n{CA}"));
        assert_eq!(files.text(HASHED), CA);
        assert!(
            files
                .written()
                .iter()
                .all(|file| (file.mode, file.uid) == (0o644, 0))
        );
    }

    #[test]
    fn red_hat() {
        let bundle = "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem";
        let files = FakeFiles::default()
            .with(bundle, "roots\n")
            .with("/etc/pki/tls/certs/ca-bundle.crt", "roots\n");
        block_on(install(&files, CA)).unwrap();
        assert_eq!(files.text(RED_HAT), CA);
        assert_eq!(files.text(bundle), format!("roots\n{CA}"));
        assert_eq!(
            files.text("/etc/pki/tls/certs/ca-bundle.crt"),
            format!("roots\n{CA}")
        );
        assert!(!files.paths().contains(&DEBIAN.to_owned()));
    }

    #[test]
    fn an_image_without_roots_gets_those_of_the_host() {
        let files = FakeFiles::default();
        block_on(install(&files, CA)).unwrap();
        let bundle = files.text(DEFAULT);
        assert!(bundle.starts_with(files.public_roots()) && bundle.ends_with(CA));
        assert_eq!(files.text(DEBIAN), CA);
    }

    #[test]
    fn a_bundle_that_has_it_is_left() {
        let files = FakeFiles::default().with(DEFAULT, &format!("roots\n{CA}"));
        block_on(install(&files, CA)).unwrap();
        assert!(!files.paths().contains(&DEFAULT.to_owned()));
    }
}
