//! Podman with root keeps the contract, under runc and under gVisor.

mod service;

fn suite() -> bottle_conformance::BackendSuite {
    service::suite("BOTTLE_TEST_PODMAN")
        .runtime("runc")
        .runtime("runsc")
}

bottle_conformance::backend_main!(suite());
