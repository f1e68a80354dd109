// [docs: faults]
use acme_backend_ledger::{LedgerConfig, Ledgered};
use bottle_backend_memory::Memory;
use bottle_conformance::{Json, matrix::EngineMatrix};

bottle_conformance::engine_matrix!(
    EngineMatrix::new(|| {
        let engine = Memory::default().image_file("/etc/passwd", "root:x:0:0::/:/bin/sh\n");
        Ok(Box::new(Ledgered::around(engine, LedgerConfig::default())))
    })
    .dialect(Json)
);
// [docs: end]
