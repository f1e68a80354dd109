//! A session that goes on when this process ends: another one takes its lease.

use std::{
    io::{self, BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use bottle_engine::{Handover, Hidden, SessionStore};
use command_fds::{CommandFdExt as _, FdMapping};

use crate::output::Failure;

/// What the new owner says when the session is its own.
const READY: &str = "ready";

/// The descriptor on which the new owner reads what to keep out of texts.
const HIDDEN: i32 = 3;

/// Starts the new owner and waits until it has taken over.
pub(crate) async fn hand_over(handover: Handover, store: &SessionStore) -> Result<String, Failure> {
    let Handover {
        name,
        lease,
        hidden,
        ..
    } = handover;
    let session = lease.session().clone();
    let log = store
        .root()
        .join("sessions")
        .join(session.as_str())
        .join("owner.log");
    let spawned = spawn(session.as_str(), lease.into_stdio(), &log);
    let hint = format!("`bottle stop {name}` removes the bottle");
    let (child, to_child) = spawned.map_err(|error| {
        Failure::because("cannot start the bottle's new owner", &error).hint(&hint)
    })?;
    let ready = tokio::task::spawn_blocking(move || {
        // It may have died; then its last word tells more than a broken pipe.
        let sent = hidden.write(to_child);
        wait_ready(child).map_err(|why| match sent {
            Err(error) => format!("{why} ({error})"),
            Ok(()) => why,
        })
    })
    .await;
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

fn spawn(
    session: &str,
    lease: Stdio,
    log: &std::path::Path,
) -> io::Result<(Child, io::PipeWriter)> {
    let log = std::fs::File::create(log)?;
    let (hidden, to_child) = io::pipe()?;
    let mut command = Command::new(own_program()?);
    command
        .arg0("bottle")
        .args(["__own", session])
        // The lock travels as an open file, so that there is no moment without an owner.
        .stdin(lease)
        .stdout(Stdio::piped())
        .stderr(log)
        .current_dir("/")
        .fd_mappings(vec![FdMapping {
            parent_fd: hidden.into(),
            child_fd: HIDDEN,
        }])
        .map_err(io::Error::other)?;
    Ok((command.spawn()?, to_child))
}

/// What the last owner kept out of texts, in the new owner.
pub(crate) fn inherited_hidden() -> io::Result<Hidden> {
    Hidden::read(std::fs::File::open(format!("/dev/fd/{HIDDEN}"))?)
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
