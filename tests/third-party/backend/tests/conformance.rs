// [docs: conformance]
use acme_backend_ledger::{LedgerConfig, Ledgered};
use bottle_backend_memory::MemoryConfig;
use bottle_conformance::{BackendSuite, Json, simulated};

fn suite() -> BackendSuite {
    // A backend of a real engine is `BackendSuite::of::<MyBackend>("a = 'table'")` with an image
    // that has a shell. The engine in memory has no shell: it takes the suite's steps as they are.
    BackendSuite::new(|| {
        let engine = simulated(MemoryConfig {
            runtimes: vec!["runc".into(), "runsc".into()],
            missing_images: vec!["127.0.0.1:1/bottle/none:1".into()],
            names: [("outside.test".into(), [192, 0, 2, 1].into())].into(),
            ..MemoryConfig::default()
        });
        let path = std::env::temp_dir().join("acme-ledger-conformance");
        Ok(Box::new(Ledgered::around(
            engine,
            LedgerConfig { path: Some(path) },
        )))
    })
    .dialect(Json)
    .runtime("runc")
    .runtime("runsc")
    .open_name("outside.test")
}

bottle_conformance::backend_main!(suite());
// [docs: end]
