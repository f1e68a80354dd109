//! Every case of the contract.

mod config;
mod content;
mod hosts;
mod intercept;
mod reload;
mod scan;
mod streams;
mod tunnels;

use std::{future::Future, path::Path};

use crate::{
    Case,
    origin::Origin,
    proxy::{Process, Setup},
};

/// Whatever went wrong.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;
/// A case's end.
pub(crate) type Outcome = Result<(), Error>;

/// All of them, by name.
pub(crate) const ALL: &[Case] = &[
    ("config_of_the_plugin_is_accepted", config::accepted),
    ("config_without_hosts_is_refused", config::no_hosts),
    ("config_with_an_unknown_key_is_refused", config::unknown_key),
    (
        "config_with_everything_set_is_accepted",
        config::everything_set,
    ),
    ("health_says_what_the_plan_expects", config::health),
    (
        "healthcheck_command_tells_alive_from_dead",
        config::healthcheck,
    ),
    ("sigterm_ends_it_with_code_0", config::sigterm),
    ("unlisted_host_is_refused", hosts::unlisted),
    ("listed_host_is_reached_over_https", hosts::listed_https),
    ("listed_host_is_reached_over_http", hosts::listed_http),
    ("wildcard_does_not_cover_its_parent", hosts::wildcard_parent),
    ("denied_host_is_refused_under_a_wildcard", hosts::denied),
    ("private_address_is_refused_unless_trusted", hosts::private),
    ("host_header_does_not_choose_the_origin", hosts::fronting),
    ("nothing_allowed_refuses_everything", hosts::nothing_allowed),
    (
        "redirect_to_an_unlisted_host_is_refused",
        hosts::redirect_away,
    ),
    ("redirect_to_a_listed_host_is_followed", hosts::redirect_on),
    ("origin_that_is_down_is_a_502", hosts::origin_down),
    ("tunnel_to_a_listed_host_carries_tls", tunnels::listed),
    ("tunnel_to_an_unlisted_host_is_refused", tunnels::unlisted),
    (
        "tunnel_with_another_server_name_is_cut",
        tunnels::other_name,
    ),
    (
        "tunnel_request_with_a_secret_is_refused",
        tunnels::secret_header,
    ),
    ("secret_in_a_header_is_refused", content::header),
    ("credential_headers_pass", content::credential_header),
    ("secret_in_a_body_is_refused", content::body),
    (
        "secret_in_a_query_is_refused_and_not_logged",
        content::query,
    ),
    ("own_pattern_is_refused", content::own_pattern),
    ("warn_lets_pass_and_says_so", content::warn),
    ("dlp_off_lets_pass", content::off),
    ("body_that_cannot_be_read_is_refused", content::unreadable),
    ("compressed_response_is_refused", content::gzip_response),
    ("orders_in_a_response_warn_or_block", content::orders),
    ("sse_arrives_event_by_event", streams::sse),
    ("forwarding_headers_are_dropped", streams::stripped),
    ("scan_api_allows_and_denies", scan::judges),
    ("scan_api_wants_its_token", scan::token),
    ("scan_api_refuses_what_it_does_not_know", scan::strict),
    ("reload_by_rename_takes_the_new_hosts", reload::rename),
    (
        "reload_of_a_bad_file_keeps_the_old_policy",
        reload::bad_file,
    ),
    ("reload_that_loosens_is_rejected", reload::loosening),
    ("interception_answers_with_our_ca", intercept::our_ca),
    ("interception_scans", intercept::scans),
    ("interception_streams_sse", intercept::sse),
    (
        "interception_wants_host_and_tunnel_to_agree",
        intercept::authority,
    ),
    (
        "interception_leaves_passthrough_hosts_alone",
        intercept::passthrough,
    ),
];

/// A token of no use, in the shape of one.
pub(crate) const SECRET: &str = "ghp_x9K2mQ7vR4tB1nW8zL5cJ3hG6fD0sA9pY2eT";

/// Runs a case to its end.
pub(crate) fn run(case: impl Future<Output = Outcome>) -> Outcome {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?
        .block_on(case)
}

/// An origin and a running proxy.
pub(crate) async fn world(binary: &Path, setup: &Setup) -> Result<(Origin, Process), Error> {
    let origin = Origin::start().await;
    let process = Process::start(binary, setup, &origin.ca_pem).await?;
    Ok((origin, process))
}
