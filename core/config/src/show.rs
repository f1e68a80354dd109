//! What is in effect, and who said so.

use std::fmt;

use bottle_api::{AllowRule, Delivery, EnvValue, Mount, RuntimeChoice, SecretSpec, TrafficClass};
use bytesize::ByteSize;
use serde::Serialize;

use crate::{
    config::Config,
    flags::PluginKind,
    redact,
    source::{Located, Source},
};

/// One key in effect.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The key.
    pub key: String,
    /// Its value as TOML writes it; secrets are references.
    pub value: String,
    /// Where it came from.
    pub source: String,
}

/// Everything in effect.
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    /// In the order of the sections.
    pub rows: Vec<Row>,
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left = |row: &Row| format!("{} = {}", row.key, row.value);
        let widths = self.rows.iter().map(|row| left(row).chars().count());
        let width = widths.filter(|width| *width <= 60).max().unwrap_or(0);
        for row in &self.rows {
            writeln!(f, "{:width$}  # {}", left(row), row.source)?;
        }
        Ok(())
    }
}

impl Config {
    /// What is in effect, and who said so.
    pub fn show(&self) -> Shown {
        let mut table = Table(Vec::new());
        self.show_launch(&mut table);
        self.show_egress(&mut table);
        self.show_granted(&mut table);
        self.show_place(&mut table);
        self.show_plugins(&mut table);
        Shown { rows: table.0 }
    }

    fn show_launch(&self, table: &mut Table) {
        let launch = &self.sections.launch;
        table.texts("launch.agent", launch.agent.as_ref());
        table.texts("launch.name", launch.name.as_ref());
        table.texts("launch.backend", launch.backend.as_ref());
        let runtime = self.runtime();
        let name = match &runtime.value {
            RuntimeChoice::Auto => "auto",
            RuntimeChoice::Named(name) => name,
        };
        table.add("launch.runtime", quoted(name), &runtime.source);
        let proxies = self.proxies();
        table.add("launch.proxies", list(&proxies.value), &proxies.source);
        if let Some(names) = self.provisioners() {
            table.add("launch.provisioners", list(&names.value), &names.source);
        }
        for one in &launch.require {
            table.add("launch.require[]", quoted(one.value.as_str()), &one.source);
        }
        if let Some(image) = &self.sections.image {
            let text = serde_json::to_string(&image.value.source).unwrap_or_default();
            table.add("image", text, &image.source);
        }
    }

    fn show_egress(&self, table: &mut Table) {
        let egress = &self.sections.egress;
        for rule in &egress.allow {
            table.add("egress.allow[]", rule_text(&rule.value), &rule.source);
        }
        if let Some(agent) = self.agent().and_then(|name| self.agents.get(&name.value)) {
            for rule in &agent.spec.allow {
                table.add("egress.allow[]", rule_text(rule), &agent.source);
            }
        }
        for host in &egress.deny {
            table.add("egress.deny[]", quoted(host.as_str()), &host.source);
        }
        let dlp = egress.dlp.clone().unwrap_or_default();
        table.json("egress.dlp", &dlp.value, &dlp.source);
        for (name, address) in &egress.hosts {
            let key = format!("egress.hosts.{}", bare(name));
            table.add(key, quoted(&address.to_string()), &address.source);
        }
        for host in &egress.trusted_private {
            table.add(
                "egress.trusted_private[]",
                quoted(host.as_str()),
                &host.source,
            );
        }
    }

    fn show_granted(&self, table: &mut Table) {
        for (name, secret) in &self.sections.secret {
            table.add(
                format!("secret.{name}"),
                secret_text(secret),
                &secret.source,
            );
        }
        for (name, value) in &self.sections.env {
            let text = match &value.value {
                EnvValue::Literal(text)
                    if bottle_api::names_secret(name) || redact::looks_secret(text) =>
                {
                    quoted("***")
                }
                EnvValue::Literal(text) => quoted(text),
                EnvValue::Secret(source) => format!("{{ from {source} }}"),
            };
            table.add(format!("env.{name}"), text, &value.source);
        }
        for mount in &self.sections.mount {
            if let Mount::Bind {
                source,
                target,
                read_only,
            } = &mount.value
            {
                let way = if *read_only { "read-only" } else { "writable" };
                let text = format!("{} -> {target} ({way})", source.display());
                table.add("mount[]", quoted(&text), &mount.source);
            }
        }
    }

