//! `logs`.

use bottle_api::{LogRequest, Stdio};

use super::cases;
use crate::{
    Checked, Step,
    backend::{Room, suite::Case},
    streams::lines,
    verdict::{ensure, same},
};

pub(super) fn cases() -> Vec<Case> {
    cases!("logs";
        each "line by line, without line ends, both outputs in order" => both,
        each "on a terminal too" => terminal,
        each "a last line without an end is a line" => unended,
        once "a long line is one line" => long,
        each "only the last so many" => tail,
        each "following delivers new lines and ends with the container" => follow,
        once "not following ends while the container runs" => not_follow,
    )
}

/// The pauses keep the two pipes in order.
fn steps() -> [Step; 6] {
    [
        Step::out("one"),
        Step::Pause(300),
        Step::Err("two".into()),
        Step::Pause(300),
        Step::Part("thr".into()),
        Step::Out("ee".into()),
    ]
}

async fn all(room: &Room, stdio: Stdio, steps: &[Step]) -> Checked<Vec<String>> {
    let mut plan = room.plan("agent", steps);
    plan.stdio = stdio;
    let id = room.running(&plan).await?;
    room.backend().wait(&id).await?;
    lines(room.log(&id, false).await?).await
}

async fn both(room: &Room) -> Checked {
    let found = all(room, Stdio::default(), &steps()).await?;
    same!(found, ["one", "two", "three"], "the lines");
    Ok(())
}

async fn terminal(room: &Room) -> Checked {
    let stdio = Stdio {
        tty: true,
        ..Stdio::default()
    };
    same!(
        all(room, stdio, &steps()).await?,
        ["one", "two", "three"],
        "the lines"
    );
    Ok(())
}

async fn unended(room: &Room) -> Checked {
    let steps = [Step::out("one"), Step::Part("two".into()), Step::Exit(0)];
    same!(
        all(room, Stdio::default(), &steps).await?,
        ["one", "two"],
        "the lines"
    );
    Ok(())
}

async fn long(room: &Room) -> Checked {
    let steps = [Step::Bulk(100_000, 0), Step::out(""), Step::out("end")];
    let found = all(room, Stdio::default(), &steps).await?;
    let lengths: Vec<_> = found.iter().map(String::len).collect();
    same!(lengths, [100_000, 3], "the lengths of the lines");
    Ok(())
}

async fn tail(room: &Room) -> Checked {
    let steps: Vec<_> = (1..=5).map(|n| Step::out(format!("line {n}"))).collect();
    let id = room.ended("agent", &steps).await?;
    let request = LogRequest {
        follow: false,
        tail: Some(2),
    };
    let found = lines(room.backend().logs(&id, request).await?).await?;
    same!(found, ["line 4", "line 5"], "the last two of five");
    Ok(())
}

async fn follow(room: &Room) -> Checked {
    let mut steps = Vec::new();
    for n in 1..=4 {
        steps.extend([Step::out(format!("line {n}")), Step::Pause(200)]);
    }
    let id = room.running(&room.plan("agent", &steps)).await?;
    let found = lines(room.log(&id, true).await?).await?;
    same!(found, ["line 1", "line 2", "line 3", "line 4"], "the lines");
    Ok(())
}

async fn not_follow(room: &Room) -> Checked {
    let id = room
        .running(&room.plan("agent", &[Step::out("one"), Step::Forever]))
        .await?;
    crate::streams::until_line(room.log(&id, true).await?, "one").await?;
    same!(
        lines(room.log(&id, false).await?).await?,
        ["one"],
        "the lines so far"
    );
    let running = room.backend().inspect(&id).await?.running;
    ensure!(running, "it ended meanwhile");
    Ok(())
}
