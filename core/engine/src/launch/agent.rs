//! The agent's container: named, filled, prepared; started when the chain is ready.

use std::{sync::Arc, time::Duration};

use bottle_api::{
    BackendErrorKind, ContainerId, Event, Phase, PluginError, Process, Provisioner, ResourceKind,
};
use futures_util::future::join;

use super::{
    LaunchError,
    attempt::{Step, quietly},
    container::Ingredients,
    handles::{Files, Hands},
    run::{Later, Material, Networks, Run},
    undo::know,
};
use crate::{CleanOptions, clean, container_name, plan::release_shim, teardown::Stage};

/// The highest number that a taken name counts up to.
const LAST_NUMBER: usize = 99;
/// All that one provisioner does.
const PROVISION_LIMIT: Duration = Duration::from_mins(10);
/// Looking for a dead session that holds a pinned name.
const SWEEP_LIMIT: Duration = Duration::from_secs(30);

/// The agent's container.
#[derive(Clone, Debug)]
pub(super) struct Agent {
    pub(super) id: ContainerId,
    /// The bottle's name.
    pub(super) name: String,
}

impl Run<'_> {
    /// Creates and prepares it. It does not run yet.
    pub(super) async fn agent(
        &self,
        networks: &Networks<'_>,
        material: &Later<'_, Arc<Material>>,
    ) -> Step<Agent> {
        let plan = &self.plan.agent;
        let (image, material) = join(self.image(plan), material.clone()).await;
        let (image, material) = (image?, material?);
        let ingredients = self.ingredients(plan, networks, &material, image).await?;
        let agent = {
            let _phase = self.phases.enter(Phase::Agent);
            let creating = self.create_named(&ingredients);
            let (agent, archive) = join(creating, self.packed(plan, &material)).await;
            let (agent, archive) = (agent?, archive?);
            self.put(Phase::Agent, &agent.id, archive).await?;
            agent
        };
        self.prepare(&agent.id, &material).await?;
        Ok(agent)
    }

    /// The one place that knows about numbers behind names.
    async fn create_named(&self, ingredients: &Ingredients) -> Step<Agent> {
        let (base, pinned) = (&self.plan.name.base, self.plan.name.pinned);
        let plan = &self.plan.agent;
        let known = self.arm_removal(Stage::Containers, &plan.owner);
        let mut swept = false;
        let mut number = 1;
        let mut name = base.clone();
        loop {
            let container = container_name(&name);
            let (request, cx) = (ingredients.request(plan, &container), self.cx());
            let creating = self.launcher.backend.create_container(&request, &cx);
            let creating = self.attempt.commit_raw(async {
                let id = creating.await?;
                let kind = ResourceKind::Container;
                know(&known, kind, id.as_str(), &container, &plan.owner);
                Ok(id)
            });
            match creating.await? {
                Ok(id) => return self.named(id, name, container),
                Err(error) if error.kind() != BackendErrorKind::NameConflict => {
                    let phase = Phase::Agent;
                    let source = error;
                    return Err(self.attempt.fail(LaunchError::Backend { phase, source }));
                }
                Err(_) if pinned && !swept => {
                    swept = true;
                    self.sweep().await?;
                }
                Err(_) if pinned => {
                    let name = base.clone();
                    return Err(self.attempt.fail(LaunchError::NameTaken { name }));
                }
                Err(_) if number == LAST_NUMBER => {
                    let base = base.clone();
                    return Err(self.attempt.fail(LaunchError::NamesExhausted { base }));
                }
                Err(_) => {
                    number += 1;
                    let next = format!("{base}-{number}");
                    self.events.emit(Event::NameTaken {
                        wanted: std::mem::replace(&mut name, next.clone()),
                        next,
                    });
                }
            }
        }
    }

    fn named(&self, id: ContainerId, name: String, container: String) -> Step<Agent> {
        self.events.emit(Event::Created {
            role: self.plan.agent.owner.role.clone(),
            id: id.clone(),
            name: container,
        });
        let mut meta = self.meta();
        meta.name.clone_from(&name);
        meta.container = Some(id.clone());
        let written = self.lease.write_meta(&meta);
        written.map_err(|error| self.attempt.fail(error.into()))?;
        Ok(Agent { id, name })
    }

    /// A dead session may hold the name.
    async fn sweep(&self) -> Step<()> {
        let launcher = self.launcher;
        let options = CleanOptions::default();
        let cleaning = clean(launcher.backend.as_ref(), &launcher.store, &options);
        let swept = self.attempt.wait(quietly(SWEEP_LIMIT, cleaning)).await?;
        tracing::debug!(
            done = matches!(swept, Some(Ok(_))),
            "swept for a pinned name"
        );
        Ok(())
    }

    /// Provisioners in the plan's order.
    fn provisioners(&self) -> impl Iterator<Item = &dyn Provisioner> {
        self.plan.provisioners.iter().filter_map(|name| {
            let mut all = self.parts.provisioners.iter().map(AsRef::as_ref);
            all.find(|p| p.name() == name)
        })
    }

    async fn prepare(&self, id: &ContainerId, material: &Material) -> Step<()> {
        let _phase = self.phases.enter(Phase::Provision);
        let context = self.provision_context();
        let files = Files {
            backend: self.launcher.backend.as_ref(),
            id,
            home: &self.parts.spec.user.home,
            trust: &material.trust,
        };
        for provisioner in self.provisioners() {
            self.provisioned(provisioner, provisioner.prepare(&context, &files))
                .await?;
        }
        Ok(())
    }

    /// Starts the prepared container, attached first when that is asked for, and lets
    /// provisioners run their programs before the agent's own.
    pub(super) async fn start_agent(&self, agent: &Agent) -> Step<Option<Process>> {
        let _phase = self.phases.enter(Phase::Running);
        let backend = &self.launcher.backend;
        let process = if self.parts.attach {
            let attaching = backend.attach(&agent.id, self.plan.agent.stdio);
            Some(self.attempt.droppable(Phase::Running, attaching).await?)
        } else {
            None
        };
        self.arm_stop(&agent.id);
        let starting = backend.start(&agent.id);
        self.attempt.commit(Phase::Running, starting).await?;
        self.apply(agent).await?;
        self.attempt.check()?;
        Ok(process)
    }

    async fn apply(&self, agent: &Agent) -> Step<()> {
        let context = self.provision_context();
        let applying: Vec<_> = self
            .provisioners()
            .filter(|p| p.applies(&context))
            .collect();
        if applying.is_empty() {
            return Ok(());
        }
        let _phase = self.phases.enter(Phase::Provision);
        let hands = Hands {
            backend: self.launcher.backend.as_ref(),
            id: &agent.id,
        };
        for provisioner in applying {
            self.provisioned(provisioner, provisioner.apply(&context, &hands))
                .await?;
        }
        let released = self
            .attempt
            .droppable(Phase::Provision, hands.run(&release_shim(), &[]))
            .await?;
        if released.status.success() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&released.stderr).trim().to_owned();
        Err(self.attempt.fail(LaunchError::Panicked(format!(
            "the agent's command could not be let go: {text}"
        ))))
    }

    /// Waits for a provisioner, within a limit.
    async fn provisioned(
        &self,
        provisioner: &dyn Provisioner,
        work: impl Future<Output = Result<(), PluginError>>,
    ) -> Step<()> {
        let work = tokio::time::timeout(PROVISION_LIMIT, work);
        let done = self.attempt.wait(work).await?.unwrap_or_else(|_| {
            let limit = PROVISION_LIMIT.as_secs();
            Err(PluginError::failed(format!(
                "it did not end within {limit} s"
            )))
        });
        done.map_err(|source| {
            let (name, source) = (provisioner.name().to_owned(), Box::new(source));
            self.attempt.fail(LaunchError::Provision { name, source })
        })
    }
}
