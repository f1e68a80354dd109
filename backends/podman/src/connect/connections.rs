//! What Podman's own configuration files say: connections and runtimes. Reads files only.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use bottle_api::{BackendError, BackendErrorKind};
use serde::Deserialize;

use super::Environment;

const OPERATION: &str = "read podman's configuration";

/// The keys of containers.conf that matter here.
#[derive(Debug, Default, Deserialize)]
struct ContainersConf {
    #[serde(default)]
    engine: Engine,
}
#[derive(Debug, Default, Deserialize)]
struct Engine {
    active_service: Option<String>,
    runtime: Option<String>,
    #[serde(default)]
    service_destinations: BTreeMap<String, Destination>,
    #[serde(default)]
    runtimes: BTreeMap<String, Vec<PathBuf>>,
}
#[derive(Clone, Debug, Deserialize)]
struct Destination {
    uri: String,
}

/// `podman-connections.json`, written by Podman 5 and later.
#[derive(Debug, Default, Deserialize)]
struct ConnectionsFile {
    #[serde(rename = "Connection", default)]
    connection: Connections,
}
#[derive(Debug, Default, Deserialize)]
struct Connections {
    #[serde(rename = "Default", default)]
    default: Option<String>,
    #[serde(rename = "Connections", default)]
    connections: BTreeMap<String, JsonDestination>,
}
#[derive(Debug, Deserialize)]
struct JsonDestination {
    #[serde(rename = "URI")]
    uri: String,
}

/// The connections that `podman system connection list` shows, and the runtimes of containers.conf.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) default: Option<String>,
    pub(crate) destinations: BTreeMap<String, String>,
    /// Runtimes that somebody configured, with the places of their programs.
    pub(crate) runtimes: BTreeMap<String, Vec<PathBuf>>,
    /// The one used when none is named.
    pub(crate) runtime: Option<String>,
}

/// Reads all of them, later files over earlier ones.
pub(crate) fn settings(env: Environment<'_>) -> Result<Settings, BackendError> {
    let mut all = Settings::default();
    for path in conf_files(env) {
        let Some(text) = read(&path)? else { continue };
        let conf: ContainersConf = toml::from_str(&text).map_err(|error| {
            // The message without the text around it, which may be anything.
            failed(format!("`{}`: {}", path.display(), error.message()))
        })?;
        let engine = conf.engine;
        all.default = engine.active_service.or(all.default);
        all.runtime = engine.runtime.or(all.runtime);
        all.runtimes.extend(engine.runtimes);
        let destinations = engine.service_destinations.into_iter();
        all.destinations
            .extend(destinations.map(|(name, it)| (name, it.uri)));
    }
    if let Some(path) = connections_file(env)
        && let Some(text) = read(&path)?
    {
        let file: ConnectionsFile = serde_json::from_str(&text).map_err(|error| {
            failed(format!(
                "`{}` is not understood (line {}, column {})",
                path.display(),
                error.line(),
                error.column()
            ))
        })?;
        let connection = file.connection;
        all.default = connection
            .default
            .filter(|it| !it.is_empty())
            .or(all.default);
        let connections = connection.connections.into_iter();
        all.destinations
            .extend(connections.map(|(name, it)| (name, it.uri)));
    }
    Ok(all)
}

/// In the order in which Podman reads them. One that is named takes the place of all.
fn conf_files(env: Environment<'_>) -> Vec<PathBuf> {
    let set = |name: &str| env(name).filter(|value| !value.is_empty());
    let mut files = Vec::new();
    if let Some(only) = set("CONTAINERS_CONF") {
        files.push(only.into());
    } else {
        files.push("/usr/share/containers/containers.conf".into());
        files.push("/etc/containers/containers.conf".into());
        files.extend(drop_ins(Path::new("/etc/containers/containers.conf.d")));
        if let Some(home) = config_home(env) {
            files.push(home.join("containers/containers.conf"));
            files.extend(drop_ins(&home.join("containers/containers.conf.d")));
        }
    }
    files.extend(set("CONTAINERS_CONF_OVERRIDE").map(PathBuf::from));
    files
}

