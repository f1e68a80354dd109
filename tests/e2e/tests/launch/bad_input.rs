//! Bad input: one clear error with the next step, exit 125, nothing left behind.

use std::process::Output;

use bottle_e2e::{
    lane::Lane,
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
    refused(
        &World::chained(lane, &["mitmproxy"], ""),
        &["--require", "rootless"],
        "rootless",
    );
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
