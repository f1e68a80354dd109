//! The configuration from outside: files on disk in, a launch or diagnostics out.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod diagnostics;
mod documents;
mod extends;
mod hostile;
mod layers;
mod plugins;
mod robust;
mod samples;
mod spec;
mod trust;
mod trust_table;
mod world;