fn drop_ins(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|it| it == "conf"))
        .collect();
    files.sort();
    files
}

fn connections_file(env: Environment<'_>) -> Option<PathBuf> {
    match env("PODMAN_CONNECTIONS_CONF").filter(|value| !value.is_empty()) {
        Some(path) => Some(path.into()),
        None => Some(config_home(env)?.join("containers/podman-connections.json")),
    }
}

fn config_home(env: Environment<'_>) -> Option<PathBuf> {
    let set = |name: &str| env(name).filter(|value| !value.is_empty());
    set("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| set("HOME").map(|home| Path::new(&home).join(".config")))
}

/// Where a runtime's program may be: where somebody said, else where distributions put it.
pub(crate) fn runtime_paths(settings: &Settings, name: &str) -> Vec<PathBuf> {
    settings.runtimes.get(name).cloned().unwrap_or_else(|| {
        [
            "/usr/bin",
            "/usr/sbin",
            "/usr/local/bin",
            "/usr/local/sbin",
            "/bin",
            "/sbin",
        ]
        .map(|folder| Path::new(folder).join(name))
        .to_vec()
    })
}

fn read(path: &Path) -> Result<Option<String>, BackendError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound
                    | io::ErrorKind::NotADirectory
                    | io::ErrorKind::PermissionDenied
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(failed(format!("cannot read `{}`: {error}", path.display()))),
    }
}

fn failed(message: String) -> BackendError {
    BackendError::new(BackendErrorKind::EngineDown, OPERATION, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(files: &[(&str, &str)]) -> (tempfile::TempDir, Result<Settings, BackendError>) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join("containers").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let home = folder.path().to_str().unwrap().to_owned();
        let settings = settings(&move |name| (name == "XDG_CONFIG_HOME").then(|| home.clone()));
        (folder, settings)
    }

    #[test]
    fn later_files_win_and_the_json_of_podman_5_too() {
        let conf = "[engine]\nactive_service = 'old'\n[engine.service_destinations.old]\nuri = 'ssh://a/x'\nidentity = 'k'\n[engine.runtimes]\nrunsc = ['/opt/runsc']\n";
        let (_folder, settings) = with(&[
            ("containers.conf", conf),
            ("containers.conf.d/9.conf", "[engine]\nruntime = 'runc'\n"),
            (
                "podman-connections.json",
                r#"{"Connection":{"Default":"new","Connections":{"new":{"URI":"unix:///n","IsMachine":true}}},"Farm":{}}"#,
            ),
        ]);
        let settings = settings.unwrap();
        assert_eq!(settings.default.as_deref(), Some("new"));
        assert_eq!(settings.destinations["new"], "unix:///n");
        assert_eq!(settings.destinations["old"], "ssh://a/x");
        assert_eq!(settings.runtime.as_deref(), Some("runc"));
        assert_eq!(
            runtime_paths(&settings, "runsc"),
            [PathBuf::from("/opt/runsc")]
        );
        assert!(runtime_paths(&settings, "crun").len() > 3);
    }

    #[test]
    fn broken_files_are_named() {
        for (name, text) in [
            ("containers.conf", "[engine\n"),
            ("podman-connections.json", "{"),
        ] {
            let (_folder, settings) = with(&[(name, text)]);
            assert!(settings.unwrap_err().to_string().contains(name));
        }
    }

    #[test]
    fn a_named_file_takes_the_place_of_all() {
        let only = tempfile::NamedTempFile::new().unwrap();
        fs::write(only.path(), "[engine]\nactive_service = 'x'\n").unwrap();
        let path = only.path().to_str().unwrap().to_owned();
        let env = move |name: &str| (name == "CONTAINERS_CONF").then(|| path.clone());
        assert_eq!(settings(&env).unwrap().default.as_deref(), Some("x"));
    }
}
