//! The suite over a proxy.

mod data;
mod log;
mod place;
mod promise;

use std::{process::ExitCode, sync::Arc};

use bottle_api::{
    Accepts, Decision, EgressPolicy, Enforces, HealthEndpoint, HopContext, HopPlan, NextHop,
    PluginBuild, PluginError, Proxy, ScanApi, SecretRef, SessionId,
};

use crate::{
    Checked, Miss, Report,
    plugin::{self, Make, task},
    runner::{self, Manner, Task},
    scene,
};

/// A suite over one proxy. The cases come from the sentences of [`Proxy`]'s and
/// [`HopPlan`]'s documentation.
#[derive(Clone)]
pub struct ProxySuite {
    name: &'static str,
    make: Make<dyn Proxy>,
    defaults: Make<dyn Proxy>,
    unknown: Option<Make<dyn Proxy>>,
    golden: Vec<Golden>,
}
impl std::fmt::Debug for ProxySuite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProxySuite")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A log line and what it means.
#[derive(Clone, Debug)]
struct Golden {
    line: String,
    event: Option<(Decision, Option<String>)>,
}

impl ProxySuite {
    /// A registered proxy with this table of its own (TOML; empty is every default).
    pub fn of<P: PluginBuild<dyn Proxy>>(config: &str) -> Self {
        Self {
            name: P::NAME,
            make: plugin::configured::<dyn Proxy, P>(config),
            defaults: plugin::configured::<dyn Proxy, P>(""),
            unknown: Some(plugin::with_unknown_key::<dyn Proxy, P>(config)),
            golden: vec![],
        }
    }
    /// A proxy made by `make`, of which it is not known how it is configured.
    pub fn new(
        name: &'static str,
        make: impl Fn() -> Result<Box<dyn Proxy>, String> + Send + Sync + 'static,
    ) -> Self {
        let make: Make<dyn Proxy> = Arc::new(make);
        Self {
            name,
            defaults: Arc::clone(&make),
            unknown: None,
            make,
            golden: vec![],
        }
    }
    /// A line as the product writes it, the decision it tells, and the host it is about.
    #[must_use]
    pub fn decision(mut self, line: &str, decision: Decision, host: Option<&str>) -> Self {
        self.golden.push(Golden {
            line: line.to_owned(),
            event: Some((decision, host.map(str::to_owned))),
        });
        self
    }
    /// A line as the product writes it that is no decision about traffic.
    #[must_use]
    pub fn no_decision(mut self, line: &str) -> Self {
        self.golden.push(Golden {
            line: line.to_owned(),
            event: None,
        });
        self
    }

    fn proxy(&self) -> Checked<Box<dyn Proxy>> {
        (self.make)().map_err(Miss::broken)
    }

    fn tasks(&self) -> Vec<Task> {
        let mut all = vec![
            task(
                self,
                "proxy::it has the name it is registered under",
                |suite| plugin::name_is(suite.proxy()?.name(), suite.name),
            ),
            task(
                self,
                "proxy::its table refuses a key it does not know",
                |suite| match &suite.unknown {
                    Some(make) => plugin::refuses_unknown_key(make()),
                    None => Err(Miss::not_here("the suite was given a proxy, not its table")),
                },
            ),
            task(
                self,
                "proxy::every field of its table has a default",
                |suite| plugin::of_defaults((suite.defaults)()),
            ),
        ];
        all.extend(data::tasks(self));
        all.extend(place::tasks(self));
        all.extend(promise::tasks(self));
        all.extend(log::tasks(self));
        all
    }

    /// Runs every case and tells how each ended.
    pub fn report(&self) -> Report {
        runner::report(&self.tasks(), None, 2)
    }
    /// Runs as a test binary. [`proxy_main!`](crate::proxy_main) calls it.
    pub fn main(&self) -> ExitCode {
        let manner = Manner {
            at_once: 2,
            ..Manner::default()
        };
        runner::main(self.tasks(), None, &manner)
    }
}

