//! Registry credentials of the docker config, and of the helpers it names.

use bollard::auth::DockerCredentials;
use bottle_api::{Event, OpContext};
use bottle_backend_common::ImageReference;
use docker_credential::{CredentialRetrievalError as Failure, DockerCredential};

/// Under this name Docker's own registry is stored.
const DEFAULT_SERVER: &str = "https://index.docker.io/v1/";

/// What to show the registry of this image; `None` goes without.
pub(super) async fn of(reference: &ImageReference, cx: &OpContext) -> Option<DockerCredentials> {
    let server = if reference.is_default_registry() {
        DEFAULT_SERVER.to_owned()
    } else {
        reference.registry().to_owned()
    };
    let looked_up = server.clone();
    // A helper is a program of its own, which may ask a key store.
    let found = tokio::task::spawn_blocking(move || look_up(&looked_up)).await;
    match found {
        Ok(Ok(found)) => found.map(|found| credentials(found, server)),
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

fn look_up(server: &str) -> Result<Option<DockerCredential>, Failure> {
    let mut result = Ok(None);
    // Written by different versions of docker.
    for name in [server, &format!("https://{server}")] {
        match docker_credential::get_credential(name) {
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

fn credentials(found: DockerCredential, server: String) -> DockerCredentials {
    let mut credentials = DockerCredentials {
        serveraddress: Some(server),
        ..Default::default()
    };
    match found {
        DockerCredential::IdentityToken(token) => credentials.identitytoken = Some(token),
        DockerCredential::UsernamePassword(user, password) => {
            credentials.username = Some(user);
            credentials.password = Some(password);
        }
    }
    credentials
}

/// Without what a helper printed, which may be the credentials.
fn reason(failure: &Failure) -> String {
    match failure {
        Failure::HelperFailure { helper, .. } => {
            format!("credential helper `docker-credential-{helper}` failed")
        }
        Failure::HelperCommunicationError => {
            "the credential helper named in docker's config cannot be run".to_owned()
        }
        Failure::MalformedHelperResponse => {
            "the credential helper's answer is not understood".to_owned()
        }
        Failure::CredentialDecodingError | Failure::CredentialMismatchError => {
            "the entry in docker's config is malformed".to_owned()
        }
        _ => "docker's config cannot be read".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn tokens_and_passwords_take_their_places() {
        let token = credentials(DockerCredential::IdentityToken("t".into()), "s".into());
        assert_eq!(token.identitytoken.as_deref(), Some("t"));
        assert_eq!(token.password, None);
        let pair = credentials(
            DockerCredential::UsernamePassword("u".into(), "p".into()),
            "s".into(),
        );
        assert_eq!(
            (pair.username.as_deref(), pair.password.as_deref()),
            (Some("u"), Some("p"))
        );
        assert_eq!(pair.serveraddress.as_deref(), Some("s"));
    }
}
