//! The keys of pipelock's configuration file that are written, as structs.

use serde::Serialize;

/// Stands for the scan API's token until the launch.
pub(crate) const TOKEN_MARK: &str = "@scan-api-token@";

#[derive(Serialize)]
pub(crate) struct File<'a> {
    pub(crate) version: u8,
    pub(crate) mode: &'static str,
    pub(crate) enforce: bool,
    pub(crate) explain_blocks: bool,
    pub(crate) api_allowlist: &'a [String],
    pub(crate) default_agent_identity: &'a str,
    pub(crate) bind_default_agent_identity: bool,
    pub(crate) fetch_proxy: FetchProxy<'a>,
    pub(crate) forward_proxy: ForwardProxy,
    pub(crate) tls_interception: TlsInterception<'a>,
    pub(crate) dlp: Dlp<'a>,
    pub(crate) request_body_scanning: RequestScanning<'a>,
    pub(crate) response_scanning: ResponseScanning,
    pub(crate) trusted_domains: &'a [String],
    pub(crate) ssrf: Ssrf<'a>,
    pub(crate) logging: Logging,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) scan_api: Option<ScanApi<'a>>,
    #[serde(flatten)]
    pub(crate) off: Off,
}

#[derive(Serialize)]
pub(crate) struct FetchProxy<'a> {
    pub(crate) listen: &'a str,
    pub(crate) timeout_seconds: u64,
    pub(crate) max_response_mb: u64,
    pub(crate) monitoring: Monitoring<'a>,
}

#[derive(Serialize)]
pub(crate) struct Monitoring<'a> {
    pub(crate) max_url_length: u64,
    pub(crate) entropy_threshold: f64,
    pub(crate) subdomain_entropy_threshold: f64,
    pub(crate) max_requests_per_minute: u64,
    pub(crate) max_data_per_minute: u64,
    pub(crate) blocklist: &'a [String],
    pub(crate) subdomain_entropy_exclusions: [&'static str; 0],
}

#[derive(Serialize)]
pub(crate) struct ForwardProxy {
    pub(crate) enabled: bool,
    pub(crate) max_tunnel_seconds: u64,
    pub(crate) idle_timeout_seconds: u64,
    pub(crate) sni_verification: bool,
    pub(crate) redirect_websocket_hosts: [&'static str; 0],
}

#[derive(Serialize)]
pub(crate) struct TlsInterception<'a> {
    pub(crate) enabled: bool,
    pub(crate) ca_cert: &'a str,
    pub(crate) ca_key: &'a str,
    pub(crate) passthrough_domains: &'a [String],
    pub(crate) cert_ttl: &'static str,
    pub(crate) cert_cache_size: u32,
    pub(crate) max_response_bytes: u64,
}

#[derive(Serialize)]
pub(crate) struct Dlp<'a> {
    pub(crate) scan_env: bool,
    pub(crate) include_defaults: bool,
    pub(crate) patterns: Vec<Pattern<'a>>,
}

#[derive(Serialize)]
pub(crate) struct Pattern<'a> {
    pub(crate) name: &'a str,
    pub(crate) regex: &'a str,
    pub(crate) severity: &'a str,
    pub(crate) exempt_domains: Vec<String>,
}

#[derive(Serialize)]
pub(crate) struct RequestScanning<'a> {
    pub(crate) enabled: bool,
    pub(crate) action: &'static str,
    pub(crate) max_body_bytes: u64,
    pub(crate) scan_headers: bool,
    pub(crate) header_mode: &'static str,
    pub(crate) ignore_headers: Vec<&'a str>,
}

#[derive(Serialize)]
pub(crate) struct ResponseScanning {
    pub(crate) enabled: bool,
    pub(crate) action: &'static str,
    pub(crate) include_defaults: bool,
    pub(crate) exempt_domains: Vec<String>,
    pub(crate) sse_streaming: Sse,
    pub(crate) patterns: [&'static str; 0],
}

#[derive(Serialize)]
pub(crate) struct Sse {
    pub(crate) enabled: bool,
    pub(crate) action: &'static str,
    pub(crate) max_event_bytes: u64,
}

#[derive(Serialize)]
pub(crate) struct Ssrf<'a> {
    pub(crate) ip_allowlist: &'a [String],
}

#[derive(Serialize)]
pub(crate) struct Logging {
    pub(crate) format: &'static str,
    pub(crate) output: &'static str,
    pub(crate) include_allowed: bool,
    pub(crate) include_blocked: bool,
}

#[derive(Serialize)]
pub(crate) struct ScanApi<'a> {
    pub(crate) listen: &'a str,
    pub(crate) auth: Auth,
    pub(crate) rate_limit: RateLimit,
    pub(crate) max_body_bytes: u64,
    pub(crate) field_limits: FieldLimits,
    pub(crate) timeouts: Timeouts,
    pub(crate) connection_limit: u32,
    pub(crate) kinds: Kinds,
}

impl<'a> ScanApi<'a> {
    /// Texts of a whole conversation, at a machine's pace.
    pub(crate) fn listening(listen: &'a str) -> Self {
        const TEXT: u64 = 8 << 20;
        Self {
            listen,
            auth: Auth {
                bearer_tokens: [TOKEN_MARK],
            },
            rate_limit: RateLimit {
                requests_per_minute: 60_000,
                burst: 1000,
            },
            // Escapes can make a text longer on its way.
            max_body_bytes: 4 * TEXT,
            field_limits: FieldLimits {
                url: 65_536,
                text: TEXT,
                content: TEXT,
                arguments: TEXT,
            },
            timeouts: Timeouts {
                read: "15s",
                write: "15s",
                scan: "15s",
            },
            connection_limit: 256,
            kinds: Kinds {
                url: true,
                dlp: true,
                prompt_injection: true,
                tool_call: false,
            },
        }
    }
}

#[derive(Serialize)]
pub(crate) struct Auth {
    pub(crate) bearer_tokens: [&'static str; 1],
}

#[derive(Serialize)]
pub(crate) struct RateLimit {
    pub(crate) requests_per_minute: u32,
    pub(crate) burst: u32,
}

#[derive(Serialize)]
pub(crate) struct FieldLimits {
    pub(crate) url: u64,
    pub(crate) text: u64,
    pub(crate) content: u64,
    pub(crate) arguments: u64,
}

#[derive(Serialize)]
pub(crate) struct Timeouts {
    pub(crate) read: &'static str,
    pub(crate) write: &'static str,
    pub(crate) scan: &'static str,
}

#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "one switch per kind of scan")]
pub(crate) struct Kinds {
    pub(crate) url: bool,
    pub(crate) dlp: bool,
    pub(crate) prompt_injection: bool,
    pub(crate) tool_call: bool,
}

/// What stays off, written out so that no default of pipelock switches it on.
#[derive(Default, Serialize)]
pub(crate) struct Off {
    websocket_proxy: Switch,
    seed_phrase_detection: Switch,
    media_policy: Switch,
    browser_shield: Switch,
    a2a_scanning: Switch,
    session_profiling: Switch,
    adaptive_enforcement: Switch,
    cross_request_detection: Switch,
    taint: Switch,
    sentry: Switch,
    kill_switch: Switch,
    flight_recorder: Switch,
    git_protection: GitProtection,
}

#[derive(Default, Serialize)]
pub(crate) struct Switch {
    enabled: bool,
}

#[derive(Default, Serialize)]
pub(crate) struct GitProtection {
    enabled: bool,
    pre_push_scan: bool,
}
