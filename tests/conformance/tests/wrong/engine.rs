//! Faults in what it says about itself.

use std::sync::atomic::{AtomicUsize, Ordering};

use bottle_api::{Backend, BackendError, BackendInfo, Guarantee, Statement, async_trait};
use bottle_conformance::Layer;

use crate::{Wrong, wrong};

#[derive(Debug)]
struct NoName;
impl Layer for NoName {
    fn name(&self, _: &dyn Backend) -> &'static str {
        "Memory Engine"
    }
}

#[derive(Debug, Default)]
struct ProbeCounts(AtomicUsize);
#[async_trait]
impl Layer for ProbeCounts {
    async fn probe(&self, next: &dyn Backend) -> Result<BackendInfo, BackendError> {
        let mut info = next.probe().await?;
        let n = self.0.fetch_add(1, Ordering::Relaxed);
        info.notes
            .push(format!("{n} containers made to see whether it works"));
        Ok(info)
    }
}

#[derive(Debug)]
struct LeavesOut(Guarantee);
impl Layer for LeavesOut {
    fn guarantees(&self, next: &dyn Backend, info: &BackendInfo, runtime: &str) -> Vec<Statement> {
        let mut all = next.guarantees(info, runtime);
        all.retain(|statement| statement.guarantee != self.0);
        all
    }
}

#[derive(Debug, Default)]
struct Moody(AtomicUsize);
impl Layer for Moody {
    fn guarantees(&self, next: &dyn Backend, info: &BackendInfo, runtime: &str) -> Vec<Statement> {
        let mut all = next.guarantees(info, runtime);
        let n = self.0.fetch_add(1, Ordering::Relaxed);
        all[0].how = format!("asked {n} times");
        all
    }
}

#[derive(Debug)]
struct PromisesTls;
impl Layer for PromisesTls {
    fn guarantees(&self, next: &dyn Backend, info: &BackendInfo, runtime: &str) -> Vec<Statement> {
        let mut all = next.guarantees(info, runtime);
        all.push(Statement::given(
            Guarantee::TlsInspected,
            next.name(),
            "somehow",
        ));
        all
    }
}

pub(crate) fn all() -> Vec<Wrong> {
    vec![
        wrong(
            "has another name than it may",
            || NoName,
            &[
                "engine::it has the name it is registered under",
                "engine::each of its seven guarantees is given or withheld, never left out",
            ],
        ),
        wrong(
            "probes with a side effect",
            ProbeCounts::default,
            &["engine::a probe has no side effect"],
        ),
        wrong(
            "leaves a guarantee out",
            || LeavesOut(Guarantee::Rootless),
            &["engine::each of its seven guarantees is given or withheld, never left out"],
        ),
        wrong(
            "promises what is a proxy's to promise",
            || PromisesTls,
            &["engine::each of its seven guarantees is given or withheld, never left out"],
        ),
        wrong(
            "promises by the mood",
            Moody::default,
            &["engine::what it guarantees depends on the probe alone"],
        ),
    ]
}
