//! A container's log, line by line.

use bottle_api::{BackendError, BoxStream, ContainerId, LogRequest};
use bottle_backend_common::{checked, lines, output};
use futures_util::{StreamExt, TryStreamExt, future::ready};
use http_body_util::BodyStream;

use crate::{client::Client, error::trying};

/// The engine counts the pieces of a line as lines, and drops the ends between them: the last
/// lines are counted here. The log is bounded, and so is this.
pub(crate) async fn logs(
    client: &Client,
    id: &ContainerId,
    request: LogRequest,
) -> Result<BoxStream<String>, BackendError> {
    let Some(tail) = request.tail else {
        return all(client, id, request.follow).await;
    };
    let mut count = 0;
    let mut before = all(client, id, false).await?;
    while before.try_next().await?.is_some() {
        count += 1;
    }
    let mut skip = count - tail.min(count);
    let from_there = all(client, id, request.follow).await?;
    Ok(Box::pin(from_there.filter(move |line| {
        let skipped = skip > 0 && line.is_ok();
        skip -= usize::from(skipped);
        ready(!skipped)
    })))
}

async fn all(
    client: &Client,
    id: &ContainerId,
    follow: bool,
) -> Result<BoxStream<String>, BackendError> {
    let attempt = trying("read log of container", checked(id.as_str())?);
    let path = format!("/containers/{id}/logs?stdout=true&stderr=true&follow={follow}&tail=all");
    let response = client.raw(&attempt, client.transport.get(&path)).await?;
    let pieces =
        BodyStream::new(response.into_body()).map_ok(|frame| frame.into_data().unwrap_or_default());
    // In frames, with a terminal too.
    Ok(lines(output(pieces, true, "read a log")))
}
