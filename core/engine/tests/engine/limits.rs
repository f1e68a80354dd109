//! Limits: what holds when nothing is said, and what a runtime needs.

use bottle_api::{Backend as _, Guarantee, LaunchPlan, LaunchSpec, RuntimeChoice, SessionId};
use bottle_backend_memory::{Memory, MemoryConfig};
use bottle_engine::{PlanError, PlanInput, plan};

use crate::support::{boxed, spec};

async fn planned(
    config: MemoryConfig,
    change: impl FnOnce(&mut LaunchSpec),
) -> Result<LaunchPlan, PlanError> {
    let memory = Memory::with_config(config);
    let mut spec = spec();
    change(&mut spec);
    let (proxies, provisioners) = boxed(&["front", "back"]);
    plan(&PlanInput {
        session: &SessionId::new("s1"),
        instance: &"inst".into(),
        spec: &spec,
        backend: &memory,
        info: &memory.probe().await.unwrap(),
        proxies: &proxies,
        provisioners: &provisioners,
    })
}

fn limited(plan: &LaunchPlan) -> bool {
    let mut said = plan.guarantees.iter();
    said.any(|s| s.guarantee == Guarantee::Limits && s.given)
}

#[tokio::test]
async fn cpus_are_limited_without_a_word() {
    let cpus = async |engine: Option<u64>, own: Option<u64>| {
        let config = MemoryConfig {
            cpus: engine,
            ..MemoryConfig::default()
        };
        let plan = planned(config, |spec| spec.limits.milli_cpus = own).await;
        let plan = plan.unwrap();
        (plan.agent.limits.milli_cpus, limited(&plan))
    };
    assert_eq!(cpus(Some(6), None).await, (Some(6000), true));
    assert_eq!(cpus(Some(6), Some(1500)).await, (Some(1500), true));
    assert_eq!(cpus(None, Some(1500)).await, (Some(1500), true));
    assert_eq!(cpus(None, None).await, (None, false));
}

/// The planner knows no runtime by name: the backend does.
#[tokio::test]
async fn auto_is_what_the_backend_prefers() {
    let engine = |runtimes: &[&str]| MemoryConfig {
        runtimes: runtimes.iter().map(|&name| name.to_owned()).collect(),
        preferred_runtime: "microvm".to_owned(),
        ..MemoryConfig::default()
    };
    for (runtimes, chosen) in [
        (&["runc", "runsc"][..], "runc"),
        (&["runc", "microvm"], "microvm"),
    ] {
        let plan = planned(engine(runtimes), |_| {}).await.unwrap();
        assert_eq!(plan.agent.runtime.as_deref(), Some(chosen));
    }
    let wanted = RuntimeChoice::Named("microvm".to_owned());
    let error = planned(engine(&["runc"]), |spec| spec.runtime = wanted).await;
    let hints = error.unwrap_err().hints().join(" ");
    assert!(hints.contains("add `microvm` to `runtimes`"), "{hints}");
}

#[tokio::test]
async fn a_runtime_gets_the_processes_it_needs_or_says_so() {
    let needy = || MemoryConfig {
        min_pids: [("runc".to_owned(), 900)].into(),
        ..MemoryConfig::default()
    };
    let error = planned(needy(), |spec| spec.limits.pids = Some(899)).await;
    let error = error.unwrap_err();
    assert!(error.to_string().contains("`pids = 899` is too small"));
    assert!(error.hints().join(" ").contains("900"), "{error:?}");
    let plan = planned(needy(), |spec| spec.limits.pids = Some(900)).await;
    let plan = plan.unwrap();
    assert_eq!(plan.agent.limits.pids, Some(900));
    let hops = plan.sidecars.iter();
    let pids: Vec<_> = hops.map(|hop| hop.container.limits.pids).collect();
    assert_eq!(pids, [Some(900), Some(900)]);
}
