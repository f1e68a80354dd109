//! Whole launches on real engines, each case on every engine, the telling ones under every runtime.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests fail loudly and tell their figures"
)]

mod agent;
mod bad_input;
mod chain;
mod clients;
mod kill;
mod names;
mod provisioners;
mod secrets;
mod workspaces;

use bottle_e2e::lane::Engine;

/// Runs each case in each lane.
macro_rules! lanes {
    ($name:ident: [$($lane:ident = $value:expr),* $(,)?] $cases:tt) => {
        mod $name { $(pub(crate) mod $lane { lanes!(@cases $value, $cases); })* }
    };
    (@cases $value:expr, { $($module:ident :: $case:ident),* $(,)? }) => {
        use super::super::*;
        $(#[test] fn $case() { $module::$case($value); })*
    };
}

lanes!(under_runtimes: [
    docker_runc = Engine::Docker.under("runc"),
    docker_runsc = Engine::Docker.under("runsc"),
    podman_runc = Engine::Podman.under("runc"),
    podman_runsc = Engine::Podman.under("runsc"),
    rootless_runc = Engine::PodmanRootless.under("runc"),
] {
    agent::claude_answers_through_the_chain,
    chain::allowed_hosts_answer,
    chain::unlisted_hosts_are_refused_by_a_named_rule,
    chain::every_other_way_out_is_dead,
    chain::secrets_are_refused_on_their_way_out,
    chain::streams_are_not_buffered,
    chain::each_other_chain_holds,
    clients::every_client_trusts_the_chain,
    secrets::forwarded_secrets_are_nowhere_else,
    provisioners::files_keys_skills_and_prompt_arrive,
    secrets::a_reflected_credential_does_not_come_back,
    workspaces::a_bound_folder_is_the_hosts_own,
    workspaces::a_copied_folder_keeps_its_modes_and_leaves_the_host_alone,
    workspaces::a_clone_brings_commits_back_on_a_branch_of_its_own,
    workspaces::a_worktree_commits_into_the_repository_on_a_branch_of_its_own,
});

/// Minutes long: images built from packages of several hundred megabytes.
mod long {
    use super::*;

    #[test]
    #[ignore = "long: builds three agents' images"]
    fn every_preset_is_built_and_answers() {
        provisioners::every_preset_is_built_and_answers(Engine::Docker.auto());
    }
}

lanes!(on_engines: [
    docker = Engine::Docker.auto(),
    podman = Engine::Podman.auto(),
    rootless = Engine::PodmanRootless.auto(),
] {
    bad_input::a_missing_engine,
    bad_input::a_socket_of_something_else,
    bad_input::an_unknown_runtime,
    bad_input::an_image_that_cannot_be_had,
    bad_input::a_sidecar_image_that_cannot_be_had,
    bad_input::an_unreadable_file,
    bad_input::a_chain_that_cannot_work,
    bad_input::a_guarantee_the_chain_cannot_give,
    bad_input::an_unknown_key_in_config,
    bad_input::a_sidecar_that_dies_shows_its_last_lines,
    bad_input::a_sidecar_that_never_gets_ready,
    bad_input::a_socket_nobody_may_use,
    bad_input::a_full_disk_while_building,
    bad_input::a_file_where_a_secret_should_be,
    kill::the_next_command_leaves_the_engine_empty,
    kill::any_command_sweeps,
    kill::a_detached_session_outlives_its_terminal,
    kill::an_interrupt_ends_with_an_empty_engine,
    names::colliding_names_count_up_and_pinned_ones_fail,
    names::eight_bottles_at_once,
    secrets::a_missing_secret_is_one_clear_error,
});