    fn show_place(&self, table: &mut Table) {
        let workspace = &self.sections.workspace;
        if let Some(mode) = &workspace.mode {
            table.json("workspace.mode", &mode.value, &mode.source);
        }
        if let Some(path) = &workspace.path {
            table.add(
                "workspace.path",
                quoted(&path.display().to_string()),
                &path.source,
            );
        }
        table.texts("workspace.target", workspace.target.as_ref());
        if let Some(git) = &workspace.include_git {
            table.json("workspace.include_git", &git.value, &git.source);
        }
        if let Some(exclude) = &workspace.exclude {
            table.add("workspace.exclude", list(exclude), &exclude.source);
        }
        table.texts("workspace.branch", workspace.branch.as_ref());
        let limits = &self.sections.limits;
        let default = bottle_api::Limits::default();
        let bytes = |bytes: u64| quoted(&ByteSize::b(bytes).to_string());
        let cores = |thousandths: u64| format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
        table.limit(
            "limits.memory",
            limits.memory.as_ref(),
            default.memory,
            bytes,
        );
        table.limit(
            "limits.cpus",
            limits.cpus.as_ref(),
            default.milli_cpus,
            cores,
        );
        table.limit("limits.pids", limits.pids.as_ref(), default.pids, |n| {
            n.to_string()
        });
        table.limit(
            "limits.nofile",
            limits.nofile.as_ref(),
            default.nofile,
            |n| n.to_string(),
        );
        let pool = self.network_pool();
        table.add("network.pool", quoted(&pool.to_string()), &pool.source);
    }

    fn show_plugins(&self, table: &mut Table) {
        for (name, agent) in &self.sections.agent {
            table.add(format!("agent.{name}"), "{ ... }".to_owned(), &agent.source);
        }
        for kind in [
            PluginKind::Backend,
            PluginKind::Proxy,
            PluginKind::Provisioner,
        ] {
            for (name, source) in self.tables(kind).iter() {
                table.add(
                    format!("{}.{name}", kind.as_str()),
                    "{ ... }".to_owned(),
                    source,
                );
            }
        }
        for flag in &self.origin.flags {
            table.0.push(Row {
                key: format!("{}.{}.{}", flag.kind.as_str(), flag.plugin, flag.key),
                value: "...".to_owned(),
                source: format!("`{}`", flag.flag),
            });
        }
    }
}

struct Table(Vec<Row>);

impl Table {
    fn add(&mut self, key: impl Into<String>, value: String, source: &Source) {
        self.0.push(Row {
            key: key.into(),
            value,
            source: source.to_string(),
        });
    }
    fn texts(&mut self, key: &str, value: Option<&Located<String>>) {
        if let Some(value) = value {
            self.add(key, quoted(value), &value.source);
        }
    }
    fn json(&mut self, key: &str, value: &impl Serialize, source: &Source) {
        self.add(
            key,
            serde_json::to_string(value).unwrap_or_default(),
            source,
        );
    }
    fn limit(
        &mut self,
        key: &str,
        own: Option<&Located<Option<u64>>>,
        default: Option<u64>,
        text: impl Fn(u64) -> String,
    ) {
        let value = own.map_or(default, |own| own.value);
        let source = own.map(|own| own.source.clone()).unwrap_or_default();
        let value = value.map_or_else(|| quoted("unlimited"), text);
        self.add(key, value, &source);
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn bare(name: &str) -> String {
    if name.contains('.') {
        quoted(name)
    } else {
        name.to_owned()
    }
}

fn list(items: &[String]) -> String {
    let items: Vec<String> = items.iter().map(|item| quoted(item)).collect();
    format!("[{}]", items.join(", "))
}

fn rule_text(rule: &AllowRule) -> String {
    if !rule.needs_http() && rule.ports.is_empty() && rule.class == TrafficClass::Inspect {
        return quoted(rule.host.as_str());
    }
    let mut parts = vec![format!("host = {}", quoted(rule.host.as_str()))];
    if !rule.ports.is_empty() {
        parts.push(format!("ports = {:?}", rule.ports));
    }
    if !rule.methods.is_empty() {
        parts.push(format!("methods = {}", list(&rule.methods)));
    }
    if !rule.paths.is_empty() {
        parts.push(format!("paths = {}", list(&rule.paths)));
    }
    let class = match rule.class {
        TrafficClass::Inspect => None,
        TrafficClass::Tunnel => Some("tunnel"),
        TrafficClass::Passthrough => Some("passthrough"),
    };
    parts.extend(class.map(|class| format!("class = {}", quoted(class))));
    format!("{{ {} }}", parts.join(", "))
}

fn secret_text(secret: &SecretSpec) -> String {
    let way = match &secret.delivery {
        Delivery::Inject { hosts, header, .. } => {
            let hosts: Vec<String> = hosts.iter().map(|host| host.as_str().to_owned()).collect();
            format!("inject into `{header}` for {}", list(&hosts))
        }
        Delivery::Env { name } => format!("into the agent's variable `{name}`"),
        Delivery::File { path } => format!("into the agent's file `{path}`"),
    };
    format!("{{ from {}, {way} }}", secret.source)
}
