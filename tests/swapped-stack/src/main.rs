//! A `bottle` command that also holds Squid.
use bottle_squid as _;

fn main() -> std::process::ExitCode {
    bottle_cli::main()
}
