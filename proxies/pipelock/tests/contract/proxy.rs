//! A process under test, with a configuration file of the plugin's making.

use std::{
    io::{BufRead as _, BufReader, Read},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant},
};

use bottle_api::{AllowRule, DlpMode, EgressEvent, EgressPolicy, PluginBuild, SecretRef};
use bottle_proxy_pipelock::{Config, HostLists, Paths, Pipelock, Token, Yaml};
use p256::pkcs8::DecodePrivateKey as _;

use crate::{cases::Error, client, origin};

/// Upper limit of everything that is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// The scan API's token.
pub(crate) const TOKEN: &str = "test-token-0123456789";

/// What a case wants to run.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) config: Config,
    pub(crate) policy: EgressPolicy,
    pub(crate) trusted: Vec<String>,
    pub(crate) scan_api: bool,
}

impl Setup {
    /// `localhost` allowed, and allowed to be local.
    pub(crate) fn new() -> Self {
        Self::allowing(&["localhost"])
    }
    /// These hosts allowed; `localhost` may be local.
    pub(crate) fn allowing(hosts: &[&str]) -> Self {
        let rule = |host: &&str| AllowRule::host(host.parse().expect("a host"));
        Self {
            config: Config::default(),
            policy: EgressPolicy {
                allow: hosts.iter().map(rule).collect(),
                ..EgressPolicy::default()
            },
            trusted: vec!["localhost".into()],
            scan_api: false,
        }
    }
    /// With another action on secrets.
    pub(crate) fn dlp(mut self, mode: DlpMode) -> Self {
        self.policy.dlp = mode;
        self
    }

    /// The file's text.
    pub(crate) fn yaml(&self, folder: &Path, port: u16, scan_port: u16) -> String {
        let hosts = HostLists::new(&self.policy).expect("expressible hosts");
        let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
        let paths = Paths {
            listen: format!("127.0.0.1:{port}"),
            scan_listen: self.scan_api.then(|| format!("127.0.0.1:{scan_port}")),
            ca_cert: path("ca.pem"),
            ca_key: path("ca-key.pem"),
        };
        let yaml = Yaml {
            config: &self.config,
            hosts: &hosts,
            trusted: &self.trusted,
            dlp: self.config.dlp.action.unwrap_or(self.policy.dlp),
            injected: &[],
            agent: "contract",
            paths: &paths,
        };
        let pieces = yaml.pieces(&Token(SecretRef::Session("t".into())));
        assert_eq!(pieces.len(), if self.scan_api { 3 } else { 1 });
        yaml.text(TOKEN)
    }
}

/// A folder with the file and the CA.
pub(crate) struct Folder {
    folder: tempfile::TempDir,
    /// Of the CA used for interception.
    pub(crate) ca_pem: String,
}

impl Folder {
    /// Writes file, CA and the origin's CA, the last where `SSL_CERT_DIR` will point.
    pub(crate) fn new(origin_ca: &str) -> Result<Self, Error> {
        let folder = tempfile::tempdir()?;
        let (_, key, ca_pem) = origin::ca("session CA");
        let sec1 = p256::SecretKey::from_pkcs8_der(&key.serialize_der())?
            .to_sec1_pem(p256::pkcs8::LineEnding::LF)?;
        std::fs::create_dir(folder.path().join("upstream"))?;
        std::fs::write(folder.path().join("upstream/ca.pem"), origin_ca)?;
        std::fs::write(folder.path().join("ca.pem"), &ca_pem)?;
        let key_file = folder.path().join("ca-key.pem");
        std::fs::write(&key_file, sec1.as_bytes())?;
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o400);
        std::fs::set_permissions(key_file, private)?;
        Ok(Self { folder, ca_pem })
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Puts a configuration file in place, all at once.
    pub(crate) fn put(&self, text: &str) -> Result<PathBuf, Error> {
        let path = self.path().join("pipelock.yaml");
        let fresh = self.path().join("pipelock.yaml.new");
        std::fs::write(&fresh, text)?;
        std::fs::rename(fresh, &path)?;
        Ok(path)
    }

