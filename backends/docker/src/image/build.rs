//! Building with the engine's classic builder, which needs nothing but the engine.

use std::collections::{HashMap, VecDeque};

use bollard::{
    auth::DockerCredentials,
    body_try_stream,
    models::BuildInfo,
    query_parameters::{BuildImageOptions, BuildImageOptionsBuilder, TagImageOptionsBuilder},
};
use bottle_api::{BackendError, BackendErrorKind, Event, ImageId, OpContext};
use bottle_backend_common::{Archive, ImageReference, PackError, base_images, image_labels};
use futures_util::StreamExt;
use tokio::time::timeout;
use tokio_util::io::ReaderStream;

use super::{Input, credentials, find};
use crate::{
    client::Client,
    error::{Attempt, is_disk_full},
};

/// How much of a failing build is shown.
const LAST_LINES: usize = 20;
const CHUNK: usize = 256 * 1024;

/// The image built from this, built now if its content is new.
pub(super) async fn ensure_built(
    client: &Client,
    input: Input,
    cx: &OpContext,
) -> Result<ImageId, BackendError> {
    let tag = tag(input.clone()).await?;
    if let Some(id) = find(client, &tag).await? {
        return Ok(id);
    }
    let subject = input.subject();
    let attempt = Attempt::new(input.operation(), &subject);
    let archive = off_thread(&input, |input| input.borrow().archive()).await?;
    for path in &archive.left_out {
        cx.events.emit(Event::Warning {
            message: format!(
                "`{}` in `{subject}` is no file, folder or link and is left out",
                path.display()
            ),
        });
    }
    // What was packed may be newer than what was looked for.
    let tag = input.tag(&archive.digest)?;
    if let Some(id) = find(client, &tag).await? {
        return Ok(id);
    }
    build(client, &attempt, &input, archive, &tag, cx).await
}

/// The tag an image built from this has.
pub(super) async fn tag(input: Input) -> Result<String, BackendError> {
    let digest = off_thread(&input, |input| input.borrow().digest()).await?;
    input.tag(&digest)
}

/// Reading a folder may take a while.
async fn off_thread<T: Send + 'static>(
    input: &Input,
    read: impl FnOnce(&Input) -> Result<T, PackError> + Send + 'static,
) -> Result<T, BackendError> {
    let subject = input.subject();
    let attempt = Attempt::new(input.operation(), &subject);
    let moved = input.clone();
    match tokio::task::spawn_blocking(move || read(&moved)).await {
        Ok(result) => result.map_err(|error| attempt.packing(&error)),
        Err(error) => Err(attempt.error(BackendErrorKind::Other, &error.to_string())),
    }
}

async fn build(
    client: &Client,
    attempt: &Attempt<'_>,
    input: &Input,
    archive: Archive,
    tag: &str,
    cx: &OpContext,
) -> Result<ImageId, BackendError> {
    let text = input
        .borrow()
        .dockerfile_text()
        .map_err(|error| attempt.packing(&error))?;
    let credentials = credentials_for(&text, cx).await;
    let file = tokio::fs::File::from_std(archive.file);
    let body = body_try_stream(ReaderStream::with_capacity(file, CHUNK));
    let mut stream = client
        .docker
        .build_image(options(input, tag), credentials, Some(body));
    let mut progress = Progress::new(tag);
    let building = async {
        while let Some(message) = stream.next().await {
            match message {
                Ok(message) => progress.take(message, cx),
                Err(error) => return Err(failed(attempt, &attempt.failed(&error), &progress)),
            }
        }
        Ok(())
    };
    timeout(client.image_limit, building)
        .await
        .map_err(|_| attempt.timeout(client.image_limit))??;
    drop(stream);
    if let Some(id) = find(client, tag).await? {
        return Ok(id);
    }
    // Engines whose builder names the image only in its messages.
    let Some(id) = progress.image else {
        return Err(attempt.error(BackendErrorKind::BuildFailed, "the build gave no image"));
    };
    let (repo, version) = tag.rsplit_once(':').unwrap_or((tag, "latest"));
    let options = TagImageOptionsBuilder::default()
        .repo(repo)
        .tag(version)
        .build();
    client
        .call(attempt, client.docker.tag_image(&id, Some(options)))
        .await?;
    Ok(ImageId::new(id))
}

fn options(input: &Input, tag: &str) -> BuildImageOptions {
    let input = input.borrow();
    let labels: HashMap<String, String> = image_labels(input.kind()).into_iter().collect();
    let args: HashMap<String, String> = input
        .args()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    BuildImageOptionsBuilder::default()
        .dockerfile(&input.dockerfile())
        .t(tag)
        .labels(&labels)
        .buildargs(&args)
        .target(input.target().unwrap_or_default())
        .rm(true)
        .forcerm(true)
        .build()
}

