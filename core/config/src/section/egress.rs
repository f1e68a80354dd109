//! `[egress]`: what may leave.

use std::{collections::BTreeMap, net::IpAddr};

use bottle_api::{AllowRule, DlpMode, HostPattern, TrafficClass};
use schemars::JsonSchema;

use super::{Overlay, joined};
use crate::{node::Node, schema::forms, source::Located, values::Word};

/// What may leave the bottle.
#[derive(Clone, Debug, Default, JsonSchema)]
#[schemars(deny_unknown_fields, default)]
pub(crate) struct Egress {
    /// Hosts that may be reached, besides those the agent itself needs. Layers add up.
    #[schemars(schema_with = "forms::rules")]
    pub(crate) allow: Vec<Located<AllowRule>>,
    /// Hosts refused whatever `allow` says. Layers add up.
    pub(crate) deny: Vec<Located<HostPattern>>,
    /// What happens to secret-shaped text on its way out.
    pub(crate) dlp: Option<Located<DlpMode>>,
    /// Fixed addresses for names, as the last proxy sees them.
    pub(crate) hosts: BTreeMap<String, Located<IpAddr>>,
    /// Hosts that may resolve to private addresses. Layers add up.
    pub(crate) trusted_private: Vec<Located<HostPattern>>,
}

impl Egress {
    pub(crate) fn read(node: &Node<'_>) -> Self {
        let sink = node.reading.sink;
        node.fields(|table| Self {
            allow: table.read("allow", rules),
            deny: table.read("deny", hosts),
            dlp: table
                .text("dlp")
                .and_then(|text| Word::new(&text, sink).dlp()),
            hosts: table.read("hosts", addresses),
            trusted_private: table.read("trusted_private", hosts),
        })
        .unwrap_or_default()
    }
}

impl Overlay for Egress {
    fn over(self, lower: Self) -> Self {
        Self {
            allow: joined(self.allow, lower.allow),
            deny: joined(self.deny, lower.deny),
            dlp: self.dlp.over(lower.dlp),
            hosts: self.hosts.over(lower.hosts),
            trusted_private: joined(self.trusted_private, lower.trusted_private),
        }
    }
}

/// A list of host patterns.
pub(super) fn hosts(node: &Node<'_>) -> Vec<Located<HostPattern>> {
    let texts = node.texts();
    let read = |text| Word::new(text, node.reading.sink).host();
    texts.iter().filter_map(read).collect()
}

/// A list of rules: a host, or a table with a host.
pub(super) fn rules(node: &Node<'_>) -> Vec<Located<AllowRule>> {
    node.items().iter().filter_map(rule).collect()
}

fn rule(node: &Node<'_>) -> Option<Located<AllowRule>> {
    let sink = node.reading.sink;
    if !node.is_table() && !node.is_text() {
        node.wrong_type("a host or a table");
        return None;
    }
    if node.is_text() {
        let text = node.located_text()?;
        return Some(Word::new(&text, sink).host()?.map(AllowRule::host));
    }
    node.fields(|table| {
        let host = table.get("host");
        if host.is_none() {
            node.wrong(
                format!("`{}` names no host", node.key),
                "no `host` here",
                "write `{ host = \"api.example.com\", methods = [\"GET\"] }`",
            );
        }
        let class = table.text("class").and_then(|text| {
            Word::new(&text, sink).choice(
                "traffic class",
                &[
                    ("inspect", TrafficClass::Inspect),
                    ("tunnel", TrafficClass::Tunnel),
                    ("passthrough", TrafficClass::Passthrough),
                ],
            )
        });
        let ports = table.get("ports").map(|node| ports(&node));
        let methods = table.get("methods").map(|node| methods(&node));
        let paths = table.get("paths").map(|node| paths(&node));
        let rule = AllowRule {
            host: Word::new(&host?.located_text()?, sink).host()?.value,
            ports: ports.unwrap_or_default(),
            methods: methods.unwrap_or_default(),
            paths: paths.unwrap_or_default(),
            class: class.map(|class| class.value).unwrap_or_default(),
        };
        passthrough_sees_nothing(node, &rule);
        Some(Located::new(rule, node.source()))
    })?
}

fn passthrough_sees_nothing(node: &Node<'_>, rule: &AllowRule) {
    if rule.class == TrafficClass::Passthrough && rule.needs_http() {
        node.wrong(
            format!(
                "the rule for `{}` is `passthrough` and looks at methods or paths",
                rule.host
            ),
            "traffic that is not decrypted shows neither",
            "use `class = \"tunnel\"`, or leave `methods` and `paths` out",
        );
    }
}

fn not_empty<T>(node: &Node<'_>, items: &[T]) {
    if items.is_empty() {
        node.wrong(
            format!("`{}` is an empty list", node.key),
            "nothing would match",
            "leave it out to allow all",
        );
    }
}

fn ports(node: &Node<'_>) -> Vec<u16> {
    let items = node.items();
    not_empty(node, &items);
    let read = |item: &Node<'_>| {
        let text = item.scalar("a port number")?;
        let port = text.parse::<u16>().ok().filter(|port| *port > 0);
        if port.is_none() {
            item.wrong(
                format!("`{}` is not a port", text.value),
                "not a port",
                "ports are whole numbers from 1 to 65535",
            );
        }
        port
    };
    items.iter().filter_map(read).collect()
}

fn methods(node: &Node<'_>) -> Vec<String> {
    let items = node.items();
    not_empty(node, &items);
    let read = |item: &Node<'_>| {
        let text = item.text()?;
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            item.wrong(
                format!("`{text}` is not an HTTP method"),
                "not a method",
                "write names such as `GET` and `POST`",
            );
            return None;
        }
        Some(text.to_ascii_uppercase())
    };
    items.iter().filter_map(read).collect()
}

fn paths(node: &Node<'_>) -> Vec<String> {
    let items = node.items();
    not_empty(node, &items);
    let read = |item: &Node<'_>| {
        let text = item.text()?;
        if !text.starts_with('/') {
            item.wrong(
                format!("`{text}` is not a path"),
                "does not begin with `/`",
                "write `/repos/acme/**`; `*` stays inside a segment, `**` does not",
            );
            return None;
        }
        Some(text.to_owned())
    };
    items.iter().filter_map(read).collect()
}

fn addresses(node: &Node<'_>) -> BTreeMap<String, Located<IpAddr>> {
    let mut found = BTreeMap::new();
    for entry in node.entries() {
        let name = Word::new(&entry.name, node.reading.sink).host();
        let wildcard = entry.name.starts_with("*.");
        if wildcard {
            entry.wrong(
                format!(
                    "`{}` is a pattern, and addresses need names",
                    entry.name.value
                ),
                "for a pattern",
                "write one line per name",
            );
        }
        let Some(text) = entry.located_text() else {
            continue;
        };
        match (name, text.parse::<IpAddr>()) {
            (Some(name), Ok(address)) if !wildcard => {
                let host = name.value.as_str().to_owned();
                found.insert(host, Located::new(address, entry.source()));
            }
            (_, Err(_)) => entry.wrong(
                format!("`{}` is not an IP address", text.value),
                "not an address",
                "write an address such as `192.0.2.7`",
            ),
            _ => {}
        }
    }
    found
}