/// A place in a chain.
#[derive(Clone, Debug)]
struct Place {
    what: &'static str,
    next: Option<NextHop>,
    first: bool,
}

fn next(accepts: &[Accepts], inspects: bool) -> NextHop {
    NextHop {
        host: "the-next-hop".into(),
        port: 9123,
        accepts: accepts.iter().copied().collect(),
        scan: inspects.then(|| ScanApi {
            port: 9124,
            path: "/scan".into(),
            dialect: "pipelock-v1".into(),
            token: SecretRef::Session("scan".into()),
        }),
        health: inspects.then(|| HealthEndpoint {
            port: 9123,
            path: "/health".into(),
            expect: [("status".to_owned(), "healthy".into())].into(),
        }),
        ends_tls: false,
        enforces: Enforces {
            hosts: true,
            dlp: inspects,
            ..Enforces::default()
        },
    }
}

/// Every kind of place there is.
fn places() -> Vec<Place> {
    let tunnels = [Accepts::Connect, Accepts::AbsoluteHttp];
    let all = [
        Accepts::Connect,
        Accepts::AbsoluteHttp,
        Accepts::AbsoluteHttps,
    ];
    let place = |what, next, first| Place { what, next, first };
    vec![
        place("alone", None, true),
        place("last, behind another", None, false),
        place(
            "first, before one that takes tunnels",
            Some(next(&tunnels, false)),
            true,
        ),
        place("first, before one that scans", Some(next(&all, true)), true),
        place("in the middle", Some(next(&all, true)), false),
    ]
}

/// Policies of every kind.
fn policies() -> Vec<(&'static str, EgressPolicy)> {
    let secret = SecretRef::FromEnv("API_KEY".into());
    vec![
        ("nothing allowed", EgressPolicy::default()),
        ("two hosts", scene::policy(&["api.one.test", "*.two.test"])),
        (
            "a method and a path",
            scene::http_policy("api.one.test", "GET", "/repos/**"),
        ),
        (
            "a credential",
            scene::credential_policy("api.one.test", secret),
        ),
        ("no scan", scene::lax_policy("api.one.test")),
    ]
}

/// The hop at a place, under a policy.
fn hop(proxy: &dyn Proxy, place: &Place, policy: &EgressPolicy) -> Result<HopPlan, PluginError> {
    let session = SessionId::new("conformance1");
    let context = HopContext::new(&session, proxy.name(), policy)
        .next(place.next.as_ref())
        .first(place.first);
    proxy.plan(&context)
}

/// Looks at every hop there is: at every place, under every policy. A place or a policy that the
/// proxy refuses is none; that it takes one at all has a case of its own.
fn each_hop(suite: &ProxySuite, look: impl Fn(&HopPlan, &Place) -> Checked) -> Checked {
    let proxy = suite.proxy()?;
    let mut seen = 0;
    for place in places() {
        for (what, policy) in policies() {
            let Ok(plan) = hop(&*proxy, &place, &policy) else {
                continue;
            };
            seen += 1;
            look(&plan, &place).map_err(|miss| match miss {
                Miss::Broken(why) => Miss::Broken(format!("{}, {what}: {why}", place.what)),
                other @ Miss::NotHere(_) => other,
            })?;
        }
    }
    if seen == 0 {
        return Err(Miss::not_here("it takes no place and no policy"));
    }
    Ok(())
}

/// A plan as text, for looking for things.
fn text(plan: &HopPlan) -> Checked<String> {
    serde_json::to_string(plan).map_err(|error| Miss::broken(error.to_string()))
}

/// An `Arc` for launches.
fn launched(suite: &ProxySuite) -> Arc<dyn Fn() -> Checked<Box<dyn Proxy>> + Send + Sync> {
    let suite = suite.clone();
    Arc::new(move || suite.proxy())
}
