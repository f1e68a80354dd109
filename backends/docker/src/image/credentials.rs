//! Registry credentials of the docker config, and of the helpers it names.

use bollard::auth::DockerCredentials;
use bottle_api::OpContext;
use bottle_backend_common::{ImageReference, credentials_of};
use docker_credential::DockerCredential;

/// What to show the registry of this image; `None` goes without.
pub(super) async fn of(reference: &ImageReference, cx: &OpContext) -> Option<DockerCredentials> {
    let found = credentials_of(reference, docker_credential::get_credential, cx).await?;
    Some(credentials(found.credential, found.server))
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

#[cfg(test)]
mod tests {
    use super::*;

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
