// [docs: main]
use acme_backend_ledger as _; // rustc drops crates that nobody names
use acme_provisioner_greeting as _;
use acme_proxy_turnstile as _;

fn main() -> std::process::ExitCode {
    bottle_cli::main()
}
// [docs: end]
