//! A scratch world around the real command: folders of its own, a config, an empty engine at
//! the end.

use std::{
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use tempfile::TempDir;

use crate::{
    lane::{Lane, bridge_address},
    origin::Origin,
};

/// The image with every client on it, built by the test script.
pub const TOOLS_IMAGE: &str = "bottle-test/tools:latest";

const CONFIG: &str = "config/bottle/config.toml";

/// A home, a state folder, a config and a workspace nobody else uses.
#[derive(Debug)]
pub struct World {
    folder: TempDir,
    lane: Lane,
    binary: Option<PathBuf>,
}

impl World {
    /// An empty world with this user config.
    pub fn new(lane: Lane, config: &str) -> Self {
        let folder = TempDir::with_prefix("bottle-e2e-").expect("a scratch folder");
        let world = Self {
            folder,
            lane,
            binary: None,
        };
        for sub in ["config/bottle", "state", "home", "work"] {
            std::fs::create_dir_all(world.path(sub)).expect("a folder");
        }
        world.write(CONFIG, config);
        world.write("work/hello.txt", "hello from the host\n");
        // The agent is whoever owns the folder; a root-owned one would make it root.
        let owner = Some(world.agent_uid());
        for sub in ["work", "work/hello.txt"] {
            std::os::unix::fs::chown(world.path(sub), owner, owner).expect("chown");
        }
        world
    }

    /// A chain in front of the local origin.
    pub fn chained(lane: Lane, proxies: &[&str], extra: &str) -> Self {
        let origin = Origin::shared(bridge_address());
        let world = Self::new(lane, "");
        world.write("origin-ca.pem", &origin.ca_pem);
        world.configure(&world.chain(proxies, extra));
        world
    }

    fn chain(&self, proxies: &[&str], extra: &str) -> String {
        let ca = self.path("origin-ca.pem");
        let ca = ca.display();
        let address = bridge_address();
        let hosts: Vec<String> = crate::origin::NAMES
            .iter()
            .map(|name| format!("\"{name}\" = \"{address}\""))
            .collect();
        let allowed: Vec<String> = crate::origin::NAMES
            .iter()
            .filter(|name| **name != "unlisted.test")
            .map(|name| format!("{name:?}"))
            .collect();
        let pipelock = pipelock();
        format!(
            r#"proxies = {proxies:?}

[egress]
allow = [{allowed}]
hosts = {{ {hosts} }}
trusted_private = [{allowed}]

[proxy.mitmproxy]
upstream_ca = "{ca}"

[proxy.pipelock]
binary = "{pipelock}"
upstream_ca = "{ca}"
{extra}
"#,
            allowed = allowed.join(", "),
            hosts = hosts.join(", "),
            pipelock = pipelock.display(),
        )
    }

    /// With another command than our own: a third party's.
    #[must_use]
    pub fn running(mut self, binary: impl Into<PathBuf>) -> Self {
        self.binary = Some(binary.into());
        self
    }

    /// What this world runs on.
    pub fn lane(&self) -> Lane {
        self.lane
    }

    /// The agent's uid: the owner of the workspace.
    pub fn agent_uid(&self) -> u32 {
        self.lane.engine.user().map_or(1000, |(uid, _)| uid)
    }

    /// Replaces the user's configuration, the lane kept: `rest` begins inside `[launch]`.
    pub fn configure(&self, rest: &str) {
        let text = format!("{}{rest}", self.lane.config());
        self.write(CONFIG, &text);
    }

    /// Gives everything in this world to that user and group.
    pub fn give_to(&self, uid: u32) {
        let mut open = vec![self.path("")];
        while let Some(path) = open.pop() {
            std::os::unix::fs::lchown(&path, Some(uid), Some(uid)).expect("chown");
            let entries = std::fs::read_dir(&path).into_iter().flatten().flatten();
            open.extend(entries.map(|entry| entry.path()));
        }
    }

    /// Adds tables to the user's configuration.
    pub fn extend(&self, tables: &str) {
        let text = self.read(CONFIG) + tables;
        self.write(CONFIG, &text);
    }

    /// Adds lines to a table of the user's configuration.
    ///
    /// # Panics
    /// When it has no such table.
    pub fn set(&self, table: &str, lines: &str) {
        let head = format!("[{table}]\n");
        let text = self.read(CONFIG);
        assert!(text.contains(&head), "no table `{table}` in {text}");
        self.write(CONFIG, &text.replace(&head, &format!("{head}{lines}\n")));
    }

    fn read(&self, relative: &str) -> String {
        std::fs::read_to_string(self.path(relative)).expect("a file")
    }

    /// A path inside this world.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    /// Writes a file of this world.
    pub fn write(&self, relative: &str, text: &str) {
        let path = self.path(relative);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }

    /// The command in this world, its working directory the workspace, standard input closed.
    pub fn bottle(&self) -> Command {
        let mut command = Command::new(self.binary.clone().unwrap_or_else(binary));
        command
            .env("XDG_CONFIG_HOME", self.path("config"))
            .env("XDG_STATE_HOME", self.path("state"))
            .env("HOME", self.path("home"))
            .env_remove("ANTHROPIC_API_KEY")
            .env_remove("RUST_BACKTRACE")
            .current_dir(self.path("work"))
            .stdin(Stdio::null());
        if let Some(service) = self.lane.engine.service() {
            command.env("CONTAINER_HOST", service);
        }
        if let Some((uid, gid)) = self.lane.engine.user() {
            self.give_to(uid);
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Runs `bottle ARGS` to its end.
    pub fn run(&self, args: &[&str]) -> Output {
        self.bottle().args(args).output().expect("the command")
    }

    /// Runs a shell line in a bottle of the tools image, with further flags.
    pub fn sh(&self, flags: &[&str], script: &str) -> Output {
        self.shell(flags, script).output().expect("the command")
    }

    /// The command of [`World::sh`], not yet run.
    pub fn shell(&self, flags: &[&str], script: &str) -> Command {
        let mut command = self.bottle();
        command
            .args(["run", "shell", "--image", TOOLS_IMAGE])
            .args(flags)
            .args(["--", "sh", "-c", script]);
        command
    }

    /// Starts a command with piped output.
    pub fn spawn(command: &mut Command) -> Child {
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command")
    }

    /// The instance id of this world's state folder; empty before the first command.
    pub fn instance(&self) -> String {
        std::fs::read_to_string(self.path("state/bottle/instance"))
            .map(|text| text.trim().to_owned())
            .unwrap_or_default()
    }

    /// What this world still owns in the engine.
    pub fn leftovers(&self) -> Vec<String> {
        let instance = self.instance();
        if instance.is_empty() {
            return vec![];
        }
        self.lane.engine.owned(&instance)
    }

    /// Fails unless the engine holds nothing of this world and no session folder is left.
    pub fn assert_empty(&self) {
        let left = self.leftovers();
        assert!(left.is_empty(), "left in the engine: {left:#?}");
        let sessions = self.path("state/bottle/sessions");
        let folders: Vec<_> = std::fs::read_dir(&sessions)
            .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
            .unwrap_or_default();
        assert!(folders.is_empty(), "session folders left: {folders:?}");
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.lane.engine.remove(&self.leftovers());
    }
}

/// The built command: `BOTTLE_BIN`, or the one beside the test binary.
fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("BOTTLE_BIN") {
        return path.into();
    }
    beside("bottle")
}

fn beside(name: &str) -> PathBuf {
    let this = std::env::current_exe().expect("a path");
    let folder = this.ancestors().nth(2).expect("target/debug");
    let path = folder.join(name);
    assert!(
        path.exists(),
        "`{}` is missing: run the tests by `tests/run`, which builds it",
        path.display()
    );
    path
}

/// The real pipelock when it is on `PATH`, else the stand-in that is held to the same contract.
pub fn pipelock() -> PathBuf {
    let real = std::env::var_os("PATH").and_then(|path| {
        std::env::split_paths(&path)
            .map(|folder| folder.join("pipelock"))
            .find(|candidate| candidate.is_file())
    });
    real.unwrap_or_else(|| {
        std::env::var_os("BOTTLE_PIPELOCK_STANDIN")
            .map_or_else(|| beside("pipelock-standin"), PathBuf::from)
    })
}

/// Standard output as text.
pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Standard error as text.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Fails with both streams unless the command ended with `code`.
pub fn assert_code(output: &Output, code: i32) {
    assert_eq!(
        output.status.code(),
        Some(code),
        "stdout:\n{}\nstderr:\n{}",
        stdout(output),
        stderr(output)
    );
}

/// Whether some file below `folder` holds `needle`.
pub fn folder_holds(folder: &Path, needle: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let kind = entry.file_type();
            if kind.as_ref().is_ok_and(std::fs::FileType::is_dir) {
                open.push(path);
            } else if kind.is_ok_and(|kind| kind.is_file())
                && std::fs::read(&path)
                    .is_ok_and(|bytes| bytes.windows(needle.len()).any(|w| w == needle.as_bytes()))
            {
                found.push(path);
            }
        }
    }
    found
}
