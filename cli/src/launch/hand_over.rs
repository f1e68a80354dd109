//! A session that goes on when this process ends: another one takes its lease.

use std::{
    io::{self, BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use bottle_engine::{Handover, SessionStore};

use crate::output::Failure;

/// What the new owner says when the session is its own.
const READY: &str = "ready";

/// Starts the new owner and waits until it has taken over.
pub(crate) async fn hand_over(handover: Handover, store: &SessionStore) -> Result<String, Failure> {
    let Handover { name, lease, .. } = handover;
    let session = lease.session().clone();
    let log = store
        .root()
        .join("sessions")
        .join(session.as_str())
        .join("owner.log");
    let spawned = spawn(session.as_str(), lease.into_stdio(), &log);
    let hint = format!("`bottle stop {name}` removes the bottle");
    let child = spawned.map_err(|error| {
        Failure::because("cannot start the bottle's new owner", &error).hint(&hint)
    })?;
    let ready = tokio::task::spawn_blocking(move || wait_ready(child)).await;
    match ready {
        Ok(Ok(())) => Ok(name),
        Ok(Err(why)) => {
            Err(Failure::new(format!("the bottle's new owner did not take over: {why}")).hint(hint))
        }
        Err(error) => Err(Failure::because(
            "the bottle's new owner was not watched",
            &error,
        )),
    }
}

fn spawn(session: &str, lease: Stdio, log: &std::path::Path) -> io::Result<Child> {
    let log = std::fs::File::create(log)?;
    Command::new(own_program()?)
        .arg0("bottle")
        .args(["__own", session])
        // The lock travels as an open file, so that there is no moment without an owner.
        .stdin(lease)
        .stdout(Stdio::piped())
        .stderr(log)
        .current_dir("/")
        .spawn()
}

/// This very program, even when its file was replaced meanwhile.
fn own_program() -> io::Result<PathBuf> {
    let live = PathBuf::from("/proc/self/exe");
    if live.exists() {
        return Ok(live);
    }
    std::env::current_exe()
}

fn wait_ready(mut child: Child) -> Result<(), String> {
    let mut line = String::new();
    if let Some(out) = child.stdout.take() {
        let _ = BufReader::new(out).read_line(&mut line);
    }
    match line.trim() {
        READY => Ok(()),
        "" => Err("it ended without a word".to_owned()),
        why => Err(why.to_owned()),
    }
}

/// Said by the new owner, once.
pub(crate) fn announce_ready() {
    let mut out = io::stdout();
    let _ = writeln!(out, "{READY}").and_then(|()| out.flush());
}
