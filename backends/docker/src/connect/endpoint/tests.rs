use std::{collections::BTreeMap, fs};

use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::*;

struct Setting {
    home: TempDir,
    env: BTreeMap<String, String>,
    config: DockerConfig,
}

impl Setting {
    fn new(env: &[(&str, &str)]) -> Self {
        let home = TempDir::new().unwrap();
        let mut env: BTreeMap<_, _> = env
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        env.insert("HOME".into(), home.path().display().to_string());
        Self {
            home,
            env,
            config: DockerConfig::default(),
        }
    }
    fn resolve(&self) -> Result<Endpoint, BackendError> {
        resolve(&self.config, &|name| self.env.get(name).cloned())
    }
    fn write(&self, path: &str, text: &str) {
        let path = self.home.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    /// As `docker context create` does.
    fn context(&self, name: &str, host: &str, skip: bool) {
        let id = hex::encode(Sha256::digest(name.as_bytes()));
        self.write(
            &format!(".docker/contexts/meta/{id}/meta.json"),
            &format!(
                r#"{{"Name":"{name}","Metadata":{{}},"Endpoints":{{"docker":{{"Host":"{host}","SkipTLSVerify":{skip}}}}}}}"#
            ),
        );
    }
}

fn tcp(host: &str, port: u16) -> Address {
    Address::Tcp {
        host: host.into(),
        port,
    }
}

#[test]
fn the_order_is_the_docker_commands() {
    let mut setting = Setting::new(&[]);
    setting.context("current", "tcp://127.0.0.1:1", false);
    setting.context("named", "tcp://127.0.0.1:2", false);
    setting.context("mine", "tcp://127.0.0.1:5", false);
    let at = |setting: &Setting| setting.resolve().unwrap().address;
    assert!(matches!(at(&setting), Address::Unix(_)));

    setting.write(".docker/config.json", r#"{"currentContext":"current"}"#);
    assert_eq!(at(&setting), tcp("127.0.0.1", 1));
    setting.env.insert("DOCKER_CONTEXT".into(), "named".into());
    assert_eq!(at(&setting), tcp("127.0.0.1", 2));
    setting
        .env
        .insert("DOCKER_HOST".into(), "tcp://127.0.0.1:3".into());
    assert_eq!(at(&setting), tcp("127.0.0.1", 3), "it wins over a context");
    setting.config.context = Some("mine".into());
    assert_eq!(at(&setting), tcp("127.0.0.1", 5));
    setting.config.context = Some("default".into());
    assert!(matches!(at(&setting), Address::Unix(_)));
    setting.config.context = None;
    setting.config.host = Some("tcp://127.0.0.1:4".into());
    assert_eq!(at(&setting), tcp("127.0.0.1", 4));
}

#[test]
fn empty_variables_and_the_default_context_mean_nothing() {
    let setting = Setting::new(&[("DOCKER_HOST", ""), ("DOCKER_CONTEXT", "default")]);
    setting.write(".docker/config.json", r#"{"currentContext":"gone"}"#);
    assert!(matches!(
        setting.resolve().unwrap().address,
        Address::Unix(_)
    ));
}

#[test]
fn addresses_are_read() {
    for (host, address) in [
        ("unix:///a/b.sock", Some(Address::Unix("/a/b.sock".into()))),
        ("tcp://localhost", Some(tcp("localhost", 2375))),
        ("tcp://127.0.0.1:99/", Some(tcp("127.0.0.1", 99))),
        ("tcp://[::1]:99", Some(tcp("::1", 99))),
        ("http://127.0.0.2", Some(tcp("127.0.0.2", 2375))),
        ("unix://relative", None),
        ("/var/run/docker.sock", None),
        ("tcp://", None),
        ("tcp://127.0.0.1:port", None),
        ("tcp://127.0.0.1:1/prefix", None),
        ("tcp://user@127.0.0.1", None),
        ("ftp://x", None),
    ] {
        let setting = Setting::new(&[("DOCKER_HOST", host)]);
        let found = setting.resolve();
        assert_eq!(found.as_ref().ok().map(|e| &e.address), address.as_ref());
        if let Err(error) = found {
            assert!(error.to_string().contains("`DOCKER_HOST`"), "{error}");
        }
    }
}

#[test]
fn ssh_is_refused_with_a_way_around() {
    let setting = Setting::new(&[("DOCKER_HOST", "ssh://me@box")]);
    let error = setting.resolve().unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Unsupported);
    assert!(error.hint().unwrap().contains("ssh -nNT -L"));
    assert!(error.hint().unwrap().contains("me@box"));
}

#[test]
fn plain_tcp_stays_on_this_machine_unless_allowed() {
    let mut setting = Setting::new(&[("DOCKER_HOST", "tcp://192.0.2.7:2375")]);
    let error = setting.resolve().unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Denied);
    assert!(error.hint().unwrap().contains("DOCKER_TLS_VERIFY"));
    setting.config.allow_plain_tcp = true;
    assert!(setting.resolve().is_ok());
}

#[test]
fn tls_comes_from_the_environment_or_the_config() {
    let mut setting = Setting::new(&[
        ("DOCKER_HOST", "tcp://192.0.2.7"),
        ("DOCKER_TLS_VERIFY", "1"),
    ]);
    let found = setting.resolve().unwrap();
    assert_eq!(found.address, tcp("192.0.2.7", 2376));
    let folder = setting.home.path().join(".docker");
    let tls = found.tls.unwrap();
    assert_eq!((tls.ca, tls.cert), (folder.join("ca.pem"), None));

    setting.write("certs/cert.pem", "");
    setting.write("certs/key.pem", "");
    let certs = setting.home.path().join("certs");
    setting
        .env
        .insert("DOCKER_CERT_PATH".into(), certs.display().to_string());
    let tls = setting.resolve().unwrap().tls.unwrap();
    assert_eq!(tls.key, Some(certs.join("key.pem")));

    setting.config.tls = Some(TlsFiles {
        ca: "/own/ca.pem".into(),
        cert: None,
        key: None,
    });
    let tls = setting.resolve().unwrap().tls.unwrap();
    assert_eq!(tls.ca, PathBuf::from("/own/ca.pem"));

    let https = Setting::new(&[("DOCKER_HOST", "https://192.0.2.7")]);
    assert!(https.resolve().unwrap_err().to_string().contains("TLS"));
}

#[test]
fn a_contexts_certificates_are_found() {
    let setting = Setting::new(&[("DOCKER_CONTEXT", "far")]);
    setting.context("far", "tcp://192.0.2.7:2376", false);
    assert_eq!(
        setting.resolve().unwrap_err().kind(),
        BackendErrorKind::Denied,
        "no certificates yet"
    );
    let id = hex::encode(Sha256::digest(b"far"));
    setting.write(&format!(".docker/contexts/tls/{id}/docker/ca.pem"), "");
    let found = setting.resolve().unwrap();
    assert!(found.tls.unwrap().ca.ends_with("docker/ca.pem"));
    assert!(found.from.contains("`far`"));
}

#[test]
fn broken_contexts_say_what_is_wrong() {
    let setting = Setting::new(&[("DOCKER_CONTEXT", "nope")]);
    let error = setting.resolve().unwrap_err();
    assert!(error.hint().unwrap().contains("docker context ls"));

    setting.context("nope", "tcp://192.0.2.7:2376", true);
    let error = setting.resolve().unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Unsupported);

    let setting = Setting::new(&[]);
    setting.write(".docker/config.json", r#"{"auths":{"x":"hunter2"#);
    let error = setting.resolve().unwrap_err().to_string();
    assert!(
        error.contains("config.json") && !error.contains("hunter2"),
        "{error}"
    );
}
