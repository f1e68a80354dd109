//! `start`, `inspect`, `stop`, `wait`.

use std::time::{Duration, Instant};

use bottle_api::{BackendError, BackendErrorKind, ContainerId, ExitStatus, LogRequest, Stdio};

use super::cases;
use crate::{
    Checked, Miss, Step,
    backend::{Room, suite::Case},
    streams::{soon, until_line},
    verdict::{ensure, same},
};

pub(super) fn cases() -> Vec<Case> {
    cases!("lifecycle";
        each "a created container is not started" => created,
        each "a started container runs, and starting it again is no error" => started,
        each "inspect tells how it ended" => inspected,
        each "wait tells the exit status, also afterwards and again" => waited,
        each "wait goes on as long as the container runs" => waits,
        each "killed by a signal is 128 plus its number" => signal,
        each "stop asks the main process to end" => asks,
        each "stop kills what has not ended after the grace" => kills,
        once "stopping what has ended, or is gone, is no error" => stop_again,
        once "what is gone is NotFound" => gone,
        each "a program that is not there cannot be started" => no_program,
    )
}

async fn created(room: &Room) -> Checked {
    let id = room.create(&room.plan("agent", &[Step::Exit(3)])).await?;
    // Long enough for a program that should not run to be seen.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let state = room.backend().inspect(&id).await?;
    ensure!(!state.running && state.exit.is_none(), "{state:?}");
    Ok(())
}

async fn started(room: &Room) -> Checked {
    let id = room.running(&room.idle("agent")).await?;
    room.backend().start(&id).await?;
    let state = room.backend().inspect(&id).await?;
    ensure!(state.running && state.exit.is_none(), "{state:?}");
    Ok(())
}

/// Looks until the container has ended.
async fn end_of(room: &Room, id: &ContainerId) -> Checked<bottle_api::ContainerState> {
    soon("the container's end", async {
        loop {
            let state = room.backend().inspect(id).await?;
            if !state.running && state.exit.is_some() {
                return Ok::<_, BackendError>(state);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await?
    .map_err(Miss::from)
}

async fn inspected(room: &Room) -> Checked {
    let id = room.running(&room.plan("agent", &[Step::Exit(7)])).await?;
    let state = end_of(room, &id).await?;
    same!(state.exit, Some(ExitStatus(7)), "how it ended");
    ensure!(!state.oom_killed, "not for lack of memory");
    Ok(())
}

async fn waited(room: &Room) -> Checked {
    for status in [0, 7, 255] {
        let plan = room.plan(&format!("agent{status}"), &[Step::Exit(status)]);
        let id = room.running(&plan).await?;
        for _ in 0..2 {
            let waited = soon("wait", room.backend().wait(&id)).await??;
            same!(waited, ExitStatus(status), "wait");
        }
    }
    Ok(())
}

async fn waits(room: &Room) -> Checked {
    // Longer than a backend would poll for and give up.
    let steps = [Step::Pause(2500), Step::Exit(4)];
    let id = room.running(&room.plan("agent", &steps)).await?;
    let waited = soon("wait", room.backend().wait(&id)).await??;
    same!(waited, ExitStatus(4), "wait, begun long before the end");
    Ok(())
}

async fn signal(room: &Room) -> Checked {
    let mut plan = room.plan("agent", &[Step::KillItself]);
    // Not the first process: that one's signals are held back.
    plan.hardening.init = true;
    let id = room.running(&room.idle("other")).await?;
    let said = room.exec(&id, &[Step::KillItself]).await?;
    same!(said.status, ExitStatus(137), "a program killed by SIGKILL");
    Ok(())
}

async fn asks(room: &Room) -> Checked {
    let steps = [Step::EndOnTerm(23), Step::out("ready"), Step::Forever];
    let id = room.running(&room.plan("agent", &steps)).await?;
    until_line(room.log(&id, true).await?, "ready").await?;
    room.backend().stop(&id, Duration::from_secs(15)).await?;
    let waited = soon("wait", room.backend().wait(&id)).await??;
    same!(waited, ExitStatus(23), "the status it chose when asked");
    Ok(())
}

async fn kills(room: &Room) -> Checked {
    let steps = [Step::IgnoreTerm, Step::out("ready"), Step::Forever];
    let id = room.running(&room.plan("agent", &steps)).await?;
    until_line(room.log(&id, true).await?, "ready").await?;
    let since = Instant::now();
    room.backend().stop(&id, Duration::from_secs(1)).await?;
    ensure!(
        since.elapsed() >= Duration::from_millis(800),
        "it had no grace"
    );
    let state = room.backend().inspect(&id).await?;
    ensure!(!state.running, "stop came back and it runs: {state:?}");
    same!(state.exit, Some(ExitStatus(137)), "how it ended");
    Ok(())
}

async fn stop_again(room: &Room) -> Checked {
    let grace = Duration::from_secs(1);
    let id = room.ended("agent", &[Step::Exit(0)]).await?;
    room.backend().stop(&id, grace).await?;
    room.backend().stop(&nowhere(), grace).await?;
    Ok(())
}

/// A container that never was.
pub(super) fn nowhere() -> ContainerId {
    ContainerId::new(format!("{:064x}", rand::random::<u128>()))
}

async fn gone(room: &Room) -> Checked {
    let (backend, id) = (room.backend(), nowhere());
    let request = bottle_api::ExecRequest::new(room.dialect().argv(&[]));
    let errors = [
        ("start", backend.start(&id).await.err()),
        ("inspect", backend.inspect(&id).await.err()),
        ("wait", backend.wait(&id).await.err()),
        ("logs", backend.logs(&id, LogRequest::default()).await.err()),
        ("exec", backend.exec(&id, &request).await.err()),
        ("attach", backend.attach(&id, Stdio::default()).await.err()),
        (
            "put_archive",
            backend
                .put_archive(&id, super::archives::nothing())
                .await
                .err(),
        ),
        ("get_archive", backend.get_archive(&id, "/etc").await.err()),
    ];
    for (verb, error) in errors {
        let Some(error) = error else {
            return Err(Miss::broken(format!(
                "{verb} succeeds on a container that never was"
            )));
        };
        same!(
            error.kind(),
            BackendErrorKind::NotFound,
            "the kind of {verb}'s error ({error})"
        );
    }
    Ok(())
}

async fn no_program(room: &Room) -> Checked {
    let mut plan = room.idle("agent");
    plan.command = vec!["/no/such/program".into()];
    let id = room.create(&plan).await?;
    if let Err(error) = room.backend().start(&id).await {
        ensure!(
            error.kind() != BackendErrorKind::NotFound,
            "NotFound says that the container is gone: {error}"
        );
        return Ok(());
    }
    // An init may be what is started; it fails at once.
    let status = soon("wait", room.backend().wait(&id)).await??;
    ensure!([126, 127].contains(&status.0), "it ended with {}", status.0);
    Ok(())
}
