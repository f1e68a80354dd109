//! What is sent.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The request for a container. Podman passes over keys it does not know without a word, so that
/// a misspelt one is a hole: what counts is looked at from inside, by a test.
#[derive(Debug, Default, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "the service's own shape")]
pub(crate) struct CreateContainer {
    pub(crate) name: String,
    pub(crate) image: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) entrypoint: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) command: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) httpproxy: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) work_dir: Option<String>,
    pub(crate) hostname: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) terminal: bool,
    pub(crate) stdin: bool,
    pub(crate) stop_timeout: u64,
    pub(crate) log_configuration: LogConfiguration,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) oci_runtime: Option<String>,
    pub(crate) systemd: &'static str,
    pub(crate) manage_password: bool,
    pub(crate) init: bool,
    pub(crate) image_volume_mode: &'static str,
    pub(crate) mounts: Vec<SpecMount>,
    pub(crate) volumes: Vec<NamedVolume>,
    pub(crate) privileged: bool,
    pub(crate) cap_drop: Vec<&'static str>,
    pub(crate) cap_add: Vec<String>,
    pub(crate) no_new_privileges: bool,
    pub(crate) read_only_filesystem: bool,
    pub(crate) read_write_tmpfs: bool,
    pub(crate) selinux_opts: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) userns: Option<Namespace>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) idmappings: Option<IdMappings>,
    pub(crate) netns: Namespace,
    #[serde(rename = "Networks")]
    pub(crate) networks: BTreeMap<String, PerNetwork>,
    pub(crate) use_image_hosts: bool,
    pub(crate) dns_server: Vec<&'static str>,
    pub(crate) dns_search: Vec<&'static str>,
    pub(crate) dns_option: Vec<&'static str>,
    pub(crate) sysctl: BTreeMap<&'static str, &'static str>,
    pub(crate) resource_limits: ResourceLimits,
    pub(crate) r_limits: Vec<RLimit>,
}
#[derive(Debug, Default, Serialize)]
pub(crate) struct LogConfiguration {
    pub(crate) driver: &'static str,
    /// Bytes.
    pub(crate) size: i64,
}
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct SpecMount {
    pub(crate) destination: String,
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) source: String,
    pub(crate) options: Vec<String>,
}
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct NamedVolume {
    #[serde(rename = "Name")]
    pub(crate) name: String,
    #[serde(rename = "Dest")]
    pub(crate) dest: String,
    #[serde(rename = "Options")]
    pub(crate) options: Vec<&'static str>,
}
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Namespace {
    pub(crate) nsmode: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) value: String,
}
impl Namespace {
    /// Of this kind, without a value.
    pub(crate) fn of(nsmode: &'static str) -> Self {
        Self {
            nsmode,
            value: String::new(),
        }
    }
}
/// Whom numbers inside stand for, in the numbers of the engine's own user namespace.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct IdMappings {
    #[serde(rename = "HostUIDMapping")]
    pub(crate) host_uids: bool,
    #[serde(rename = "HostGIDMapping")]
    pub(crate) host_gids: bool,
    #[serde(rename = "UIDMap")]
    pub(crate) uids: Vec<IdMap>,
    #[serde(rename = "GIDMap")]
    pub(crate) gids: Vec<IdMap>,
}
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IdMap {
    pub(crate) container_id: u32,
    pub(crate) host_id: u32,
    pub(crate) size: u32,
}
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct PerNetwork {
    pub(crate) static_ips: Vec<std::net::IpAddr>,
    pub(crate) interface_name: String,
}
#[derive(Debug, Default, Serialize)]
pub(crate) struct ResourceLimits {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) memory: Option<MemoryLimits>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cpu: Option<CpuLimits>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pids: Option<PidsLimit>,
}
#[derive(Debug, Serialize)]
pub(crate) struct MemoryLimits {
    pub(crate) limit: i64,
    /// Memory and swap together.
    pub(crate) swap: i64,
}
#[derive(Debug, Serialize)]
pub(crate) struct CpuLimits {
    /// Microseconds in each `period`.
    pub(crate) quota: i64,
    pub(crate) period: u64,
}
#[derive(Debug, Serialize)]
pub(crate) struct PidsLimit {
    pub(crate) limit: i64,
}
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct RLimit {
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) soft: u64,
    pub(crate) hard: u64,
}

/// The request for an exec.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(clippy::struct_excessive_bools, reason = "the service's own shape")]
pub(crate) struct CreateExec {
    pub(crate) attach_stdin: bool,
    pub(crate) attach_stdout: bool,
    pub(crate) attach_stderr: bool,
    pub(crate) tty: bool,
    pub(crate) detach_keys: &'static str,
    pub(crate) cmd: Vec<String>,
    pub(crate) env: Vec<String>,
    pub(crate) user: String,
    pub(crate) working_dir: String,
}
#[derive(Debug, Serialize)]
pub(crate) struct StartExec {
    #[serde(rename = "Detach")]
    pub(crate) detach: bool,
    #[serde(rename = "Tty")]
    pub(crate) tty: bool,
    pub(crate) h: u16,
    pub(crate) w: u16,
}
