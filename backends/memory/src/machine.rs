//! What a simulated program sees of the container it runs in.

use std::{collections::BTreeMap, fmt, pin::Pin, sync::Arc};

use bottle_api::{ExposeSecret as _, Limits, Output, TermSize};
use bytes::Bytes;
use tokio::sync::{
    mpsc::{UnboundedReceiver, UnboundedSender},
    watch,
};

use crate::{Memory, container::Container};

/// How a simulated program is run: it ends with this status.
pub type Running = Pin<Box<dyn Future<Output = i64> + Send>>;
pub(crate) type Programs = Arc<dyn Fn(Machine) -> Running + Send + Sync>;

/// A program's view of its container: arguments, streams, files, network. Dropping it closes
/// its streams.
pub struct Machine {
    pub(crate) engine: Memory,
    pub(crate) id: String,
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Its environment.
    pub env: BTreeMap<String, String>,
    /// User and group.
    pub user: (u64, u64),
    /// Its working directory.
    pub workdir: String,
    pub(crate) tty: bool,
    pub(crate) size: watch::Receiver<Option<TermSize>>,
    pub(crate) stdin: Option<UnboundedReceiver<Bytes>>,
    pub(crate) unread: Vec<u8>,
    pub(crate) out: Sink,
    pub(crate) asked_to_end: watch::Receiver<bool>,
}

/// Where a program writes.
#[derive(Clone)]
pub(crate) enum Sink {
    /// The log, and whoever is attached.
    Main,
    /// Whoever ran it.
    Exec(UnboundedSender<Output>),
    /// Lines of a build.
    Build(Arc<std::sync::Mutex<Vec<String>>>),
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine")
            .field("id", &self.id)
            .field("argv", &self.argv)
            .finish_non_exhaustive()
    }
}

/// `uid:gid`, `uid`, or a name, which is root's.
pub(crate) fn user(text: Option<&str>) -> (u64, u64) {
    let (uid, gid) = text.map_or(("0", "0"), |t| t.split_once(':').unwrap_or((t, t)));
    (uid.parse().unwrap_or(0), gid.parse().unwrap_or(0))
}

impl Machine {
    /// The main process of a container.
    pub(crate) fn main(engine: &Memory, id: &str, container: &mut Container) -> Self {
        Self {
            stdin: container
                .life
                .stdin_end
                .take()
                .filter(|_| container.stdio.stdin),
            ..Self::within(engine, id, container, container.argv.clone(), Sink::Main)
        }
    }
    /// Another program of a container: without input or terminal so far.
    pub(crate) fn within(
        engine: &Memory,
        id: &str,
        container: &Container,
        argv: Vec<String>,
        out: Sink,
    ) -> Self {
        let env = container.env.iter();
        Self {
            engine: engine.clone(),
            id: id.to_owned(),
            argv,
            env: env
                .map(|(name, value)| (name.clone(), value.expose_secret().to_owned()))
                .collect(),
            user: user(container.user.as_deref()),
            workdir: container.workdir.clone().unwrap_or_else(|| "/".into()),
            tty: container.stdio.tty,
            size: container.life.size.subscribe(),
            stdin: None,
            unread: vec![],
            out,
            asked_to_end: container.life.asked_to_end.subscribe(),
        }
    }

    /// Looks at the container; `None` once it is gone.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&mut Container) -> T) -> Option<T> {
        self.engine
            .act(|world| world.containers.get_mut(&self.id).map(look))
    }

    /// Writes to standard output.
    pub fn stdout(&self, bytes: &[u8]) {
        self.write(bytes, Output::Stdout);
    }
    /// Writes to standard error; with a terminal there is only one output.
    pub fn stderr(&self, bytes: &[u8]) {
        let as_output = if self.tty {
            Output::Stdout
        } else {
            Output::Stderr
        };
        self.write(bytes, as_output);
    }
    fn write(&self, bytes: &[u8], output: fn(Bytes) -> Output) {
        let bytes = if self.tty {
            let text = String::from_utf8_lossy(bytes);
            Bytes::from(text.replace('\n', "\r\n"))
        } else {
            Bytes::copy_from_slice(bytes)
        };
        match &self.out {
            Sink::Main => {
                self.look(|container| container.write(&output(bytes)));
            }
            // Nobody reading is fine.
            Sink::Exec(to) => drop(to.send(output(bytes))),
            Sink::Build(lines) => {
                let text = String::from_utf8_lossy(&bytes);
                let mut lines = lines
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner);
                lines.extend(text.lines().map(str::to_owned));
            }
        }
    }

    /// The next bytes of standard input; `None` at its end.
    pub async fn read(&mut self) -> Option<Vec<u8>> {
        if !self.unread.is_empty() {
            return Some(std::mem::take(&mut self.unread));
        }
        self.stdin.as_mut()?.recv().await.map(|b| b.to_vec())
    }
    /// The next line of standard input, without its end.
    pub async fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        while let Some(bytes) = self.read().await {
            line.extend(bytes);
            if let Some(end) = line.iter().position(|byte| [b'\n', b'\r'].contains(byte)) {
                self.unread = line.split_off(end + 1);
                line.pop();
                break;
            }
        }
        (!line.is_empty()).then(|| String::from_utf8_lossy(&line).into_owned())
    }

    /// Whether it has a terminal.
    pub fn has_terminal(&self) -> bool {
        self.tty
    }
    /// The terminal's size, if it has one.
    pub fn size(&self) -> Option<TermSize> {
        *self.size.borrow()
    }
    /// Returns when the terminal has this size.
    pub async fn resized_to(&mut self, size: TermSize) {
        // Its sender outlives the program, which ends with the container.
        let _ = self.size.wait_for(|now| *now == Some(size)).await;
    }
    /// Returns when the container is asked to end.
    pub fn asked_to_end(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut asked = self.asked_to_end.clone();
        async move {
            if asked.wait_for(|asked| *asked).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Capabilities it has.
    pub fn capabilities(&self) -> Vec<String> {
        self.look(|c| c.hardening.cap_add.clone())
            .unwrap_or_default()
    }
    /// Whether programs may gain privileges.
    pub fn no_new_privileges(&self) -> bool {
        self.look(|c| c.hardening.no_new_privileges).unwrap_or(true)
    }
    /// Its limits.
    pub fn limits(&self) -> Limits {
        self.look(|c| c.limits.clone()).unwrap_or_default()
    }
    /// Notes that it needed more memory than it may have.
    pub fn out_of_memory(&self) {
        self.look(|c| c.oom_killed = true);
    }
    /// The host name.
    pub fn hostname(&self) -> String {
        self.look(|c| c.hostname.clone()).unwrap_or_default()
    }
    /// What names the kernel it runs on: the host's own, but under `runsc`.
    pub fn kernel(&self) -> String {
        let runtime = self.look(|c| c.runtime.clone()).unwrap_or_default();
        if runtime == "runsc" {
            return format!("own-{}", self.id);
        }
        let host = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
        host.unwrap_or_default().trim().to_owned()
    }
}
