//! The plugins this binary is built with.
//!
//! rustc leaves out crates that nobody names, and a crate that is left out registers nothing:
//! this file names them, and that is all it does. A third party's command turns the features
//! off, names its own crates in the same way and calls [`crate::main`].

#[cfg(feature = "docker")]
use bottle_backend_docker as _;
#[cfg(feature = "podman")]
use bottle_backend_podman as _;
use bottle_provisioners as _;
#[cfg(feature = "mitmproxy")]
use bottle_proxy_mitmproxy as _;
#[cfg(feature = "pipelock")]
use bottle_proxy_pipelock as _;
