//! Bad input: one clear error with the next step, exit 125, nothing left behind.

use std::process::Output;

use bottle_e2e::world::{World, assert_code, stderr};

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

#[test]
fn a_missing_engine() {
    let world = World::chained(
        CHAIN,
        "[backend.docker]\nhost = \"unix:///nonexistent.sock\"\n",
    );
    refused(&world, &[], "/nonexistent.sock");
}

#[test]
fn a_socket_of_something_else() {
    let world = World::chained(CHAIN, "");
    let socket = world.path("no.sock");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let host = format!("unix://{}", socket.display());
    world.write(
        "config/bottle/config.toml",
        &format!("[backend.docker]\nhost = {host:?}\ntimeout = 2\n"),
    );
    refused(&world, &[], "no.sock");
}

#[test]
fn an_unknown_runtime() {
    refused(
        &World::chained(CHAIN, ""),
        &["--runtime", "kata-nowhere"],
        "kata-nowhere",
    );
}

#[test]
fn an_image_that_cannot_be_had() {
    let world = World::chained(CHAIN, "");
    let image = "localhost:1/nothing:1";
    let output = world.run(&["run", "shell", "--image", image, "--", "true"]);
    explained(&world, &output, image);
}

#[test]
fn a_sidecar_image_that_cannot_be_had() {
    let world = World::chained(&["pipelock"], "");
    world.write(
        "config/bottle/config.toml",
        "[launch]\nproxies = [\"pipelock\"]\n[proxy.pipelock]\nimage = \"localhost:1/pl:1\"\n",
    );
    refused(&world, &[], "proxy.pipelock");
}

#[test]
fn an_unreadable_file() {
    let extra = "[provisioner.files]\n\"~/x\" = { from = \"/nonexistent/file\" }\n";
    refused(&World::chained(CHAIN, extra), &[], "/nonexistent/file");
}

#[test]
fn a_chain_that_cannot_work() {
    refused(
        &World::chained(CHAIN, ""),
        &["--proxy", "pipelock,mitmproxy"],
        "pipelock",
    );
}

#[test]
fn a_guarantee_the_chain_cannot_give() {
    refused(
        &World::chained(&["mitmproxy"], ""),
        &["--require", "rootless"],
        "rootless",
    );
}

#[test]
fn an_unknown_key_in_config() {
    let world = World::chained(CHAIN, "imge = \"x\"\n");
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

#[test]
fn a_sidecar_that_dies_shows_its_last_lines() {
    let world = World::chained(&["mitmproxy"], "");
    // An image whose mitmdump is not one: it prints and ends.
    world.write(
        "config/bottle/config.toml",
        "[launch]\nproxies = [\"mitmproxy\"]\n[proxy.mitmproxy]\nimage = \"bottle-test/dying:latest\"\n",
    );
    refused(&world, &[], "last words of the sidecar");
}
