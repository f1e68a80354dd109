//! What comes back, as far as it matters: the same with all releases.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::IdMap;

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
    pub(crate) networks: Option<BTreeMap<String, serde_json::Value>>,
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
    pub(crate) volumes: Option<BTreeMap<String, serde_json::Value>>,
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
