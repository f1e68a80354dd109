//! The hop at its place: alone, behind others, before others; planned and launched.

use std::sync::Arc;

use bottle_backend_memory::Memory;

use super::{Place, ProxySuite, hop, launched, next, places, policies, text};
use crate::{
    Checked, Faulty, Miss,
    matrix::plugins::Hop,
    plugin::{block_on, task},
    runner::Task,
    scene,
    stage::{Ground, Plugins, Proxies, Stage},
    verdict::{chain, ensure},
};

pub(super) fn tasks(suite: &ProxySuite) -> Vec<Task> {
    vec![
        task(
            suite,
            "place::it takes some place with two hosts allowed",
            some_place,
        ),
        task(
            suite,
            "place::it forwards to the next hop, if it says that it can",
            forwards,
        ),
        task(
            suite,
            "place::a hop that cannot forward is refused anywhere but last",
            last_only,
        ),
        task(
            suite,
            "place::what it refuses it refuses with a reason",
            reasons,
        ),
        task(
            suite,
            "place::a bottle with it alone is launched and leaves nothing",
            alone,
        ),
        task(
            suite,
            "place::a bottle with it behind another is launched and leaves nothing",
            behind,
        ),
        task(
            suite,
            "place::a bottle with it before another is launched and leaves nothing",
            before,
        ),
    ]
}

fn some_place(suite: &ProxySuite) -> Checked {
    let proxy = suite.proxy()?;
    let policy = scene::policy(&["api.one.test", "*.two.test"]);
    let mut refusals = Vec::new();
    for place in places() {
        match hop(&*proxy, &place, &policy) {
            Ok(_) => return Ok(()),
            Err(error) => refusals.push(format!("{}: {}", place.what, chain(&error))),
        }
    }
    Err(Miss::broken(format!("refused everywhere: {refusals:?}")))
}

/// Places with a hop behind them.
fn in_front() -> impl Iterator<Item = Place> {
    places().into_iter().filter(|place| place.next.is_some())
}

fn forwards(suite: &ProxySuite) -> Checked {
    let proxy = suite.proxy()?;
    if !proxy.chains() {
        return Err(Miss::not_here("it says that it cannot"));
    }
    let policy = scene::policy(&["api.one.test"]);
    let mut planned = 0;
    for place in in_front() {
        let Ok(plan) = hop(&*proxy, &place, &policy) else {
            continue;
        };
        planned += 1;
        let host = next(&[], false).host;
        ensure!(
            text(&plan)?.contains(&host),
            "{}: it does not know `{host}`",
            place.what
        );
    }
    ensure!(
        planned > 0,
        "it says that it can, and refuses every hop behind it"
    );
    Ok(())
}

fn last_only(suite: &ProxySuite) -> Checked {
    let proxy = suite.proxy()?;
    if proxy.chains() {
        return Err(Miss::not_here("it says that it can forward"));
    }
    match plan_of(suite, true, false) {
        Ok(_) => Err(Miss::broken("it was planned before another hop")),
        Err(Miss::Broken(why)) => {
            ensure!(
                why.contains("last"),
                "refused, but not for its place: {why}"
            );
            Ok(())
        }
        Err(other) => Err(other),
    }
}

fn reasons(suite: &ProxySuite) -> Checked {
    let proxy = suite.proxy()?;
    for place in places() {
        for (what, policy) in policies() {
            if let Err(error) = hop(&*proxy, &place, &policy) {
                let where_ = format!("{}, {what}", place.what);
                ensure!(
                    !error.to_string().trim().is_empty(),
                    "{where_}: without a word"
                );
                ensure!(error.hint().is_some(), "{where_}: no hint beside `{error}`");
            }
        }
    }
    Ok(())
}

/// The proxy with a hop of the suite's before or behind it.
fn chained(suite: &ProxySuite, before: bool, behind: bool) -> Plugins {
    let (make, ground) = (launched(suite), Arc::new(Ground::in_memory()));
    Arc::new(move || {
        let hop = |last| Hop {
            ground: Arc::clone(&ground),
            last,
        };
        let mut proxies = Proxies::new();
        if behind {
            proxies.push(Box::new(hop(false)));
        }
        proxies.push(make()?);
        if before {
            proxies.push(Box::new(hop(true)));
        }
        Ok((proxies, vec![]))
    })
}

fn stage(suite: &ProxySuite, before: bool, behind: bool) -> Checked<Stage> {
    let ground = Arc::new(Ground::in_memory());
    let backend = Faulty::over(Arc::new(Memory::default()));
    Stage::new(&ground, backend, chained(suite, before, behind))
}
fn plan_of(suite: &ProxySuite, before: bool, behind: bool) -> Checked<bottle_api::LaunchPlan> {
    stage(suite, before, behind)?.plan()
}

fn launch(suite: &ProxySuite, before: bool, behind: bool) -> Checked {
    block_on(async {
        let stage = stage(suite, before, behind)?;
        let session = stage.launch().await?;
        let outcome = session.shutdown().await;
        ensure!(outcome.result.is_ok(), "it ends badly: {outcome:?}");
        stage.nothing_left().await
    })
}

fn alone(suite: &ProxySuite) -> Checked {
    let place = &places()[0];
    let refused = hop(
        &*suite.proxy()?,
        place,
        &scene::policy(&["api.example.com"]),
    )
    .err();
    if let Some(error) = refused {
        return Err(Miss::not_here(format!("it does not stand alone: {error}")));
    }
    launch(suite, false, false)
}

fn behind(suite: &ProxySuite) -> Checked {
    let place = &places()[1];
    let refused = hop(
        &*suite.proxy()?,
        place,
        &scene::policy(&["api.example.com"]),
    )
    .err();
    if let Some(error) = refused {
        return Err(Miss::not_here(format!(
            "it does not stand behind another: {error}"
        )));
    }
    launch(suite, false, true)
}

fn before(suite: &ProxySuite) -> Checked {
    if !suite.proxy()?.chains() {
        return Err(Miss::not_here("it says that it cannot forward"));
    }
    launch(suite, true, false)
}
