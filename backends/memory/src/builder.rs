//! Builds images as far as programs are simulated: `FROM`, `COPY`, `ADD` of an archive, and `RUN`
//! in its exec form. Other instructions change nothing here.

use std::{
    io::Read as _,
    sync::{Arc, Mutex, PoisonError},
};

use bottle_api::{BackendError, BackendErrorKind, EventSink, PullPolicy};
use bottle_backend_common::{BuildInput, PackError, image_tag};

use crate::{
    Machine, Memory,
    container::Container,
    files::{FileView, Files},
    machine::{Programs, Sink},
    world::error,
};

const OPERATION: &str = "build image";

fn unpacked(why: impl std::fmt::Display) -> BackendError {
    error(BackendErrorKind::Other, OPERATION, why.to_string())
}
fn packed(why: &PackError) -> BackendError {
    unpacked(why)
}

/// Builds, or finds what was built from the same content.
pub(crate) async fn build(
    engine: &Memory,
    programs: &Programs,
    input: BuildInput<'_>,
    events: &EventSink,
) -> Result<String, BackendError> {
    let archive = input.archive().map_err(|e| packed(&e))?;
    let tag = image_tag(input.repository(), &archive.digest);
    if engine.world().images.contains(&tag) {
        return Ok(tag);
    }
    let (mut context, mut layer) = (Files::default(), Vec::new());
    let mut file = archive.file;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(unpacked)?;
    context.unpack(&bytes, |_| true).map_err(unpacked)?;
    if let Some(found) = context.get("/layer.tar") {
        layer.clone_from(&found.bytes);
    }
    let dockerfile = format!("/{}", input.dockerfile());
    let text = context
        .get(&dockerfile)
        .map(|file| String::from_utf8_lossy(&file.bytes).into_owned())
        .ok_or_else(|| unpacked(format!("no `{dockerfile}` in the context")))?;

    let lines: Vec<_> = text
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .collect();
    let mut files = Files::default();
    for (n, line) in lines.iter().enumerate() {
        events.progress(
            format!("build {}", input.repository()),
            format!("step {} of {}: {line}", n + 1, lines.len()),
        );
        let mut words = line.split_whitespace();
        match words.next() {
            Some("FROM") => {
                let base = words.next().unwrap_or_default();
                let mut world = engine.world();
                let base = world.pull(base, PullPolicy::Missing)?;
                files = world.files_of(&base);
            }
            Some("ADD") => files.unpack(&layer, |_| true).map_err(unpacked)?,
            Some("COPY") => copy(&context, &mut files, &words.collect::<Vec<_>>())?,
            Some("RUN") => files = run(engine, programs, line, files).await?,
            _ => {}
        }
    }
    let mut world = engine.world();
    world.built.insert(tag.clone(), files);
    world.images.insert(tag.clone());
    Ok(tag)
}

fn copy(context: &Files, files: &mut Files, words: &[&str]) -> Result<(), BackendError> {
    let [from, to] = words else {
        return Err(unpacked("`COPY` of one thing only"));
    };
    let from = format!("/{}", from.trim_start_matches('/').trim_end_matches('.'));
    for path in context.paths() {
        let Some(rest) = path.strip_prefix(from.trim_end_matches('/')) else {
            continue;
        };
        if let Some(file) = context.get(&path) {
            let target = format!("{}{rest}", to.trim_end_matches('/'));
            let file = FileView {
                uid: 0,
                gid: 0,
                ..file.clone()
            };
            files.insert(&target, file);
        }
    }
    Ok(())
}

async fn run(
    engine: &Memory,
    programs: &Programs,
    line: &str,
    files: Files,
) -> Result<Files, BackendError> {
    let command = line.trim_start_matches("RUN").trim();
    let argv: Vec<String> = serde_json::from_str(command)
        .map_err(|_| unpacked(format!("`{line}`: only the exec form of RUN is simulated")))?;
    let output = Arc::new(Mutex::new(Vec::new()));
    let mut container = Container::new(String::new(), None);
    container.files = files;
    let (id, machine) = {
        let mut world = engine.world();
        let id = world.fresh_id("build-");
        let sink = Sink::Build(Arc::clone(&output));
        let machine = Machine::within(engine, &id, &container, argv, sink);
        container.name.clone_from(&id);
        world.containers.insert(id.clone(), container);
        (id, machine)
    };
    let status = programs(machine).await;
    let files = engine.world().containers.remove(&id).map(|c| c.files);
    if status == 0 {
        return Ok(files.unwrap_or_default());
    }
    let lines = output
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    Err(error(
        BackendErrorKind::BuildFailed,
        OPERATION,
        format!("`{line}` ended with {status}"),
    )
    .with_source(format!("its last lines:\n{}", lines.join("\n"))))
}
