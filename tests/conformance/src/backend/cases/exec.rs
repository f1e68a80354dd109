//! `exec`, as a table and beyond it.

use std::sync::Arc;

use bottle_api::{BackendErrorKind, ContainerId, ExecRequest, ExitStatus, SecretString, TermSize};

use super::cases;
use crate::{
    Checked, Miss, Step,
    backend::{Room, Said, suite::Case},
    streams::{SoFar, collect, shut, soon, until, write},
    verdict::{ensure, same},
};

pub(super) fn cases() -> Vec<Case> {
    let mut all = table("exec", |row| {
        Arc::new(move |room| Box::pin(try_row(room, row)))
    });
    all.extend(cases!("exec";
        each "the output ends only after all of it was delivered" => complete,
        each "standard input ends when it is shut" => stdin_shut,
        each "standard input ends when it is dropped" => stdin_dropped,
        each "standard input that is not asked for is at its end" => no_stdin,
        each "all of standard input arrives" => long_stdin,
        each "a terminal takes a new size" => resize,
        each "a new size without a terminal, or after the end, has no effect" => resize_nothing,
        each "wait may be called again, and after the output was dropped" => wait_again,
        each "user, working directory and environment are the request's" => request,
        each "without a user it is the container's" => container_user,
        each "a program that does not exist is 127, 126 or NotFound" => no_program,
        each "a dropped program goes on" => detached,
        once "nothing runs in a container that does not" => not_running,
    ));
    all
}

/// A line of the table: terminal, standard input, exit code.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) tty: bool,
    pub(super) stdin: bool,
    pub(super) status: i64,
}
/// The size of every terminal in the table.
pub(super) const SIZE: TermSize = TermSize { cols: 93, rows: 31 };

/// One case for every line of the table.
pub(super) fn table(
    area: &'static str,
    run: impl Fn(Row) -> crate::backend::suite::CaseFn,
) -> Vec<Case> {
    let mut all = Vec::new();
    for tty in [false, true] {
        for stdin in [false, true] {
            for status in [0, 7] {
                let row = Row { tty, stdin, status };
                let input = if stdin { "with input" } else { "without input" };
                let terminal = if tty {
                    "on a terminal"
                } else {
                    "through pipes"
                };
                all.push(Case {
                    area,
                    sentence: format!("{terminal}, {input}, ending with {status}"),
                    each_runtime: true,
                    promised: None,
                    run: run(row),
                });
            }
        }
    }
    all
}

impl Row {
    /// What the program does.
    pub(super) fn steps(self) -> Vec<Step> {
        let mut steps = vec![Step::Terminal];
        if self.tty {
            steps.push(Step::NoEcho);
            steps.push(Step::await_size(SIZE));
        }
        steps.push(Step::out("ready"));
        if self.stdin {
            steps.push(Step::Line);
        }
        steps.extend([
            Step::out("to out"),
            Step::Err("to err".into()),
            Step::Exit(self.status),
        ]);
        steps
    }
    /// Whether that is what came.
    pub(super) fn check(self, before: &SoFar, said: &Said) -> Checked {
        let out = format!("{}{}", before.out, said.text());
        let err = format!("{}{}", before.err, said.errors());
        let wanted = if self.tty { "terminal" } else { "pipe" };
        ensure!(out.contains(wanted), "not a {wanted}: {out:?}");
        ensure!(
            !self.tty || out.contains("resized"),
            "the terminal has another size: {out:?}"
        );
        ensure!(
            !self.stdin || out.contains("got typed"),
            "what was typed did not arrive: {out:?}"
        );
        ensure!(
            out.contains("to out"),
            "standard output is not there: {out:?}"
        );
        if self.tty {
            ensure!(out.contains("to err"), "a terminal has one output: {out:?}");
            same!(err, "", "standard error of a terminal");
        } else {
            ensure!(!out.contains("to err"), "both outputs in one: {out:?}");
            same!(err, "to err\n", "standard error");
        }
        same!(said.status, ExitStatus(self.status), "the exit status");
        Ok(())
    }
}

async fn try_row(room: &Room, row: Row) -> Checked {
    let id = room.running(&room.idle("agent")).await?;
    let mut request = ExecRequest::new(room.dialect().argv(&row.steps()));
    request.tty = row.tty.then_some(SIZE);
    request.stdin = row.stdin;
    let mut process = room.backend().exec(&id, &request).await?;
    let before = until(&mut process, "ready").await?;
    if row.stdin {
        write(&mut process, b"typed\n").await?;
    }
    row.check(&before, &collect(process).await?)
}

async fn complete(room: &Room) -> Checked {
    let id = room.running(&room.idle("agent")).await?;
    let said = room
        .exec(&id, &[Step::Bulk(4_000_000, 2_000_000), Step::Exit(3)])
        .await?;
    same!(said.stdout.len(), 4_000_000, "bytes of standard output");
    same!(said.stderr.len(), 2_000_000, "bytes of standard error");
    same!(said.status, ExitStatus(3), "the exit status");
    Ok(())
}

async fn counting(room: &Room) -> Checked<(ContainerId, ExecRequest)> {
    let id = room.running(&room.idle("agent")).await?;
    let mut request = ExecRequest::new(room.dialect().argv(&[Step::Count]));
    request.stdin = true;
    Ok((id, request))
}

async fn stdin_shut(room: &Room) -> Checked {
    let (id, request) = counting(room).await?;
    let mut process = room.backend().exec(&id, &request).await?;
    write(&mut process, b"12345").await?;
    shut(&mut process).await?;
    same!(collect(process).await?.text(), "5\n", "bytes read");
    Ok(())
}

