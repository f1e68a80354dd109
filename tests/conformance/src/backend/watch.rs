//! Looks for secrets where none may be: in what is logged, and on command lines.

use std::{
    io::Write,
    sync::{Mutex, Once, PoisonError},
};

/// Every secret of the suites begins so.
pub(crate) const MARK: &str = "bottle-secret-";

static LOGGED: Mutex<Vec<String>> = Mutex::new(Vec::new());
static INSTALL: Once = Once::new();

/// Keeps what is logged, at any level, if it holds a secret.
struct Keep;
impl Write for Keep {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        if text.contains(MARK) {
            let mut kept = LOGGED.lock().unwrap_or_else(PoisonError::into_inner);
            kept.push(text.into_owned());
        }
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Listens to everything this process logs from now on, through `tracing` or `log`.
pub(crate) fn install() {
    INSTALL.call_once(|| {
        // Somebody else's subscriber stays: then there is nothing to look into.
        let _ = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(|| Keep)
            .try_init();
    });
}

/// Log lines that hold this secret.
pub(crate) fn logged(secret: &str) -> Vec<String> {
    let kept = LOGGED.lock().unwrap_or_else(PoisonError::into_inner);
    kept.iter()
        .filter(|line| line.contains(secret))
        .cloned()
        .collect()
}

/// Command lines of this machine that hold this secret.
pub(crate) fn command_lines(secret: &str) -> Vec<String> {
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return vec![];
    };
    let lines = processes.filter_map(|entry| {
        let line = std::fs::read(entry.ok()?.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&line).replace('\0', " "))
    });
    lines.filter(|line| line.contains(secret)).collect()
}
