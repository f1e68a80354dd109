//! A container.

use std::{collections::BTreeMap, net::IpAddr};

use bottle_api::{
    ContainerState, Dns, ExitStatus, Hardening, Limits, Mount, Output, Ownership, SecretString,
    Stdio, TermSize,
};
use bytes::Bytes;
use tokio::{
    sync::{
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
        watch,
    },
    task::AbortHandle,
};

use crate::files::Files;

#[derive(Debug)]
pub(crate) struct Container {
    pub(crate) name: String,
    /// `None` for somebody else's.
    pub(crate) owner: Option<Ownership>,
    pub(crate) image: String,
    pub(crate) argv: Vec<String>,
    pub(crate) env: Vec<(String, SecretString)>,
    pub(crate) user: Option<String>,
    pub(crate) workdir: Option<String>,
    pub(crate) hostname: String,
    pub(crate) hosts: Vec<(String, IpAddr)>,
    pub(crate) networks: Vec<(String, IpAddr)>,
    pub(crate) dns: Dns,
    pub(crate) mounts: Vec<Mount>,
    pub(crate) hardening: Hardening,
    pub(crate) limits: Limits,
    pub(crate) runtime: String,
    pub(crate) stdio: Stdio,
    pub(crate) files: Files,
    /// What its programs answer on which port, by TCP and UDP alike.
    pub(crate) listening: BTreeMap<u16, String>,
    pub(crate) started: bool,
    pub(crate) exit: Option<ExitStatus>,
    pub(crate) oom_killed: bool,
    pub(crate) log: Vec<String>,
    /// The begin of a line.
    partial: Vec<u8>,
    attached: Vec<UnboundedSender<Output>>,
    pub(crate) input: Vec<u8>,
    pub(crate) life: Life,
}

/// The strings on a container's main process, and the tasks that are its programs.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) asked_to_end: watch::Sender<bool>,
    pub(crate) size: watch::Sender<Option<TermSize>>,
    /// `None` once standard input has ended.
    pub(crate) stdin: Option<UnboundedSender<Bytes>>,
    /// Taken by the main process.
    pub(crate) stdin_end: Option<UnboundedReceiver<Bytes>>,
    pub(crate) tasks: Vec<AbortHandle>,
}
impl Life {
    fn new() -> Self {
        let (stdin, stdin_end) = unbounded_channel();
        Self {
            asked_to_end: watch::Sender::new(false),
            size: watch::Sender::new(None),
            stdin: Some(stdin),
            stdin_end: Some(stdin_end),
            tasks: vec![],
        }
    }
    fn end(&mut self) {
        for task in self.tasks.drain(..) {
            task.abort();
        }
    }
}
impl Drop for Life {
    fn drop(&mut self) {
        self.end();
    }
}

impl Container {
    pub(crate) fn new(name: String, owner: Option<Ownership>) -> Self {
        Self {
            name,
            owner,
            image: String::new(),
            argv: vec![],
            env: vec![],
            user: None,
            workdir: None,
            hostname: String::new(),
            hosts: vec![],
            networks: vec![],
            dns: Dns::default(),
            mounts: vec![],
            hardening: Hardening::default(),
            limits: Limits::default(),
            runtime: String::new(),
            stdio: Stdio::default(),
            files: Files::default(),
            listening: BTreeMap::new(),
            started: false,
            exit: None,
            oom_killed: false,
            log: vec![],
            partial: vec![],
            attached: vec![],
            input: vec![],
            life: Life::new(),
        }
    }
    pub(crate) fn running(&self) -> bool {
        self.started && self.exit.is_none()
    }
    pub(crate) fn role(&self) -> String {
        self.owner
            .as_ref()
            .map_or_else(|| "stranger".to_owned(), |o| o.role.to_string())
    }

    /// What the main process writes.
    pub(crate) fn write(&mut self, output: &Output) {
        let (Output::Stdout(bytes) | Output::Stderr(bytes)) = output;
        self.partial.extend_from_slice(bytes);
        while let Some(end) = self.partial.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.partial.drain(..=end).collect();
            self.note(&line);
        }
        // Whoever went away is forgotten.
        self.attached.retain(|to| to.send(output.clone()).is_ok());
    }
    pub(crate) fn write_line(&mut self, line: &str) {
        self.write(&Output::Stdout(format!("{line}\n").into()));
    }
    fn note(&mut self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        self.log
            .push(line.trim_end_matches(['\r', '\n']).to_owned());
    }
    /// What is written from now on.
    pub(crate) fn subscribe(&mut self) -> UnboundedReceiver<Output> {
        let (send, receive) = unbounded_channel();
        if self.exit.is_none() {
            self.attached.push(send);
        }
        receive
    }

    pub(crate) fn end(&mut self, status: ExitStatus) {
        if !self.running() {
            return;
        }
        self.exit = Some(status);
        let rest = std::mem::take(&mut self.partial);
        if !rest.is_empty() {
            self.note(&rest);
        }
        // Whoever is attached sees the end of the output; programs end with their container.
        self.attached.clear();
        self.listening.clear();
        self.life.end();
    }
    pub(crate) fn state(&self) -> ContainerState {
        ContainerState {
            name: self.name.clone(),
            running: self.running(),
            exit: self.exit,
            oom_killed: self.oom_killed,
        }
    }

    /// Whether an archive may write there.
    pub(crate) fn may_write(read_only: bool, mounts: &[Mount], path: &str) -> bool {
        let in_volume = mounts.iter().any(|mount| match mount {
            Mount::Volume { target } => is_below(path, target),
            Mount::Bind { .. } | Mount::Tmpfs { .. } => false,
        });
        !read_only || in_volume
    }
    pub(crate) fn volumes(&self) -> usize {
        let volume = |mount: &&Mount| matches!(mount, Mount::Volume { .. });
        self.mounts.iter().filter(volume).count()
    }
}

/// Whether a path is a folder or in it.
pub(crate) fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
