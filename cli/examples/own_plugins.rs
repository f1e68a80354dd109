//! A third party's command: its plugins, named, and `bottle_cli::main`. This one brings a backend
//! that keeps everything in memory, which is enough to see a launch from end to end without any
//! engine.
use std::process::ExitCode;

use bottle_backend_memory as _;

fn main() -> ExitCode {
    bottle_cli::main()
}
