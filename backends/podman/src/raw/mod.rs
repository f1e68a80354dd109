//! The calls that podman-api gets wrong, with types of our own: it drops `no_new_privileges` and
//! the exit status of a wait, sends fixed addresses as lists of numbers, builds only from folders,
//! and its answers' types are those of Podman 4 alone. Nothing else belongs here.

mod answers;
mod requests;

pub(crate) use answers::*;
pub(crate) use requests::*;

use bottle_api::{BackendError, BackendErrorKind};
use bottle_backend_common::{Attempt, Refusal, Transport, accepted, request};
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::{Method, Response, body::Incoming};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Serialize, de::DeserializeOwned};

/// What every path begins with: spoken by Podman 4.3 and by all later ones.
pub(crate) const PREFIX: &str = "/v4.3.1/libpod";
/// No answer that is read whole is longer.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// A value in a query.
pub(crate) fn encoded(value: &str) -> String {
    utf8_percent_encode(value, NON_ALPHANUMERIC).to_string()
}

/// Sends a request and reads the answer as JSON.
pub(crate) async fn json<T: DeserializeOwned>(
    transport: &Transport,
    attempt: &Attempt<'_>,
    method: Method,
    path: &str,
    body: Option<&impl Serialize>,
) -> Result<T, BackendError> {
    let bytes = match body {
        Some(body) => serde_json::to_vec(body)
            // The error names a field, never its value.
            .map_err(|error| attempt.error(BackendErrorKind::Other, &error.to_string()))?,
        None => Vec::new(),
    };
    let request = request(method, path, bytes.into());
    let response = answer(transport.send(request).await)
        .await
        .map_err(|refusal| attempt.refusal(&refusal))?;
    let bytes = whole(attempt, response).await?;
    serde_json::from_slice(&bytes).map_err(|error| attempt.not_understood(&error.to_string()))
}

/// Reads an answer as JSON.
pub(crate) async fn get<T: DeserializeOwned>(
    transport: &Transport,
    attempt: &Attempt<'_>,
    path: &str,
) -> Result<T, BackendError> {
    json(transport, attempt, Method::GET, path, None::<&()>).await
}

async fn answer(sent: Result<Response<Incoming>, Refusal>) -> Result<Response<Incoming>, Refusal> {
    accepted(sent?).await
}

/// The bytes of an answer.
pub(crate) async fn whole(
    attempt: &Attempt<'_>,
    response: Response<Incoming>,
) -> Result<Bytes, BackendError> {
    let body = Limited::new(response.into_body(), MAX_ANSWER)
        .collect()
        .await;
    body.map(http_body_util::Collected::to_bytes)
        .map_err(|error| attempt.lost(&error))
}
