//! Why an image cannot be pulled, and who one is at its registry.

use bottle_api::{BackendError, BackendErrorKind, Event, OpContext, PullPolicy};
use docker_credential::{CredentialRetrievalError as Failure, DockerCredential};

use crate::{Dialect, ImageReference, is_disk_full};

/// Under this name Docker's own registry is stored.
const DEFAULT_SERVER: &str = "https://index.docker.io/v1/";

/// Whatever keeps an image from being pulled means that it cannot be had, unless it is the
/// engine or its disk.
pub fn pull_failed(
    dialect: &Dialect,
    error: BackendError,
    reference: &ImageReference,
    policy: PullPolicy,
) -> BackendError {
    let text = error.to_string();
    let ours = match error.kind() {
        BackendErrorKind::EngineDown | BackendErrorKind::Timeout => true,
        // Newer engines pass a registry's refusal on under the same status as their own.
        BackendErrorKind::Denied => {
            text.contains("the engine's socket") || text.contains("denied by plugin")
        }
        _ => false,
    };
    if ours || is_disk_full(&text) {
        return error;
    }
    let registry = reference.registry();
    let lower = text.to_lowercase();
    let refused = ["unauthorized", "denied", "authentication required"]
        .iter()
        .any(|word| lower.contains(word));
    let hint = if refused {
        format!(
            "if it exists and is private: `{} login {registry}`",
            dialect.program
        )
    } else if lower.contains("not found") || lower.contains("manifest unknown") {
        format!("check its name and tag at `{registry}`")
    } else {
        format!("check that the engine reaches `{registry}`, or load the image by hand")
    };
    let kind = if policy == PullPolicy::Always {
        // It may well be here: this must not start a build in its place.
        BackendErrorKind::Other
    } else {
        BackendErrorKind::ImageMissing
    };
    let text = text
        .strip_prefix("pull image: ")
        .unwrap_or(&text)
        .to_owned();
    BackendError::new(kind, "pull image", text).with_hint(hint)
}

/// What to show a registry: the server's name as it is stored, and the credentials.
#[derive(Debug)]
pub struct Credentials {
    /// The registry.
    pub server: String,
    /// What to show it.
    pub credential: DockerCredential,
}

/// Looks credentials up by a server's name.
pub type LookUp = fn(&str) -> Result<DockerCredential, Failure>;

/// What to show the registry of this image, from the files and helpers that `look_up` knows;
/// `None` goes without.
pub async fn credentials_of(
    reference: &ImageReference,
    look_up: LookUp,
    cx: &OpContext,
) -> Option<Credentials> {
    let server = if reference.is_default_registry() {
        DEFAULT_SERVER.to_owned()
    } else {
        reference.registry().to_owned()
    };
    let looked_up = server.clone();
    // A helper is a program of its own, which may ask a key store.
    let found = tokio::task::spawn_blocking(move || find(&looked_up, look_up)).await;
    match found {
        Ok(Ok(found)) => found.map(|credential| Credentials { server, credential }),
        Ok(Err(failure)) => {
            cx.events.emit(Event::Warning {
                message: format!(
                    "no credentials for `{server}`: {}; going on without",
                    reason(&failure)
                ),
            });
            None
        }
        Err(_) => None,
    }
}

fn find(server: &str, look_up: LookUp) -> Result<Option<DockerCredential>, Failure> {
    let mut result = Ok(None);
    // Written by different versions of the programs.
    let bare = server
        .trim_start_matches("https://")
        .split('/')
        .next()
        .unwrap_or(server)
        .replace("index.docker.io", "docker.io");
    for name in [server, &format!("https://{server}"), &bare] {
        match look_up(name) {
            Ok(found) => return Ok(Some(found)),
            Err(
                Failure::NoCredentialConfigured
                | Failure::ConfigNotFound
                | Failure::ConfigReadError,
            ) => {}
            Err(failure) => result = Err(failure),
        }
    }
    match result {
        // How helpers say that they know nothing.
        Err(Failure::HelperFailure { stdout, .. }) if stdout.contains("credentials not found") => {
            Ok(None)
        }
        other => other,
    }
}

/// Without what a helper printed, which may be the credentials.
fn reason(failure: &Failure) -> String {
    match failure {
        Failure::HelperFailure { helper, .. } => {
            format!("credential helper `docker-credential-{helper}` failed")
        }
        Failure::HelperCommunicationError => {
            "the credential helper named in the config cannot be run".to_owned()
        }
        Failure::MalformedHelperResponse => {
            "the credential helper's answer is not understood".to_owned()
        }
        Failure::CredentialDecodingError | Failure::CredentialMismatchError => {
            "the entry in the config is malformed".to_owned()
        }
        _ => "the config cannot be read".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attempt, test_dialect::DIALECT};

    #[test]
    fn what_a_helper_printed_is_never_told() {
        let failure = Failure::HelperFailure {
            helper: "pass".into(),
            stdout: "hunter2".into(),
            stderr: "hunter2".into(),
        };
        let reason = reason(&failure);
        assert!(reason.contains("docker-credential-pass") && !reason.contains("hunter2"));
    }

    #[test]
    fn servers_are_known_by_several_names() {
        let look_up: LookUp = |name| match name {
            "docker.io" => Ok(DockerCredential::IdentityToken("t".into())),
            _ => Err(Failure::NoCredentialConfigured),
        };
        assert!(find(DEFAULT_SERVER, look_up).unwrap().is_some());
        assert!(find("ghcr.io", look_up).unwrap().is_none());
    }

    #[test]
    fn only_the_engine_itself_is_no_missing_image() {
        let reference = ImageReference::parse("ghcr.io/a/b:1").unwrap();
        let attempt = Attempt::new(&DIALECT, "pull image", "ghcr.io/a/b:1");
        let failed = |error, policy| pull_failed(&DIALECT, error, &reference, policy);
        let of = |text: &str, policy| failed(attempt.refused(500, text), policy);
        let cases = [
            (
                "manifest for a not found: manifest unknown",
                BackendErrorKind::ImageMissing,
            ),
            (
                "Get \"https://ghcr.io/v2/\": dial tcp: lookup ghcr.io: no such host",
                BackendErrorKind::ImageMissing,
            ),
            (
                "pull access denied for a, repository does not exist",
                BackendErrorKind::ImageMissing,
            ),
            (
                "write /var/lib/docker/x: no space left on device",
                BackendErrorKind::DiskFull,
            ),
        ];
        for (text, kind) in cases {
            assert_eq!(of(text, PullPolicy::Missing).kind(), kind, "{text}");
        }
        let private = of("unauthorized: authentication required", PullPolicy::Missing);
        assert!(private.hint().unwrap().contains("engine login ghcr.io"));
        assert_eq!(
            private.to_string().matches("pull image").count(),
            1,
            "{private}"
        );
        let refused = attempt.refused(401, "unauthorized");
        let refused = failed(refused, PullPolicy::Missing);
        assert_eq!(refused.kind(), BackendErrorKind::ImageMissing, "Docker 28");
        let always = of("manifest unknown", PullPolicy::Always);
        assert_eq!(always.kind(), BackendErrorKind::Other);
        let down = BackendError::new(BackendErrorKind::EngineDown, "pull image", "gone");
        assert_eq!(
            failed(down, PullPolicy::Missing).kind(),
            BackendErrorKind::EngineDown
        );
    }
}
