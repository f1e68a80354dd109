//! The policy file of the add-on. `addon/bottle_addon/policy.py` reads it, key by key.

use std::collections::{BTreeMap, BTreeSet};

use bottle_api::{
    Accepts, AllowRule, DlpMode, EgressPolicy, HopContext, HostPattern, NextHop, PluginError,
    Readable, ScanApi, SecretRef, TrafficClass,
};
use serde::Serialize;

use crate::{
    NAME,
    config::{Config, Dlp, ForeignCredentials, Mode},
};

/// Dialects of scan services that the add-on speaks.
const DIALECTS: &[&str] = &["pipelock-v1"];
/// No secret's name has a space, so this one is free.
const SCAN_TOKEN: &str = "scan token";

/// The whole file.
#[derive(Debug, Serialize)]
pub(crate) struct PolicyFile<'a> {
    version: u32,
    mode: Mode,
    names: [&'a str; 1],
    allow: Vec<AllowRule>,
    deny: &'a [HostPattern],
    credentials: Vec<CredentialEntry<'a>>,
    foreign_credentials: ForeignCredentials,
    dlp: DlpModes<'a>,
    trusted_private: &'a [HostPattern],
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<NextEntry<'a>>,
}

#[derive(Debug, Serialize)]
struct CredentialEntry<'a> {
    name: &'a str,
    placeholder: &'a str,
    hosts: &'a [HostPattern],
    header: &'a str,
    format: &'a str,
    always: bool,
    inject: bool,
}

#[derive(Debug, Serialize)]
struct DlpModes<'a> {
    url: DlpMode,
    headers: DlpMode,
    inspect: DlpMode,
    credentialed: DlpMode,
    tunnel: DlpMode,
    skip_headers: &'a [String],
}

#[derive(Debug, Serialize)]
struct NextEntry<'a> {
    host: &'a str,
    port: u16,
    accepts: &'a BTreeSet<Accepts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scan: Option<ScanEntry<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    health: Option<HealthEntry<'a>>,
}

#[derive(Debug, Serialize)]
struct ScanEntry<'a> {
    port: u16,
    path: &'a str,
    dialect: &'a str,
    token: &'static str,
}

#[derive(Debug, Serialize)]
struct HealthEntry<'a> {
    port: u16,
    path: &'a str,
    expect: &'a BTreeMap<String, serde_json::Value>,
}

impl<'a> PolicyFile<'a> {
    /// The policy of a hop at this place, or why there can be none.
    pub(crate) fn new(config: &'a Config, cx: &HopContext<'a>) -> Result<Self, PluginError> {
        let allow = rules(config, cx.policy)?;
        let inject = injects(cx);
        check_chain(config, cx, &allow)?;
        check_credentials(cx.policy, &allow)?;
        Ok(Self {
            version: 1,
            mode: config.mode,
            names: [cx.host],
            allow,
            deny: &cx.policy.deny,
            credentials: cx
                .policy
                .credentials
                .iter()
                .map(|credential| CredentialEntry {
                    name: &credential.name,
                    placeholder: &credential.placeholder,
                    hosts: &credential.hosts,
                    header: &credential.header,
                    format: &credential.format,
                    always: credential.always,
                    inject,
                })
                .collect(),
            foreign_credentials: config.foreign_credentials,
            dlp: modes(&config.dlp, cx.policy.dlp),
            trusted_private: &cx.policy.trusted_private,
            next: cx.next.map(next_entry),
        })
    }

    /// The file's text.
    pub(crate) fn text(&self) -> Result<String, PluginError> {
        let json = serde_json::to_string_pretty(self)
            .map_err(|error| PluginError::failed(format!("cannot write the policy: {error}")))?;
        Ok(json + "\n")
    }

    /// Whether some traffic is left encrypted, and whose.
    pub(crate) fn closed(&self) -> Vec<&HostPattern> {
        let closed = |rule: &&AllowRule| rule.class == TrafficClass::Passthrough;
        self.allow
            .iter()
            .filter(closed)
            .map(|rule| &rule.host)
            .collect()
    }

