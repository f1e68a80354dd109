//! Secrets reach the program and nothing else.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bottle_api::{BackendError, ContainerRequest, EventSink, ExecRequest, OpContext, SecretString};

use super::cases;
use crate::{
    Checked, Miss, Step,
    backend::{Room, suite::Case, watch},
    verdict::{chain, ensure, same},
};

pub(super) fn cases() -> Vec<Case> {
    cases!("secrets";
        once "the environment of a container is in no state, listing or event" => environment,
        once "the environment of a program is in no state or listing" => exec,
        once "no secret is on a command line of this machine" => argv,
        once "no error of a refused container holds a secret" => refused,
        once "no error of a refused program holds a secret" => refused_exec,
    )
}

fn env(name: &str, secret: &str) -> Vec<(String, SecretString)> {
    vec![(name.to_owned(), SecretString::from(secret))]
}

fn clean(secret: &str, what: &str, text: &str) -> Checked {
    ensure!(!text.contains(secret), "{what} holds a secret: {text}");
    Ok(())
}

async fn environment(room: &Room) -> Checked {
    let secret = room.secret();
    let plan = room.plan("agent", &[Step::Env("KEY".into()), Step::Forever]);
    let (sink, mut events) = EventSink::channel();
    let env = env("KEY", &secret);
    let request = ContainerRequest::new(&plan, &plan.name, room.image()).env(&env);
    clean(&secret, "the request's Debug", &format!("{request:?}"))?;
    let id = room
        .backend()
        .create_container(&request, &OpContext::new(sink))
        .await?;
    room.backend().start(&id).await?;
    crate::streams::until_line(room.log(&id, true).await?, &secret).await?;
    let state = room.backend().inspect(&id).await?;
    clean(&secret, "inspect", &format!("{state:?}"))?;
    clean(&secret, "list_owned", &format!("{:?}", room.owned().await?))?;
    clean(
        &secret,
        "the backend's Debug",
        &format!("{:?}", room.backend()),
    )?;
    while let Ok(event) = events.try_recv() {
        clean(&secret, "an event", &format!("{event:?}"))?;
    }
    Ok(())
}

async fn exec(room: &Room) -> Checked {
    let secret = room.secret();
    let id = room.running(&room.idle("agent")).await?;
    let mut request = ExecRequest::new(room.dialect().argv(&[Step::Env("KEY".into())]));
    request.env = env("KEY", &secret);
    clean(&secret, "the request's Debug", &format!("{request:?}"))?;
    let said = room.exec_as(&id, request).await?;
    same!(said.text().trim_end(), secret, "what the program sees");
    let state = room.backend().inspect(&id).await?;
    clean(&secret, "inspect", &format!("{state:?}"))?;
    clean(&secret, "list_owned", &format!("{:?}", room.owned().await?))?;
    Ok(())
}

/// Looks at all command lines again and again while a container and a program are made.
async fn argv(room: &Room) -> Checked {
    let secret = room.secret();
    let done = Arc::new(AtomicBool::new(false));
    let (stop, looked_for) = (Arc::clone(&done), secret.clone());
    let looking = std::thread::spawn(move || {
        let (mut found, mut looks) = (Vec::new(), 0_u32);
        while !stop.load(Ordering::Relaxed) {
            found.extend(watch::command_lines(&looked_for));
            looks += 1;
            std::thread::sleep(Duration::from_millis(3));
        }
        (found, looks)
    });
    let plan = room.idle("agent");
    let made = async {
        let id = room
            .try_create(&plan, &[], &[], &env("KEY", &secret))
            .await?;
        room.backend().start(&id).await?;
        let mut request = ExecRequest::new(room.dialect().argv(&[Step::Pause(300)]));
        request.env = env("MORE", &secret);
        room.exec_as(&id, request).await
    };
    let made = made.await;
    done.store(true, Ordering::Relaxed);
    let (found, looks) = looking
        .join()
        .map_err(|_| Miss::broken("the suite itself: no look"))?;
    made?;
    ensure!(looks > 0, "the suite itself: nobody looked");
    ensure!(found.is_empty(), "on a command line: {}", found[0]);
    Ok(())
}

/// What is said, with causes, hint and Debug.
fn all_of(error: &BackendError) -> String {
    format!("{} {:?} {error:?}", chain(error), error.hint())
}

async fn refused(room: &Room) -> Checked {
    let secret = room.secret();
    let idle = room.idle("agent");
    room.create(&idle).await?;
    let mut runtime = room.idle("runtime");
    runtime.runtime = Some("no-such-runtime".into());
    let mut folder = room.idle("folder");
    folder.mounts = vec![bottle_api::Mount::Bind {
        source: "/no/such/folder".into(),
        target: "/work".into(),
        read_only: true,
    }];
    let (name, nul) = (room.idle("name"), room.idle("nul"));
    let tries = [
        ("a taken name", &idle, env("KEY", &secret)),
        ("an unknown runtime", &runtime, env("KEY", &secret)),
        ("a missing folder", &folder, env("KEY", &secret)),
        ("a variable's name with `=`", &name, env("A=B", &secret)),
        ("a variable's name with NUL", &nul, env("A\0B", &secret)),
    ];
    for (what, plan, env) in tries {
        if let Err(error) = room.try_create(plan, &[], &[], &env).await {
            clean(&secret, &format!("the error about {what}"), &all_of(&error))?;
        }
    }
    Ok(())
}

async fn refused_exec(room: &Room) -> Checked {
    let secret = room.secret();
    let created = room.create(&room.idle("agent")).await?;
    let gone = super::lifecycle::nowhere();
    for (what, id) in [
        ("one that does not run", &created),
        ("one that is gone", &gone),
    ] {
        let mut request = ExecRequest::new(room.dialect().argv(&[Step::Exit(0)]));
        request.env = env("KEY", &secret);
        match room.backend().exec(id, &request).await {
            Ok(_) => return Err(Miss::broken(format!("a program runs in {what}"))),
            Err(error) => clean(&secret, &format!("the error about {what}"), &all_of(&error))?,
        }
    }
    Ok(())
}
