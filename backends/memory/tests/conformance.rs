//! The engine in memory keeps the contract, as far as programs can be simulated.

use bottle_backend_memory::{Memory, MemoryConfig};
use bottle_conformance::{BackendSuite, Json, simulated};

fn suite() -> BackendSuite {
    BackendSuite::new(|| {
        Ok(Box::new(simulated(MemoryConfig {
            runtimes: vec!["runc".into(), "runsc".into()],
            missing_images: vec!["127.0.0.1:1/bottle/none:1".into()],
            names: [("outside.test".into(), [192, 0, 2, 1].into())].into(),
            ..MemoryConfig::default()
        })))
    })
    .dialect(Json)
    .runtime("runc")
    .runtime("runsc")
    .down::<Memory>("down = true")
    .open_name("outside.test")
    .at_once(16)
}

bottle_conformance::backend_main!(suite());
