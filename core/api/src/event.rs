//! What happens during a launch and a session, as typed events.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::{ContainerId, ExitStatus, Role, SessionId};

/// A part of a session's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Phase {
    /// Probing the engine, checking requirements, resolving secrets.
    Preflight,
    /// Pulling, building, deriving.
    Images,
    /// Creating networks.
    Networks,
    /// Creating and starting the chain.
    Sidecars,
    /// Creating and starting the agent container.
    Agent,
    /// Waiting for the chain to answer.
    Ready,
    /// Finishing the agent container.
    Provision,
    /// The agent runs.
    Running,
    /// Undoing everything.
    Teardown,
}

impl Phase {
    /// Its name as events carry it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Preflight => "preflight",
            Self::Images => "images",
            Self::Networks => "networks",
            Self::Sidecars => "sidecars",
            Self::Agent => "agent",
            Self::Ready => "ready",
            Self::Provision => "provision",
            Self::Running => "running",
            Self::Teardown => "teardown",
        }
    }
}

/// What a user interface renders and `--json` prints, one a line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// A launch begins.
    Started {
        /// The session.
        session: SessionId,
    },
    /// A phase begins.
    PhaseStarted {
        /// Which.
        phase: Phase,
    },
    /// A phase is done.
    PhaseFinished {
        /// Which.
        phase: Phase,
        /// How long it took, milliseconds.
        ms: u64,
    },
    /// A step goes on: a pull, a build.
    Progress {
        /// What is being done: `pull debian:bookworm-slim`.
        task: String,
        /// Where it stands.
        detail: String,
        /// Bytes or steps done.
        current: Option<u64>,
        /// Bytes or steps in all.
        total: Option<u64>,
    },
    /// A container exists.
    Created {
        /// Its role.
        role: Role,
        /// Its identifier.
        id: ContainerId,
        /// Its name.
        name: String,
    },
    /// A name was taken; the next is tried.
    NameTaken {
        /// The one that was taken.
        wanted: String,
        /// The one tried next.
        next: String,
    },
    /// Worth telling, no failure.
    Warning {
        /// What, and what to do.
        message: String,
    },
    /// The agent is about to run.
    Ready {
        /// The bottle's name.
        name: String,
        /// From the start of the launch, milliseconds.
        ms: u64,
    },
    /// A decision about traffic.
    Egress(EgressEvent),
    /// The agent ended.
    Exited {
        /// How.
        status: ExitStatus,
    },
    /// A clean-up step is done.
    TeardownStep {
        /// Which.
        label: String,
        /// Why it failed, if it did.
        error: Option<String>,
    },
    /// Everything is over.
    Finished {
        /// The session.
        session: SessionId,
    },
}

/// What a hop decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It passed.
    Allow,
    /// It was refused.
    Deny,
    /// It passed, with a finding.
    Warn,
    /// It failed for another reason (no route, a broken TLS handshake).
    Error,
}

/// One decision about traffic, the same for every proxy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EgressEvent {
    /// RFC 3339, as the proxy wrote it; empty if it did not.
    pub time: String,
    /// The proxy's registered name.
    pub proxy: String,
    /// The decision.
    pub decision: Decision,
    /// Method; `CONNECT` for a tunnel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Host, without port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Path without query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The rule or scanner that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// In words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The status the agent saw.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Bytes of the request's body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_bytes: Option<u64>,
    /// Bytes of the response's body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_bytes: Option<u64>,
    /// Milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ms: Option<u64>,
    /// The name of the credential that was injected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}
impl EgressEvent {
    /// A decision of `proxy` without details.
    pub fn new(proxy: impl Into<String>, decision: Decision) -> Self {
        Self {
            time: String::new(),
            proxy: proxy.into(),
            decision,
            method: None,
            host: None,
            path: None,
            rule: None,
            reason: None,
            status: None,
            request_bytes: None,
            response_bytes: None,
            ms: None,
            credential: None,
        }
    }
}

/// Where the engine and the backends report. Sending never blocks and never panics, so a
/// broken user interface cannot interrupt a teardown.
#[derive(Clone, Debug)]
pub struct EventSink(Option<UnboundedSender<Event>>);

impl EventSink {
    /// A sink and the stream of what it was given.
    pub fn channel() -> (Self, UnboundedReceiver<Event>) {
        let (send, receive) = unbounded_channel();
        (Self(Some(send)), receive)
    }
    /// A sink that forgets.
    pub fn discard() -> Self {
        Self(None)
    }
    /// Reports; nobody listening is no error.
    pub fn emit(&self, event: Event) {
        if let Some(send) = &self.0 {
            let _ = send.send(event);
        }
    }
    /// Reports that a step goes on.
    pub fn progress(&self, task: impl Into<String>, detail: impl Into<String>) {
        self.emit(Event::Progress {
            task: task.into(),
            detail: detail.into(),
            current: None,
            total: None,
        });
    }
}
