//! Raw mode, and the way back from it.

use std::{
    fs::File,
    io::{self, IsTerminal, Write},
    sync::{Mutex, MutexGuard, PoisonError},
};

use bottle_api::TermSize;
use rustix::{
    stdio,
    termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr},
};

/// The state to go back to. Static, because a panic hook and the last lines of `main` must find
/// it without being handed anything.
static SAVED: Mutex<Option<Saved>> = Mutex::new(None);

struct Saved {
    terminal: File,
    original: Termios,
    raw: Termios,
    undo: String,
}

fn saved() -> MutexGuard<'static, Option<Saved>> {
    SAVED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The terminal is raw while this lives.
#[derive(Debug)]
pub(super) struct RawMode(());

impl RawMode {
    /// Switches the terminal on standard input to raw.
    pub(super) fn enter() -> io::Result<Self> {
        let terminal = File::from(stdio::stdin().try_clone_to_owned()?);
        switch(terminal, Termios::make_raw)?;
        Ok(Self(()))
    }

    /// Switches to raw again: after being stopped and continued, the shell has changed it.
    pub(super) fn again() {
        if let Some(saved) = saved().as_ref() {
            let _ = tcsetattr(&saved.terminal, OptionalActions::Now, &saved.raw);
        }
    }

    /// What to write when it ends, besides switching back.
    pub(super) fn undo_with(undo: String) {
        if let Some(saved) = saved().as_mut() {
            saved.undo = undo;
        }
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        restore();
    }
}

/// What is typed is not shown while this lives.
#[derive(Debug)]
pub(super) struct Quiet(());

impl Quiet {
    /// Switches off the echo of the controlling terminal.
    pub(super) fn enter() -> io::Result<Self> {
        let terminal = File::options().read(true).write(true).open("/dev/tty")?;
        switch(terminal, |modes| modes.local_modes.remove(LocalModes::ECHO))?;
        Ok(Self(()))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        restore();
    }
}

fn switch(terminal: File, change: impl FnOnce(&mut Termios)) -> io::Result<()> {
    let original = tcgetattr(&terminal)?;
    let mut raw = original.clone();
    change(&mut raw);
    let mut saved = saved();
    let saved = saved.insert(Saved {
        terminal,
        original,
        raw,
        undo: String::new(),
    });
    tcsetattr(&saved.terminal, OptionalActions::Now, &saved.raw)?;
    Ok(())
}

/// Brings the terminal back to where it was. May be called at any time, and again.
pub(crate) fn restore() {
    let Some(saved) = saved().take() else {
        return;
    };
    let mut out = io::stdout();
    if !saved.undo.is_empty() && out.is_terminal() {
        let _ = out
            .write_all(saved.undo.as_bytes())
            .and_then(|()| out.flush());
    }
    let _ = tcsetattr(&saved.terminal, OptionalActions::Now, &saved.original);
}

/// From now on a panic first brings the terminal back, so that its message can be read.
pub(crate) fn install_panic_hook() {
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        restore();
        previous(info);
    }));
}

/// Whether both ends of our own conversation are a terminal.
pub(crate) fn ours() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// The size of our terminal, if there is one that knows it.
pub(crate) fn size() -> Option<TermSize> {
    let known = tcgetwinsize(stdio::stdout()).or_else(|_| tcgetwinsize(stdio::stdin()));
    let size = known.ok()?;
    (size.ws_col > 0 && size.ws_row > 0).then_some(TermSize {
        cols: size.ws_col,
        rows: size.ws_row,
    })
}
