//! The `bottle` command.
use std::process::ExitCode;

fn main() -> ExitCode {
    bottle_cli::main()
}