    /// Places of every host's traffic where secret-shaped text is let through.
    pub(crate) fn unsearched(&self) -> Vec<&'static str> {
        self.dlp.unsearched()
    }

    /// Hosts of which some traffic is not searched, although it is opened here.
    pub(crate) fn unsearched_hosts(&self) -> Vec<HostPattern> {
        let with_credentials: Vec<&HostPattern> = self
            .credentials
            .iter()
            .filter(|one| one.inject)
            .flat_map(|one| one.hosts)
            .collect();
        let mut hosts = Vec::new();
        if self.dlp.inspect != DlpMode::Block {
            let inspected = self.allow.iter().map(|rule| (&rule.host, rule.class));
            hosts.extend(
                inspected
                    .filter(|(_, class)| *class == TrafficClass::Inspect)
                    .map(|(host, _)| host)
                    .filter(|host| !with_credentials.iter().any(|of| of.covers(host)))
                    .cloned(),
            );
        }
        if self.dlp.credentialed == DlpMode::Off {
            hosts.extend(with_credentials.into_iter().cloned());
        }
        hosts
    }
}

impl DlpModes<'_> {
    fn unsearched(&self) -> Vec<&'static str> {
        [
            ("URLs", self.url),
            ("headers", self.headers),
            // WebSockets are in this class wherever they go.
            ("tunnelled bodies", self.tunnel),
        ]
        .into_iter()
        .filter(|(_, mode)| *mode != DlpMode::Block)
        .map(|(place, _)| place)
        .collect()
    }
}

/// What leaves this hop in plain text: inspected requests without credentials. None is counted
/// when what never does (WebSocket) is not searched here either.
pub(crate) fn hands_over(config: &Config, policy: &EgressPolicy) -> Readable {
    let searched = modes(&config.dlp, policy.dlp).unsearched().is_empty();
    match rules(config, policy) {
        Ok(rules) if searched && config.mode == Mode::Handoff => {
            let tunnelled = rules
                .into_iter()
                .filter(|rule| rule.class != TrafficClass::Inspect)
                .map(|rule| rule.host);
            let credentials = policy.credentials.iter().flat_map(|one| one.hosts.clone());
            let hosts: BTreeSet<HostPattern> = tunnelled.chain(credentials).collect();
            Readable::AllBut(hosts.into_iter().collect())
        }
        _ => Readable::Nothing,
    }
}

/// Whether this hop puts credentials in, and not one behind it.
fn injects(cx: &HopContext<'_>) -> bool {
    cx.next.is_none_or(|next| !next.enforces.credentials)
}

/// The values that the add-on needs, by the names that the policy uses.
pub(crate) fn secrets(cx: &HopContext<'_>) -> BTreeMap<String, SecretRef> {
    let credentials = cx.policy.credentials.iter().filter(|_| injects(cx));
    let mut map: BTreeMap<String, SecretRef> = credentials
        .map(|credential| (credential.name.clone(), credential.secret.clone()))
        .collect();
    if let Some(scan) = cx.next.and_then(usable_scan) {
        map.insert(SCAN_TOKEN.to_owned(), scan.token.clone());
    }
    map
}

fn modes(dlp: &Dlp, general: DlpMode) -> DlpModes<'_> {
    let gentle = match general {
        DlpMode::Off => DlpMode::Off,
        DlpMode::Block | DlpMode::Warn => DlpMode::Warn,
    };
    DlpModes {
        url: dlp.url.unwrap_or(general),
        headers: dlp.headers.unwrap_or(general),
        inspect: dlp.inspect.unwrap_or(general),
        credentialed: dlp.credentialed.unwrap_or(gentle),
        tunnel: dlp.tunnel.unwrap_or(general),
        skip_headers: &dlp.skip_headers,
    }
}

fn usable_scan(next: &NextHop) -> Option<&ScanApi> {
    next.scan
        .as_ref()
        .filter(|scan| DIALECTS.contains(&scan.dialect.as_str()))
}