/// For the registries the Dockerfile begins from.
async fn credentials_for(
    dockerfile: &str,
    cx: &OpContext,
) -> Option<HashMap<String, DockerCredentials>> {
    let mut all = HashMap::new();
    for image in base_images(dockerfile) {
        let Ok(reference) = ImageReference::parse(&image) else {
            continue;
        };
        if let Some(found) = credentials::of(&reference, cx).await
            && let Some(server) = found.serveraddress.clone()
        {
            all.insert(server, found);
        }
    }
    (!all.is_empty()).then_some(all)
}

/// The builder says in one text whether a step failed, the disk is full or the base is missing.
fn failed(attempt: &Attempt<'_>, error: &BackendError, progress: &Progress) -> BackendError {
    let text = error.to_string();
    let detail = text.rsplit_once("`: ").map_or(text.as_str(), |(_, d)| d);
    if matches!(
        error.kind(),
        BackendErrorKind::EngineDown | BackendErrorKind::Denied
    ) {
        return attempt.error(error.kind(), detail);
    }
    let at = progress.step.as_deref().unwrap_or("the first step");
    if is_disk_full(&text) || progress.lines.iter().any(|line| is_disk_full(line)) {
        return attempt
            .error(
                BackendErrorKind::DiskFull,
                &format!("no space left on the engine's disk at `{at}`"),
            )
            .with_hint("free some: `docker system df`, `docker system prune`");
    }
    let from = progress
        .step
        .as_deref()
        .is_none_or(|step| step.to_uppercase().contains(": FROM "));
    let not_had = [
        "manifest unknown",
        "pull access denied",
        "no such image",
        "not found",
        "dial tcp",
        "unauthorized",
        "tls handshake timeout",
        "client.timeout",
    ]
    .iter()
    .any(|words| text.to_lowercase().contains(words));
    if from && not_had {
        return attempt
            .error(
                BackendErrorKind::ImageMissing,
                &format!("the base image cannot be had at `{at}`: {detail}"),
            )
            .with_hint("pull or load the base image by hand, or choose another image");
    }
    let lines: Vec<_> = progress.lines.iter().map(String::as_str).collect();
    let last = lines
        .last()
        .map_or(String::new(), |line| format!(": {line}"));
    let error = attempt
        .error(
            BackendErrorKind::BuildFailed,
            &format!("failed at `{at}`: {detail}{last}"),
        )
        .with_hint("run the build by hand with `docker build` to see all of its output");
    if lines.is_empty() {
        error
    } else {
        error.with_source(LastLines(lines.join("\n")))
    }
}

/// What a failing step said last, a line each: the cause of its error.
#[derive(Debug)]
struct LastLines(String);

impl std::fmt::Display for LastLines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the step's last output:\n{}", self.0)
    }
}
impl std::error::Error for LastLines {}

/// Where a build stands, and what it said last.
struct Progress<'a> {
    tag: &'a str,
    step: Option<String>,
    lines: VecDeque<String>,
    unfinished: String,
    image: Option<String>,
}

impl<'a> Progress<'a> {
    fn new(tag: &'a str) -> Self {
        Self {
            tag,
            step: None,
            lines: VecDeque::new(),
            unfinished: String::new(),
            image: None,
        }
    }

    fn take(&mut self, message: BuildInfo, cx: &OpContext) {
        if let Some(id) = message.aux.and_then(|aux| aux.id) {
            self.image = Some(id);
        }
        self.unfinished
            .push_str(&message.stream.unwrap_or_default());
        while let Some(end) = self.unfinished.find('\n') {
            let line: String = self.unfinished.drain(..=end).collect();
            self.line(plain(&line).trim_end(), cx);
        }
    }

    fn line(&mut self, line: &str, cx: &OpContext) {
        if line.is_empty() {
            return;
        }
        if let Some((current, total, step)) = step(line) {
            // What earlier steps printed says nothing about this one's failure.
            self.lines.clear();
            self.step = Some(line.to_owned());
            cx.events.emit(Event::Progress {
                task: format!("build {}", self.tag),
                detail: step.to_owned(),
                current: Some(current),
                total: Some(total),
            });
            return;
        }
        if !line.starts_with(" ---> ") && !line.starts_with("Removing intermediate container") {
            if self.lines.len() == LAST_LINES {
                self.lines.pop_front();
            }
            self.lines.push_back(line.to_owned());
        }
    }
}

/// Without the colours in which builders show standard error.
fn plain(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        if c == '\u{1b}' {
            // Up to the letter that ends the sequence.
            let _ = rest.find(char::is_ascii_alphabetic);
        } else if c == '\t' || !c.is_control() {
            text.push(c);
        }
    }
    text
}

/// `Step 2/7 : RUN make`.
fn step(line: &str) -> Option<(u64, u64, &str)> {
    let (numbers, step) = line.strip_prefix("Step ")?.split_once(" : ")?;
    let (current, total) = numbers.split_once('/')?;
    Some((current.parse().ok()?, total.parse().ok()?, step))
}

#[cfg(test)]
#[path = "build/tests.rs"]
mod tests;
