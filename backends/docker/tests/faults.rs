//! Every call of a launch over Docker, failing in every way: nothing is left on the engine.

use bottle_backend_docker::Docker;
use bottle_conformance::matrix::EngineMatrix;

bottle_conformance::engine_matrix!(EngineMatrix::of::<Docker>("").runtime("runc").long());