fn next_entry(next: &NextHop) -> NextEntry<'_> {
    NextEntry {
        host: &next.host,
        port: next.port,
        accepts: &next.accepts,
        scan: usable_scan(next).map(|scan| ScanEntry {
            port: scan.port,
            path: &scan.path,
            dialect: &scan.dialect,
            token: SCAN_TOKEN,
        }),
        health: next.health.as_ref().map(|health| HealthEntry {
            port: health.port,
            path: &health.path,
            expect: &health.expect,
        }),
    }
}

/// The rules, with the classes of `tunnel` and `passthrough` laid over them. A rule that is
/// wider than such a host stays, and a narrower one with the class is put beside it: the
/// add-on goes by the most specific.
fn rules(config: &Config, policy: &EgressPolicy) -> Result<Vec<AllowRule>, PluginError> {
    let mut out: Vec<AllowRule> = Vec::new();
    for rule in &policy.allow {
        let mut rule = rule.clone();
        for (hosts, class) in [
            (&config.tunnel, TrafficClass::Tunnel),
            (&config.passthrough, TrafficClass::Passthrough),
        ] {
            if hosts.iter().any(|host| host.covers(&rule.host)) {
                rule.class = class;
            } else {
                let narrower = hosts.iter().filter(|host| rule.host.covers(host));
                out.extend(narrower.map(|host| AllowRule {
                    host: host.clone(),
                    class,
                    ..rule.clone()
                }));
            }
        }
        out.push(rule);
    }
    for rule in &out {
        check_rule(rule)?;
    }
    Ok(out)
}

fn check_rule(rule: &AllowRule) -> Result<(), PluginError> {
    if rule.class == TrafficClass::Passthrough && rule.needs_http() {
        return Err(PluginError::failed_with_hint(
            format!(
                "the rule for `{}` has methods or paths, but its TLS is to stay closed",
                rule.host
            ),
            "drop `methods` and `paths`, or another class than `passthrough`",
        ));
    }
    match rule.paths.iter().find(|path| !path.starts_with(['/', '*'])) {
        None => Ok(()),
        Some(path) => Err(PluginError::failed_with_hint(
            format!("the rule for `{}` has the path `{path}`", rule.host),
            format!("paths begin with `/`: `/{path}`"),
        )),
    }
}

/// A credential at a host whose TLS stays closed would never be put in.
fn check_credentials(policy: &EgressPolicy, allow: &[AllowRule]) -> Result<(), PluginError> {
    let closed = |rule: &&AllowRule| rule.class == TrafficClass::Passthrough;
    for rule in allow.iter().filter(closed) {
        for credential in &policy.credentials {
            let hosts = &mut credential.hosts.iter();
            if hosts.any(|host| host.covers(&rule.host) || rule.host.covers(host)) {
                return Err(PluginError::failed_with_hint(
                    format!(
                        "`{}` is to be injected at `{}`, whose TLS is to stay closed",
                        credential.name, rule.host
                    ),
                    "drop `passthrough` for that host, or the credential",
                ));
            }
        }
    }
    Ok(())
}

/// Whether the next hop takes what this one would send.
fn check_chain(
    config: &Config,
    cx: &HopContext<'_>,
    allow: &[AllowRule],
) -> Result<(), PluginError> {
    let Some(next) = cx.next else {
        if config.mode == Mode::Upstream {
            return Err(PluginError::Chain {
                message: format!("`{NAME}` is the last hop, but its mode is `upstream`"),
                hint: "remove `proxy.mitmproxy.mode`, or put a hop behind it".into(),
            });
        }
        return Ok(());
    };
    if next.accepts.contains(&Accepts::Connect) {
        return Ok(());
    }
    let needs = if config.mode == Mode::Upstream {
        Some("mode `upstream`")
    } else if !next.accepts.contains(&Accepts::AbsoluteHttps) {
        Some("`https` at all")
    } else if allow.iter().any(|rule| rule.class != TrafficClass::Inspect) {
        Some("tunnelled hosts")
    } else if !cx.policy.credentials.is_empty() && injects(cx) {
        Some("credentials")
    } else {
        None
    };
    match needs {
        None => Ok(()),
        Some(what) => Err(PluginError::Chain {
            message: format!("`{}` takes no `CONNECT`, which {what} needs", next.host),
            hint: format!("put another hop behind `{NAME}`, or none"),
        }),
    }
}
