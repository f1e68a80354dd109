//! `attach`: the main process, as the same table and beyond it.

use std::sync::Arc;

use bottle_api::{ContainerId, ExitStatus, Process, Stdio, TermSize};

use super::{
    cases,
    exec::{Row, SIZE, table},
};
use crate::{
    Checked, Step,
    backend::{Room, suite::Case},
    streams::{collect, shut, until, until_line, write},
    verdict::{ensure, same},
};

pub(super) fn cases() -> Vec<Case> {
    let mut all = table("attach", |row| {
        Arc::new(move |room| Box::pin(try_row(room, row)))
    });
    all.extend(cases!("attach";
        each "what was written before is not repeated" => not_repeated,
        each "all of the output is delivered" => complete,
        each "standard input of the first client ends with it" => stdin_once,
        each "several clients see the same" => several,
        each "the main process goes on when all have left" => detached,
        each "the terminal takes a new size" => resize,
    ));
    all
}

const PIPES: Stdio = Stdio {
    tty: false,
    stdin: true,
    stdin_once: true,
};
const TERMINAL: Stdio = Stdio {
    tty: true,
    stdin: true,
    stdin_once: false,
};

async fn created(room: &Room, stdio: Stdio, steps: &[Step]) -> Checked<ContainerId> {
    let mut plan = room.plan("agent", steps);
    plan.stdio = stdio;
    room.create(&plan).await
}
async fn attached(room: &Room, id: &ContainerId, stdio: Stdio) -> Checked<Process> {
    Ok(room.backend().attach(id, stdio).await?)
}

/// Attached before the start, so that nothing is missed.
async fn try_row(room: &Room, row: Row) -> Checked {
    let stdio = Stdio {
        tty: row.tty,
        stdin: row.stdin,
        stdin_once: row.stdin && !row.tty,
    };
    let id = created(room, stdio, &row.steps()).await?;
    let mut process = attached(room, &id, stdio).await?;
    room.backend().start(&id).await?;
    if row.tty {
        process.control.resize(SIZE).await?;
    }
    let before = until(&mut process, "ready").await?;
    if row.stdin {
        write(&mut process, b"typed\n").await?;
    }
    row.check(&before, &collect(process).await?)
}

async fn not_repeated(room: &Room) -> Checked {
    let steps = [
        Step::out("before"),
        Step::Line,
        Step::out("after"),
        Step::Exit(0),
    ];
    let id = created(room, PIPES, &steps).await?;
    room.backend().start(&id).await?;
    until_line(room.log(&id, true).await?, "before").await?;
    let mut process = attached(room, &id, PIPES).await?;
    write(&mut process, b"go\n").await?;
    let said = collect(process).await?;
    ensure!(
        said.text().contains("after"),
        "what comes later: {:?}",
        said.text()
    );
    ensure!(
        !said.text().contains("before"),
        "it is repeated: {:?}",
        said.text()
    );
    Ok(())
}

async fn complete(room: &Room) -> Checked {
    let id = created(
        room,
        PIPES,
        &[Step::Bulk(1_000_000, 500_000), Step::Exit(6)],
    )
    .await?;
    let process = attached(room, &id, PIPES).await?;
    room.backend().start(&id).await?;
    let said = collect(process).await?;
    let found = (said.stdout.len(), said.stderr.len(), said.status);
    same!(
        found,
        (1_000_000, 500_000, ExitStatus(6)),
        "output, errors, status"
    );
    Ok(())
}

async fn stdin_once(room: &Room) -> Checked {
    for shut_first in [true, false] {
        let mut plan = room.plan(&format!("agent-{shut_first}"), &[Step::Count]);
        plan.stdio = PIPES;
        let id = room.create(&plan).await?;
        let mut process = attached(room, &id, PIPES).await?;
        room.backend().start(&id).await?;
        write(&mut process, b"12345").await?;
        if shut_first {
            shut(&mut process).await?;
        } else {
            process.stdin = None;
        }
        same!(
            collect(process).await?.text(),
            "5\n",
            "bytes read, shut: {shut_first}"
        );
    }
    Ok(())
}

async fn several(room: &Room) -> Checked {
    let steps = [
        Step::NoEcho,
        Step::out("ready"),
        Step::Line,
        Step::Line,
        Step::Exit(0),
    ];
    let id = created(room, TERMINAL, &steps).await?;
    let mut one = attached(room, &id, TERMINAL).await?;
    room.backend().start(&id).await?;
    until(&mut one, "ready").await?;
    let mut two = attached(room, &id, TERMINAL).await?;
    write(&mut two, b"from two\n").await?;
    until(&mut one, "got from two").await?;
    until(&mut two, "got from two").await?;
    write(&mut one, b"from one\n").await?;
    until(&mut two, "got from one").await?;
    Ok(())
}

async fn detached(room: &Room) -> Checked {
    let steps = [Step::NoEcho, Step::out("ready"), Step::Line, Step::Exit(3)];
    let id = created(room, TERMINAL, &steps).await?;
    let mut first = attached(room, &id, TERMINAL).await?;
    room.backend().start(&id).await?;
    until(&mut first, "ready").await?;
    drop(first);
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    ensure!(
        room.backend().inspect(&id).await?.running,
        "it ended with its client"
    );
    let mut second = attached(room, &id, TERMINAL).await?;
    write(&mut second, b"again\n").await?;
    same!(
        collect(second).await?.status,
        ExitStatus(3),
        "the status the second one sees"
    );
    Ok(())
}

async fn resize(room: &Room) -> Checked {
    let new = TermSize {
        cols: 133,
        rows: 41,
    };
    let steps = [
        Step::out("ready"),
        Step::await_size(new),
        Step::Size,
        Step::Exit(5),
    ];
    let id = created(room, TERMINAL, &steps).await?;
    let mut process = attached(room, &id, TERMINAL).await?;
    room.backend().start(&id).await?;
    until(&mut process, "ready").await?;
    process.control.resize(new).await?;
    let said = collect(process).await?;
    ensure!(
        said.text().contains("41 133"),
        "its size: {:?}",
        said.text()
    );
    same!(said.status, ExitStatus(5), "the exit status");
    Ok(())
}