async fn stdin_dropped(room: &Room) -> Checked {
    let (id, request) = counting(room).await?;
    let mut process = room.backend().exec(&id, &request).await?;
    write(&mut process, b"12345").await?;
    process.stdin = None;
    same!(collect(process).await?.text(), "5\n", "bytes read");
    Ok(())
}

async fn no_stdin(room: &Room) -> Checked {
    let (id, mut request) = counting(room).await?;
    request.stdin = false;
    same!(
        room.exec_as(&id, request).await?.text(),
        "0\n",
        "bytes read"
    );
    Ok(())
}

async fn long_stdin(room: &Room) -> Checked {
    let (id, request) = counting(room).await?;
    let mut process = room.backend().exec(&id, &request).await?;
    let piece = vec![b'x'; 100_000];
    for _ in 0..30 {
        write(&mut process, &piece).await?;
    }
    shut(&mut process).await?;
    same!(collect(process).await?.text(), "3000000\n", "bytes read");
    Ok(())
}

async fn resize(room: &Room) -> Checked {
    let id = room.running(&room.idle("agent")).await?;
    let new = TermSize {
        cols: 133,
        rows: 41,
    };
    let steps = [
        Step::await_size(SIZE),
        Step::out("ready"),
        Step::await_size(new),
        Step::Size,
        Step::Exit(5),
    ];
    let mut request = ExecRequest::new(room.dialect().argv(&steps));
    request.tty = Some(SIZE);
    let mut process = room.backend().exec(&id, &request).await?;
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

async fn resize_nothing(room: &Room) -> Checked {
    let id = room.running(&room.idle("agent")).await?;
    for tty in [None, Some(SIZE)] {
        let mut request = ExecRequest::new(room.dialect().argv(&[Step::Exit(0)]));
        request.tty = tty;
        let process = room.backend().exec(&id, &request).await?;
        if tty.is_none() {
            process.control.resize(SIZE).await?;
        }
        soon("wait", process.control.wait()).await??;
        process.control.resize(SIZE).await?;
    }
    Ok(())
}

async fn wait_again(room: &Room) -> Checked {
    let id = room.running(&room.idle("agent")).await?;
    let request = ExecRequest::new(room.dialect().argv(&[Step::Pause(500), Step::Exit(9)]));
    let process = room.backend().exec(&id, &request).await?;
    let control = process.control;
    drop(process.output);
    for _ in 0..2 {
        same!(soon("wait", control.wait()).await??, ExitStatus(9), "wait");
    }
    Ok(())
}

async fn request(room: &Room) -> Checked {
    let id = room.running(&room.idle("agent")).await?;
    let steps = [Step::User, Step::Folder, Step::Env("KEY".into())];
    let mut request = ExecRequest::new(room.dialect().argv(&steps)).user("1234:5678");
    request.workdir = Some("/usr".into());
    request.env = vec![("KEY".into(), SecretString::from("a b=c"))];
    let said = room.exec_as(&id, request).await?;
    same!(
        said.text(),
        "1234:5678\n/usr\na b=c\n",
        "user, folder, variable"
    );
    Ok(())
}

async fn container_user(room: &Room) -> Checked {
    let mut plan = room.idle("agent");
    plan.user = Some("1234:5678".into());
    plan.workdir = Some("/usr".into());
    let id = room.running(&plan).await?;
    let said = room.says(&id, &[Step::User, Step::Folder]).await?;
    same!(said, "1234:5678\n/usr", "user and folder");
    Ok(())
}

async fn no_program(room: &Room) -> Checked {
    let id = room.running(&room.idle("agent")).await?;
    for program in ["no-such-program", "/no/such/program"] {
        match room.backend().exec(&id, &ExecRequest::new([program])).await {
            Err(error) => {
                same!(
                    error.kind(),
                    BackendErrorKind::NotFound,
                    "the kind of `{error}`"
                );
            }
            Ok(process) => {
                let status = collect(process).await?.status;
                ensure!(
                    [126, 127].contains(&status.0),
                    "`{program}` ended with {}",
                    status.0
                );
            }
        }
    }
    Ok(())
}

async fn detached(room: &Room) -> Checked {
    let id = room.running(&room.idle("agent")).await?;
    let steps = [
        Step::out("ready"),
        Step::Pause(400),
        Step::write("/srv/after", "it went on"),
    ];
    let request = ExecRequest::new(room.dialect().argv(&steps));
    let mut process = room.backend().exec(&id, &request).await?;
    until(&mut process, "ready").await?;
    drop(process);
    let found = soon("the file", async {
        loop {
            let found = room.says(&id, &[Step::stat("/srv/after")]).await?;
            if found != "nothing" {
                return Checked::Ok(found);
            }
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    });
    ensure!(found.await??.starts_with("file"), "it did not go on");
    Ok(())
}

async fn not_running(room: &Room) -> Checked {
    let created = room.create(&room.idle("created")).await?;
    let ended = room.ended("ended", &[Step::Exit(0)]).await?;
    let request = ExecRequest::new(room.dialect().argv(&[Step::Exit(0)]));
    for (what, id) in [("created", created), ("ended", ended)] {
        if room.backend().exec(&id, &request).await.is_ok() {
            return Err(Miss::broken(format!(
                "a program runs in a container that is {what}"
            )));
        }
    }
    Ok(())
}
