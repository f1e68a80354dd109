// [docs: conformance]
use acme_provisioner_greeting::Greeting;
use bottle_backend_memory::MemoryConfig;
use bottle_conformance::{BackendSuite, Json, ProvisionerSuite, Step, simulated};

/// An engine in memory; `BackendSuite::of::<Docker>("")` would be a real one.
fn engine() -> BackendSuite {
    BackendSuite::new(|| Ok(Box::new(simulated(MemoryConfig::default())))).dialect(Json)
}

bottle_conformance::provisioner_main!(
    ProvisionerSuite::of::<Greeting>("text = 'Only:'")
        .image_file("/etc/bash.bashrc", "# the image's own")
        .live(engine())
        .shows(Step::read("/etc/bottle/greeting"), "Only:\n  nothing")
        .shows(Step::read("/etc/bash.bashrc"), "cat /etc/bottle/greeting")
);
// [docs: end]
