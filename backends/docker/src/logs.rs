//! A container's log, line by line.

use bollard::query_parameters::InspectContainerOptions;
use bottle_api::{BackendError, BoxStream, ContainerId, LogRequest};
use bottle_backend_common::{checked, lines, output, says_framed};
use futures_util::TryStreamExt;
use http_body_util::BodyStream;

use crate::{client::Client, error::trying};

pub(crate) async fn logs(
    client: &Client,
    id: &ContainerId,
    request: LogRequest,
) -> Result<BoxStream<String>, BackendError> {
    let attempt = trying("read log of container", checked(id.as_str())?);
    let inspected = client
        .call(
            &attempt,
            client
                .docker
                .inspect_container(id.as_str(), None::<InspectContainerOptions>),
        )
        .await?;
    let tty = inspected.config.and_then(|config| config.tty) == Some(true);
    let tail = request
        .tail
        .map_or_else(|| "all".to_owned(), |tail| tail.to_string());
    let path = format!(
        "/containers/{id}/logs?stdout=1&stderr=1&follow={}&tail={tail}",
        u8::from(request.follow)
    );
    let response = client.raw(&attempt, client.transport.get(&path)).await?;
    let framed = says_framed(&response) || !tty;
    let pieces =
        BodyStream::new(response.into_body()).map_ok(|frame| frame.into_data().unwrap_or_default());
    Ok(lines(output(pieces, framed, "read a log")))
}
