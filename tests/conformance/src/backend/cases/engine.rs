//! `probe`, `guarantees`, and an engine that is not there.

use std::{collections::BTreeSet, time::Duration};

use bottle_api::{
    Backend, BackendErrorKind, Guarantee, NetworkPlan, NetworkRequest, OwnedSelector,
};

use super::cases;
use crate::{
    Checked, Miss,
    backend::{
        Room,
        room::discard,
        suite::{Build, Case},
    },
    plugin,
    verdict::{ensure, same},
};

pub(super) fn cases() -> Vec<Case> {
    cases!("engine";
        once "it has the name it is registered under" => name,
        once "its table refuses a key it does not know" => unknown_key,
        once "a probe tells engine, endpoint and runtimes" => probe,
        once "a probe has no side effect" => probe_twice,
        each "each of its seven guarantees is given or withheld, never left out" => all_seven,
        each "what it guarantees depends on the probe alone" => pure,
        once "an engine that is not reachable is EngineDown with a hint" => down,
        once "a call that gets no answer ends in Timeout" => silent,
    )
}

/// What a backend has to speak about.
const OURS: [Guarantee; 7] = [
    Guarantee::DnsClosed,
    Guarantee::HostClosed,
    Guarantee::EgressOnlyByChain,
    Guarantee::OwnKernel,
    Guarantee::Rootless,
    Guarantee::NoNewPrivs,
    Guarantee::Limits,
];

async fn name(room: &Room) -> Checked {
    let name = room.backend().name();
    plugin::name_is(name, room.suite().registered.unwrap_or(name))
}

async fn unknown_key(room: &Room) -> Checked {
    let Some(build) = &room.suite().unknown_key else {
        return Err(Miss::not_here(
            "the suite was given a backend, not its table",
        ));
    };
    plugin::refuses_unknown_key(build())
}

async fn probe(room: &Room) -> Checked {
    let info = room.backend().probe().await?;
    ensure!(!info.engine.is_empty(), "no engine is named");
    ensure!(!info.endpoint.is_empty(), "no endpoint is named");
    ensure!(
        info.runtimes.contains(&info.default_runtime),
        "the default runtime `{}` is none of {:?}",
        info.default_runtime,
        info.runtimes
    );
    Ok(())
}

async fn probe_twice(room: &Room) -> Checked {
    let first = room.backend().probe().await?;
    let second = room.backend().probe().await?;
    same!(second, first, "a second probe");
    same!(room.owned().await?, [], "what is owned");
    Ok(())
}

async fn all_seven(room: &Room) -> Checked {
    let said = room.backend().guarantees(room.info(), &room.runtime);
    for promise in OURS {
        let times = said.iter().filter(|s| s.guarantee == promise).count();
        same!(times, 1, "how often `{promise}` is spoken of");
    }
    let foreign: Vec<_> = said
        .iter()
        .filter(|s| !OURS.contains(&s.guarantee))
        .collect();
    ensure!(
        foreign.is_empty(),
        "not a backend's to promise: {foreign:?}"
    );
    for statement in &said {
        same!(
            statement.by,
            room.backend().name(),
            "who says `{}`",
            statement.guarantee
        );
        ensure!(
            !statement.how.is_empty(),
            "`{}` without a reason",
            statement.guarantee
        );
    }
    Ok(())
}

async fn pure(room: &Room) -> Checked {
    let ask = || room.backend().guarantees(room.info(), &room.runtime);
    same!(ask(), ask(), "asked twice");
    Ok(())
}

fn other(build: &Build) -> Checked<Box<dyn Backend>> {
    build().map_err(|why| Miss::broken(format!("it cannot even be made: {why}")))
}

async fn down(room: &Room) -> Checked {
    let Some(build) = &room.suite().down else {
        return Err(Miss::not_here(
            "the suite was not told of an engine that is down",
        ));
    };
    let backend = other(build)?;
    let plan = NetworkPlan {
        owner: room.owner("link-0"),
        name: room.name("link-0"),
        internal: true,
    };
    let subnet = "10.215.255.240/28"
        .parse()
        .map_err(|_| Miss::broken("no subnet"))?;
    let request = NetworkRequest::new(&plan, subnet);
    let errors = [
        ("probe", backend.probe().await.err()),
        (
            "list_owned",
            backend.list_owned(&OwnedSelector::default()).await.err(),
        ),
        (
            "create_network",
            backend.create_network(&request, &discard()).await.err(),
        ),
    ];
    let mut kinds = BTreeSet::new();
    for (verb, error) in errors {
        let Some(error) = error else {
            return Err(Miss::broken(format!(
                "{verb} succeeds on an engine that is down"
            )));
        };
        same!(
            error.kind(),
            BackendErrorKind::EngineDown,
            "the kind of {verb}'s error ({error})"
        );
        if verb == "probe" {
            ensure!(error.hint().is_some(), "no hint: {error}");
        }
        kinds.insert(verb);
    }
    Ok(())
}

async fn silent(room: &Room) -> Checked {
    let Some(build) = &room.suite().silent else {
        return Err(Miss::not_here(
            "the suite was not told of an engine that is silent",
        ));
    };
    let backend = other(build)?;
    let Ok(answer) = tokio::time::timeout(Duration::from_mins(1), backend.probe()).await else {
        return Err(Miss::broken("it still waits after a minute"));
    };
    match answer {
        Ok(info) => Err(Miss::broken(format!("an answer from nobody: {info:?}"))),
        Err(error) => {
            same!(
                error.kind(),
                BackendErrorKind::Timeout,
                "the kind of `{error}`"
            );
            Ok(())
        }
    }
}