    /// The command in this folder, without anything of our environment.
    pub(crate) fn command(&self, binary: &Path) -> Command {
        let mut command = Command::new(binary);
        command
            .env_clear()
            .env("HOME", self.path())
            .env("SSL_CERT_DIR", self.path().join("upstream"))
            .current_dir(self.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, binary: &Path, args: &[&str]) -> Result<Output, Error> {
        Ok(self.command(binary).args(args).output()?)
    }
}

/// Lines as they come.
#[derive(Default)]
struct Lines(Mutex<Vec<String>>, Condvar);

/// The running process.
pub(crate) struct Process {
    child: Child,
    pub(crate) port: u16,
    pub(crate) scan_port: u16,
    pub(crate) folder: Folder,
    stdout: Arc<Lines>,
    stderr: Arc<Lines>,
}

impl Process {
    /// Starts it and waits for its health.
    pub(crate) async fn start(
        binary: &Path,
        setup: &Setup,
        origin_ca: &str,
    ) -> Result<Self, Error> {
        let folder = Folder::new(origin_ca)?;
        let (port, scan_port) = (free_port()?, free_port()?);
        let path = folder.put(&setup.yaml(folder.path(), port, scan_port))?;
        let mut child = folder
            .command(binary)
            .arg("run")
            .arg("--config")
            .arg(path)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let stdout = follow(child.stdout.take().ok_or("no stdout")?);
        let stderr = follow(child.stderr.take().ok_or("no stderr")?);
        let mut process = Self {
            child,
            port,
            scan_port,
            folder,
            stdout,
            stderr,
        };
        process.until_healthy().await?;
        Ok(process)
    }

    async fn until_healthy(&mut self) -> Result<(), Error> {
        let end = Instant::now() + PATIENCE;
        loop {
            let health = client::get(self.port, "/health").send().await;
            if health.is_ok_and(|answer| answer.status == 200) {
                return Ok(());
            }
            let dead = self.child.try_wait()?;
            if dead.is_some() || Instant::now() > end {
                let words = self.stderr.0.lock().unwrap().join("\n");
                return Err(format!("never healthy ({dead:?}):\n{words}").into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Writes another configuration over the one in use.
    pub(crate) fn reconfigure(&self, setup: &Setup) -> Result<(), Error> {
        let text = setup.yaml(self.folder.path(), self.port, self.scan_port);
        self.folder.put(&text).map(drop)
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) -> Result<(), Error> {
        Ok(rustix::process::kill_process(
            rustix::process::Pid::from_child(&self.child),
            signal,
        )?)
    }

    /// Waits for the end.
    pub(crate) fn wait(&mut self) -> Result<ExitStatus, Error> {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() > end {
                return Err("it does not end".into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The first event of the log that fits, now or later.
    pub(crate) fn event(&self, fits: impl Fn(&EgressEvent) -> bool) -> Result<EgressEvent, Error> {
        let plugin = Pipelock::build(Config::default())?;
        self.stdout
            .find(|line| plugin.parse_log(line).filter(&fits))
    }

    /// Waits for a line on stdout that holds a text.
    pub(crate) fn logged(&self, part: &str) -> Result<String, Error> {
        self.stdout
            .find(|line| line.contains(part).then(|| line.to_owned()))
    }

    /// Waits for a line on stderr that holds a text.
    pub(crate) fn said(&self, part: &str) -> Result<String, Error> {
        self.stderr
            .find(|line| line.contains(part).then(|| line.to_owned()))
    }

    /// Every line on stdout so far, parsed.
    pub(crate) fn events(&self) -> Result<Vec<EgressEvent>, Error> {
        let plugin = Pipelock::build(Config::default())?;
        let lines = self.stdout.0.lock().unwrap();
        Ok(lines
            .iter()
            .filter_map(|line| plugin.parse_log(line))
            .collect())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Lines {
    fn find<T>(&self, pick: impl Fn(&str) -> Option<T>) -> Result<T, Error> {
        let end = Instant::now() + PATIENCE;
        let mut lines = self.0.lock().unwrap();
        let mut looked = 0;
        loop {
            if let Some(found) = lines[looked..].iter().find_map(|line| pick(line)) {
                return Ok(found);
            }
            looked = lines.len();
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(format!("no such line in:\n{}", lines.join("\n")).into());
            }
            lines = self.1.wait_timeout(lines, left).unwrap().0;
        }
    }
}

fn follow(stream: impl Read + Send + 'static) -> Arc<Lines> {
    let lines = Arc::new(Lines::default());
    let theirs = lines.clone();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            theirs.0.lock().unwrap().push(line);
            theirs.1.notify_all();
        }
    });
    lines
}

/// A port nobody listens on. Another process could take it before ours does; then the case
/// fails loudly.
fn free_port() -> Result<u16, Error> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
