//! A container's log, line by line.

use bottle_api::{BackendError, BoxStream, ContainerId, LogRequest};
use bottle_backend_common::{checked, lines, output};
use futures_util::TryStreamExt;
use http_body_util::BodyStream;

use crate::{client::Client, error::trying};

pub(crate) async fn logs(
    client: &Client,
    id: &ContainerId,
    request: LogRequest,
) -> Result<BoxStream<String>, BackendError> {
    let attempt = trying("read log of container", checked(id.as_str())?);
    let tail = request
        .tail
        .map_or_else(|| "all".to_owned(), |tail| tail.to_string());
    let path = format!(
        "/containers/{id}/logs?stdout=true&stderr=true&follow={}&tail={tail}",
        request.follow
    );
    let response = client.raw(&attempt, client.transport.get(&path)).await?;
    let pieces =
        BodyStream::new(response.into_body()).map_ok(|frame| frame.into_data().unwrap_or_default());
    // In frames, with a terminal too.
    Ok(lines(output(pieces, true, "read a log")))
}
