//! Podman without root keeps the contract.

mod service;

bottle_conformance::backend_main!(service::suite("BOTTLE_TEST_PODMAN_ROOTLESS").runtime("runc"));
