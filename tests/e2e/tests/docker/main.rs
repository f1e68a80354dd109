//! Whole launches on real Docker, once under `runc` and once under gVisor's `runsc`.

#![expect(clippy::unwrap_used, reason = "tests fail loudly")]

mod agent;
mod bad_input;
mod chain;
mod clients;
mod kill;
mod names;
mod secrets;

/// Runs each case in both runtime lanes.
macro_rules! lanes {
    ($($module:ident :: $case:ident),* $(,)?) => {
        mod runc { $(#[test] fn $case() { super::$module::$case("runc"); })* }
        mod runsc { $(#[test] fn $case() { super::$module::$case("runsc"); })* }
    };
}

lanes!(
    agent::claude_answers_through_the_chain,
    chain::allowed_hosts_answer,
    chain::unlisted_hosts_are_refused_by_a_named_rule,
    chain::every_other_way_out_is_dead,
    chain::secrets_are_refused_on_their_way_out,
    chain::streams_are_not_buffered,
    chain::each_shorter_chain_holds,
    clients::every_client_trusts_the_chain,
    secrets::forwarded_secrets_are_nowhere_else,
    secrets::a_reflected_credential_does_not_come_back,
);
