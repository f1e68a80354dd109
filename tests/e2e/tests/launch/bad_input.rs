//! Bad input: one clear error with the next step, exit 125, nothing left behind.

use std::{
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    process::Output,
};

use bottle_e2e::{
    lane::{Engine, Lane},
    world::{World, assert_code, stderr},
};

const CHAIN: &[&str] = &["mitmproxy", "pipelock"];

/// Fails unless the run ended with 125, named `needle`, gave a hint and left nothing.
fn refused(world: &World, flags: &[&str], needle: &str) {
    explained(world, &world.sh(flags, "true"), needle);
}

fn explained(world: &World, output: &Output, needle: &str) {
    assert_code(output, 125);
    let text = stderr(output);
    assert!(text.contains(needle), "wanted `{needle}` in:\n{text}");
    assert!(
        text.contains("hint:") || text.contains("help:"),
        "no next step in:\n{text}"
    );
    assert!(!text.contains("panicked"), "{text}");
    world.assert_empty();
}

pub(crate) fn a_missing_engine(lane: Lane) {
    let table = lane.engine.backend();
    let extra = format!("[backend.{table}]\nhost = \"unix:///nonexistent.sock\"\n");
    let world = World::chained(lane, CHAIN, &extra);
    refused(&world, &[], "/nonexistent.sock");
}

pub(crate) fn a_socket_of_something_else(lane: Lane) {
    let world = World::chained(lane, CHAIN, "");
    let socket = world.path("no.sock");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let host = format!("unix://{}", socket.display());
    let table = lane.engine.backend();
    world.configure(&format!(
        "[backend.{table}]\nhost = {host:?}\ntimeout = 2\n"
    ));
    refused(&world, &[], "no.sock");
}

pub(crate) fn an_unknown_runtime(lane: Lane) {
    refused(
        &World::chained(lane, CHAIN, ""),
        &["--runtime", "kata-nowhere"],
        "kata-nowhere",
    );
}

pub(crate) fn an_image_that_cannot_be_had(lane: Lane) {
    let world = World::chained(lane, CHAIN, "");
    let image = "localhost:1/nothing:1";
    let output = world.run(&["run", "shell", "--image", image, "--", "true"]);
    explained(&world, &output, image);
}

pub(crate) fn a_sidecar_image_that_cannot_be_had(lane: Lane) {
    let world = World::chained(lane, &["pipelock"], "");
    world.configure("proxies = [\"pipelock\"]\n[proxy.pipelock]\nimage = \"localhost:1/pl:1\"\n");
    refused(&world, &[], "proxy.pipelock");
}

pub(crate) fn an_unreadable_file(lane: Lane) {
    let extra = "[provisioner.files]\n\"~/x\" = { from = \"/nonexistent/file\" }\n";
    refused(
        &World::chained(lane, CHAIN, extra),
        &[],
        "/nonexistent/file",
    );
}

pub(crate) fn a_chain_that_cannot_work(lane: Lane) {
    refused(
        &World::chained(lane, CHAIN, ""),
        &["--proxy", "pipelock,mitmproxy"],
        "pipelock",
    );
}

pub(crate) fn a_guarantee_the_chain_cannot_give(lane: Lane) {
    // Without interception pipelock sees names and ports only.
    refused(
        &World::chained(lane, &["pipelock"], ""),
        &["--require", "tls_inspected"],
        "tls_inspected",
    );
    // A promise of the engine, which one that has it gives.
    if lane.engine != Engine::PodmanRootless {
        refused(
            &World::chained(lane, CHAIN, ""),
            &["--require", "rootless"],
            "rootless",
        );
    }
}

pub(crate) fn an_unknown_key_in_config(lane: Lane) {
    let world = World::chained(lane, CHAIN, "imge = \"x\"\n");
    let output = world.sh(&[], "true");
    assert_code(&output, 125);
    let text = stderr(&output);
    assert!(
        text.contains("imge") && text.contains("image"),
        "names the nearest key: {text}"
    );
    assert!(text.contains("config.toml"), "names the file: {text}");
    world.assert_empty();
}

pub(crate) fn a_sidecar_that_dies_shows_its_last_lines(lane: Lane) {
    let world = World::chained(lane, &["mitmproxy"], "");
    // An image whose mitmdump is not one: it prints and ends.
    world.configure(
        "proxies = [\"mitmproxy\"]\n[proxy.mitmproxy]\nimage = \"bottle-test/dying:latest\"\n",
    );
    refused(&world, &[], "last words of the sidecar");
}

pub(crate) fn a_sidecar_that_never_gets_ready(lane: Lane) {
    let world = World::chained(lane, &["mitmproxy"], "");
    world.set("proxy.mitmproxy", "ready_seconds = 3");
    // It runs, and its program does something else.
    let recipe = "FROM bottle-test/dying:latest\nRUN printf '#!/bin/sh\\necho still thinking\\nsleep 600\\n' > /usr/local/bin/mitmdump\n";
    world.set(
        "proxy.mitmproxy",
        &format!("image = {{ recipe = {recipe:?} }}"),
    );
    refused(&world, &[], "still thinking");
}

pub(crate) fn a_socket_nobody_may_use(lane: Lane) {
    let world = World::chained(lane, CHAIN, "");
    let socket = world.path("engine.sock");
    let table = lane.engine.backend();
    let host = format!("unix://{}", socket.display());
    world.extend(&format!("\n[backend.{table}]\nhost = {host:?}\n"));
    let mut command = world.shell(&[], "true");
    // Root may use any socket, so the command is not root's here; the socket is.
    world.give_to(65533);
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o600)).unwrap();
    command.uid(65533).gid(65533);
    explained(&world, &command.output().unwrap(), "permission");
}

pub(crate) fn a_full_disk_while_building(lane: Lane) {
    let world = World::chained(lane, CHAIN, "");
    // A device that is always full stands in for the engine's disk.
    let recipe = "FROM debian:bookworm-slim\nRUN cat /etc/passwd > /dev/full\n";
    world.extend(&format!(
        "\n[agent.full]\nextends = \"shell\"\nimage = {{ recipe = {recipe:?} }}\n"
    ));
    explained(&world, &world.run(&["run", "full"]), "no space left");
}

pub(crate) fn a_file_where_a_secret_should_be(lane: Lane) {
    let world = World::chained(lane, CHAIN, "");
    let folder = world.path("work").display().to_string();
    world.extend(&format!(
        "\n[secret.TOKEN]\nfrom_file = {folder:?}\ninject = {{ hosts = [\"origin.test\"], header = \"x-api-key\" }}\n"
    ));
    refused(&world, &[], &folder);
}
