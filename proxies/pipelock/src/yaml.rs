//! pipelock's configuration file.
//!
//! Every boolean is written out, because pipelock reads an absent one as `true`; zero never
//! means "no limit", because pipelock reads it as its default. The text is JSON, which is YAML
//! in which no value can be mistaken for another type.

use crate::{
    config::Config,
    hosts::HostLists,
    keys::{
        Dlp, FetchProxy, File, ForwardProxy, Logging, Monitoring, Off, Pattern, RequestScanning,
        ResponseScanning, ScanApi, Sse, Ssrf, TOKEN_MARK, TlsInterception,
    },
};
use bottle_api::{DlpMode, Piece, SecretRef};

/// Headers that end at pipelock: the connection's own, and what it writes anew.
const OWN_HEADERS: &[&str] = &[
    "Connection",
    "Content-Length",
    "Host",
    "Keep-Alive",
    "Te",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
];

/// Where the files are that the configuration names, and where it listens.
#[derive(Clone, Debug)]
pub struct Paths {
    /// The proxy's listener.
    pub listen: String,
    /// The scan API's listener; `None` for no scan API.
    pub scan_listen: Option<String>,
    /// The CA's certificate.
    pub ca_cert: String,
    /// The CA's key, SEC1.
    pub ca_key: String,
}

/// The scan API's bearer token.
#[derive(Clone, Debug)]
pub struct Token(pub SecretRef);

/// What goes into the file.
#[derive(Clone, Copy, Debug)]
pub struct Yaml<'a> {
    /// The plugin's table.
    pub config: &'a Config,
    /// The policy's hosts.
    pub hosts: &'a HostLists,
    /// Names that may resolve to private addresses.
    pub trusted: &'a [String],
    /// Treatment of secret-shaped text.
    pub dlp: DlpMode,
    /// Headers in which a hop in front puts real credentials before it opens a tunnel.
    pub injected: &'a [String],
    /// The name in the log.
    pub agent: &'a str,
    /// Listeners and files.
    pub paths: &'a Paths,
}

impl Yaml<'_> {
    /// The file's text, with `token` where the scan API's token belongs.
    pub fn text(&self, token: &str) -> String {
        let quoted = serde_json::Value::from(token).to_string();
        self.marked().replace(&format!("\"{TOKEN_MARK}\""), &quoted)
    }

    /// The file as pieces, the token by reference.
    pub fn pieces(&self, token: &Token) -> Vec<Piece> {
        let text = self.marked();
        let mark = format!("\"{TOKEN_MARK}\"");
        let mut parts = text.split(&mark);
        let first = parts.next().unwrap_or_default();
        let mut pieces = vec![Piece::Text(first.to_owned())];
        for part in parts {
            pieces.push(Piece::JsonSecret(token.0.clone()));
            pieces.push(Piece::Text(part.to_owned()));
        }
        pieces
    }

    fn marked(&self) -> String {
        let json = serde_json::to_string_pretty(&self.file());
        #[expect(clippy::expect_used, reason = "plain structs with string keys")]
        let json = json.expect("a file without maps");
        format!("# Written by bottle. JSON is YAML.\n{json}\n")
    }

    fn file(&self) -> File<'_> {
        let limits = &self.config.limits;
        File {
            version: 1,
            mode: "strict",
            enforce: true,
            explain_blocks: false,
            api_allowlist: &self.hosts.allow,
            default_agent_identity: self.agent,
            bind_default_agent_identity: true,
            fetch_proxy: FetchProxy {
                listen: &self.paths.listen,
                timeout_seconds: limits.request_seconds,
                max_response_mb: limits.response_body_mb,
                monitoring: Monitoring {
                    max_url_length: limits.url_length,
                    entropy_threshold: limits.url_entropy,
                    subdomain_entropy_threshold: limits.host_entropy,
                    max_requests_per_minute: limits.requests_per_minute,
                    max_data_per_minute: 0,
                    blocklist: &self.hosts.block,
                    subdomain_entropy_exclusions: [],
                },
            },
            forward_proxy: ForwardProxy {
                enabled: true,
                max_tunnel_seconds: limits.tunnel_seconds,
                idle_timeout_seconds: limits.idle_seconds,
                sni_verification: true,
                redirect_websocket_hosts: [],
            },
            tls_interception: self.interception(),
            dlp: self.patterns(),
            request_body_scanning: self.requests(),
            response_scanning: self.responses(),
            trusted_domains: self.trusted,
            ssrf: Ssrf {
                ip_allowlist: &self.config.ip_allowlist,
            },
            logging: Logging {
                format: "json",
                output: "stdout",
                include_allowed: true,
                include_blocked: true,
            },
            scan_api: self.paths.scan_listen.as_deref().map(ScanApi::listening),
            off: Off::default(),
        }
    }

    fn interception(&self) -> TlsInterception<'_> {
        let enabled = self.config.tls_interception;
        TlsInterception {
            enabled,
            ca_cert: if enabled { &self.paths.ca_cert } else { "" },
            ca_key: if enabled { &self.paths.ca_key } else { "" },
            passthrough_domains: &self.hosts.passthrough,
            cert_ttl: "24h",
            cert_cache_size: 10_000,
            max_response_bytes: self.config.limits.response_body_mb << 20,
        }
    }

    fn patterns(&self) -> Dlp<'_> {
        let settings = &self.config.dlp;
        Dlp {
            scan_env: false,
            include_defaults: settings.include_defaults && self.dlp != DlpMode::Off,
            patterns: settings
                .patterns
                .iter()
                .filter(|_| self.dlp != DlpMode::Off)
                .map(|pattern| Pattern {
                    name: &pattern.name,
                    regex: &pattern.regex,
                    severity: &pattern.severity,
                    exempt_domains: pattern
                        .exempt_domains
                        .iter()
                        .map(ToString::to_string)
                        .collect(),
                })
                .collect(),
        }
    }

    fn requests(&self) -> RequestScanning<'_> {
        let credentials = self
            .config
            .dlp
            .credential_headers
            .iter()
            .chain(self.injected)
            .map(String::as_str);
        let on = self.dlp != DlpMode::Off;
        RequestScanning {
            enabled: on,
            action: action(self.dlp == DlpMode::Block),
            max_body_bytes: self.config.limits.request_body_mb << 20,
            scan_headers: on,
            // A secret can leave in any header: all are scanned but those named here.
            header_mode: "all",
            ignore_headers: OWN_HEADERS.iter().copied().chain(credentials).collect(),
        }
    }

    fn responses(&self) -> ResponseScanning {
        let settings = &self.config.responses;
        ResponseScanning {
            enabled: settings.scan,
            action: action(settings.block),
            include_defaults: true,
            exempt_domains: settings
                .exempt_domains
                .iter()
                .map(ToString::to_string)
                .collect(),
            sse_streaming: Sse {
                enabled: settings.scan,
                action: action(settings.block),
                max_event_bytes: self.config.limits.event_bytes,
            },
            patterns: [],
        }
    }
}

fn action(block: bool) -> &'static str {
    if block { "block" } else { "warn" }
}
