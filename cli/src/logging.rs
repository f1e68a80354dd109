//! Diagnostics for whoever looks for a fault: `-vv`, or `BOTTLE_LOG`.

use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use crate::output::{Printer, Verbosity};

/// Sends what our crates log to standard error. Other crates stay silent unless they are named:
/// an HTTP client logs what it sends, and what it sends holds secrets.
pub(crate) fn install(printer: &Printer) {
    let filter = match std::env::var("BOTTLE_LOG") {
        Ok(text) => EnvFilter::builder().parse_lossy(text),
        Err(_) if printer.verbosity() == Verbosity::Debug => {
            let ours = ["api", "cli", "config", "engine", "provisioners"];
            let core = ours.map(|name| format!("bottle_{name}=debug"));
            let plugins = ["bottle_backend", "bottle_proxy"].map(|name| format!("{name}=debug"));
            EnvFilter::builder().parse_lossy([&core[..], &plugins[..]].concat().join(","))
        }
        Err(_) => EnvFilter::default().add_directive(LevelFilter::OFF.into()),
    };
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(printer.err_style().colors())
        .try_init();
}
