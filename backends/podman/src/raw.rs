//! The calls that podman-api gets wrong, with types of our own: it drops `no_new_privileges` and
//! the exit status of a wait, sends fixed addresses as lists of numbers, builds only from folders,
//! and its answers' types are those of Podman 4 alone. Nothing else belongs here.

use std::collections::BTreeMap;

use bottle_api::{BackendError, BackendErrorKind};
use bottle_backend_common::{Attempt, Refusal, Transport, accepted, request};
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::{Method, Response, body::Incoming};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// What every path begins with: spoken by Podman 4.3 and by all later ones.
pub(crate) const PREFIX: &str = "/v4.3.1/libpod";
/// No answer that is read whole is longer.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// A value in a query.
pub(crate) fn encoded(value: &str) -> String {
    utf8_percent_encode(value, NON_ALPHANUMERIC).to_string()
}

/// Sends a request and reads the answer as JSON.
pub(crate) async fn json<T: DeserializeOwned>(
    transport: &Transport,
    attempt: &Attempt<'_>,
    method: Method,
    path: &str,
    body: Option<&impl Serialize>,
) -> Result<T, BackendError> {
    let bytes = match body {
        Some(body) => serde_json::to_vec(body)
            // The error names a field, never its value.
            .map_err(|error| attempt.error(BackendErrorKind::Other, &error.to_string()))?,
        None => Vec::new(),
    };
    let request = request(method, path, bytes.into());
    let response = answer(transport.send(request).await)
        .await
        .map_err(|refusal| attempt.refusal(&refusal))?;
    let bytes = whole(attempt, response).await?;
    serde_json::from_slice(&bytes).map_err(|error| attempt.not_understood(&error.to_string()))
}

/// Reads an answer as JSON.
pub(crate) async fn get<T: DeserializeOwned>(
    transport: &Transport,
    attempt: &Attempt<'_>,
    path: &str,
) -> Result<T, BackendError> {
    json(transport, attempt, Method::GET, path, None::<&()>).await
}

async fn answer(sent: Result<Response<Incoming>, Refusal>) -> Result<Response<Incoming>, Refusal> {
    accepted(sent?).await
}

/// The bytes of an answer.
pub(crate) async fn whole(
    attempt: &Attempt<'_>,
    response: Response<Incoming>,
) -> Result<Bytes, BackendError> {
    let body = Limited::new(response.into_body(), MAX_ANSWER)
        .collect()
        .await;
    body.map(http_body_util::Collected::to_bytes)
        .map_err(|error| attempt.lost(&error))
}

/// `/info`, as far as it matters.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Info {
    pub(crate) host: HostInfo,
    pub(crate) store: StoreInfo,
    pub(crate) version: VersionInfo,
}
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct HostInfo {
    pub(crate) hostname: String,
    pub(crate) kernel: String,
    pub(crate) os: String,
    pub(crate) cpus: u64,
    pub(crate) cgroup_version: String,
    pub(crate) cgroup_manager: String,
    pub(crate) cgroup_controllers: Vec<String>,
    pub(crate) network_backend: String,
    pub(crate) oci_runtime: RuntimeInfo,
    pub(crate) security: SecurityInfo,
    pub(crate) id_mappings: EngineIds,
}
/// What an engine without root can give away.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct EngineIds {
    pub(crate) uidmap: Option<Vec<IdMap>>,
    pub(crate) gidmap: Option<Vec<IdMap>>,
}
impl EngineIds {
    /// How many users and groups there are.
    pub(crate) fn count(&self) -> (u32, u32) {
        let sum = |all: &Option<Vec<IdMap>>| {
            let sizes = all.iter().flatten().map(|map| map.size);
            sizes.fold(0, u32::saturating_add)
        };
        (sum(&self.uidmap), sum(&self.gidmap))
    }
}
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RuntimeInfo {
    pub(crate) name: String,
    pub(crate) path: String,
}
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct SecurityInfo {
    pub(crate) rootless: bool,
    pub(crate) seccomp_enabled: bool,
    #[serde(rename = "selinuxEnabled")]
    pub(crate) selinux_enabled: bool,
}
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct StoreInfo {
    pub(crate) graph_root: String,
    pub(crate) run_root: String,
    pub(crate) volume_path: String,
}
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct VersionInfo {
    #[serde(rename = "Version")]
    pub(crate) version: String,
}

impl Info {
    /// Limits that the engine's machine does not enforce. Without root, control groups of version
    /// 1 are not the user's, and of version 2 only those that were delegated.
    pub(crate) fn limits_missing(&self) -> Vec<&'static str> {
        let host = &self.host;
        let none = host.security.rootless && host.cgroup_version != "v2";
        [("memory", "memory"), ("pids", "pids"), ("cpus", "cpu")]
            .into_iter()
            .filter(|(_, controller)| {
                none || !host.cgroup_controllers.iter().any(|it| it == controller)
            })
            .map(|(name, _)| name)
            .collect()
    }
}

/// The request for a container. Podman passes over keys it does not know without a word, so that
/// a misspelt one is a hole: what counts is looked at from inside, by a test.
#[derive(Debug, Default, Serialize)]
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

#[derive(Debug, Deserialize)]
pub(crate) struct Created {
    #[serde(rename = "Id", alias = "ID")]
    pub(crate) id: String,
    #[serde(rename = "Warnings", default)]
    pub(crate) warnings: Option<Vec<String>>,
}

/// A container, inspected.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Container {
    pub(crate) id: String,
    pub(crate) name: String,
    /// The program of the main process.
    pub(crate) path: String,
    #[serde(rename = "OCIRuntime")]
    pub(crate) runtime: String,
    pub(crate) state: State,
    pub(crate) mounts: Option<Vec<MountPoint>>,
    pub(crate) host_config: HostConfig,
    pub(crate) network_settings: NetworkSettings,
}
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct State {
    pub(crate) status: String,
    pub(crate) running: bool,
    #[serde(rename = "OOMKilled")]
    pub(crate) oom_killed: bool,
    pub(crate) exit_code: i64,
}
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct MountPoint {
    #[serde(rename = "Type")]
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) destination: String,
    #[serde(rename = "RW")]
    pub(crate) writable: bool,
}
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct HostConfig {
    pub(crate) readonly_rootfs: bool,
}
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct NetworkSettings {
    pub(crate) sandbox_key: String,
    pub(crate) networks: Option<BTreeMap<String, serde::de::IgnoredAny>>,
}

/// An image, inspected.
#[derive(Debug, Deserialize)]
pub(crate) struct Image {
    #[serde(rename = "Id")]
    pub(crate) id: String,
    #[serde(rename = "Config", default)]
    pub(crate) config: ImageConfig,
}
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ImageConfig {
    #[serde(rename = "Volumes", default)]
    pub(crate) volumes: Option<BTreeMap<String, serde::de::IgnoredAny>>,
}
/// A volume, inspected.
#[derive(Debug, Deserialize)]
pub(crate) struct Volume {
    #[serde(rename = "Labels", default)]
    pub(crate) labels: Option<BTreeMap<String, String>>,
}
/// An image, listed.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct ListedImage {
    pub(crate) id: String,
    pub(crate) repo_tags: Option<Vec<String>>,
    pub(crate) labels: Option<BTreeMap<String, String>>,
}

/// The request for an exec.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
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
/// An exec, inspected.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Exec {
    pub(crate) running: bool,
    pub(crate) exit_code: i64,
    pub(crate) can_remove: bool,
}

/// A line of a build's, or a pull's, answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Report {
    pub(crate) stream: String,
    pub(crate) error: String,
}
