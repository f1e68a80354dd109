//! Whole launches with it: on an engine in memory, and on the suite's own.

use std::sync::Arc;

use bottle_api::{Backend, ExecRequest};
use bottle_backend_memory::Memory;

use super::ProvisionerSuite;
use crate::{
    Checked, Faulty, Miss,
    matrix::plugins::Hop,
    plugin::{block_on, task},
    runner::Task,
    stage::{Ground, Plugins, Provisioners, Proxies, Stage},
    streams::collect,
    verdict::{chain, ensure, same},
};

pub(super) fn tasks(suite: &ProvisionerSuite) -> Vec<Task> {
    vec![
        task(
            suite,
            "launch::a bottle with it is launched and leaves nothing",
            in_memory,
        ),
        task(
            suite,
            "launch::a bottle with it and a chain that ends TLS, too",
            with_chain,
        ),
        task(
            suite,
            "launch::on a live engine, it shows what it did and leaves nothing",
            live,
        ),
    ]
}

fn plugins(suite: &ProvisionerSuite, ground: &Arc<Ground>, chained: bool) -> Plugins {
    let (suite, ground) = (suite.clone(), Arc::clone(ground));
    Arc::new(move || {
        let mut proxies = Proxies::new();
        if chained {
            let ground = Arc::clone(&ground);
            proxies.push(Box::new(Hop {
                ground,
                last: false,
            }));
        }
        let provisioners: Provisioners = vec![suite.provisioner()?];
        Ok((proxies, provisioners))
    })
}

async fn launched(
    stage: &Stage,
    look: impl AsyncFn(&Stage, &bottle_engine::Session) -> Checked,
) -> Checked {
    let session = stage.launch().await?;
    let seen = look(stage, &session).await;
    let outcome = session.shutdown().await;
    let left = stage.nothing_left().await;
    seen?;
    ensure!(outcome.result.is_ok(), "it ends badly: {outcome:?}");
    left
}

fn on_memory(suite: &ProvisionerSuite, chained: bool) -> Checked {
    block_on(async {
        let ground = Arc::new(Ground::in_memory());
        let mut memory = Memory::default();
        for (path, text) in &suite.files {
            memory = memory.image_file(path, text);
        }
        let backend = Faulty::over(Arc::new(memory));
        let stage = Stage::new(&ground, backend, plugins(suite, &ground, chained))?;
        launched(&stage, async |_, _| Ok(())).await
    })
}

fn in_memory(suite: &ProvisionerSuite) -> Checked {
    on_memory(suite, false)
}

fn with_chain(suite: &ProvisionerSuite) -> Checked {
    on_memory(suite, true)
}

fn live(suite: &ProvisionerSuite) -> Checked {
    let Some(engine) = &suite.live else {
        return Err(Miss::not_here("the suite was given no engine: use `live`"));
    };
    block_on(async {
        let backend: Arc<dyn Backend> = Arc::from((engine.build)().map_err(Miss::not_here)?);
        let info = backend.probe().await;
        let info = info.map_err(|error| Miss::not_here(chain(&error)))?;
        let bottle_api::ImageSource::Pull { reference, .. } = &engine.image else {
            return Err(Miss::not_here("the engine's image has no name"));
        };
        let ground = Arc::new(Ground {
            image: reference.clone(),
            dialect: Arc::clone(&engine.dialect),
            runtime: info.default_runtime.clone(),
            info,
        });
        let plugins = plugins(suite, &ground, false);
        let stage = Stage::new(&ground, Faulty::over(backend), plugins)?;
        launched(&stage, async |stage, session| {
            for (step, text) in &suite.shows {
                let argv = ground.dialect.argv(std::slice::from_ref(step));
                let request = ExecRequest::new(argv);
                let process = stage
                    .backend
                    .inner()
                    .exec(session.agent(), &request)
                    .await?;
                let said = collect(process).await?;
                same!(said.text().trim_end(), text.as_str(), "{step:?}");
            }
            Ok(())
        })
        .await
    })
}
