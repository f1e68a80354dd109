//! The logs of the hops: decisions about traffic, last words, and the moment they end.

use std::{
    collections::{BTreeMap, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bottle_api::{Backend, ContainerId, Event, EventSink, ExitStatus, LogRequest, Proxy, Role};
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// So many lines are shown when something goes wrong.
pub(crate) const LAST_LINES: usize = 20;
/// A log that breaks off while its container runs is taken up again so many times.
const RETRIES: u32 = 5;
/// So long a log may take to end after its container has been removed.
const DRAIN: Duration = Duration::from_secs(2);

/// A hop to follow.
pub(crate) struct Followed {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) id: ContainerId,
    pub(crate) role: Role,
    /// Who reads its log.
    pub(crate) proxy: Option<Arc<dyn Proxy>>,
    pub(crate) events: EventSink,
    /// Lines that an earlier owner has read.
    pub(crate) skip: usize,
}

/// What is known of a hop's log.
#[derive(Debug)]
pub(crate) struct HopLog {
    last: Mutex<VecDeque<String>>,
    seen: AtomicUsize,
    ended: watch::Sender<Option<ExitStatus>>,
}

impl HopLog {
    /// The last lines.
    pub(crate) fn last(&self) -> Vec<String> {
        self.lines().iter().cloned().collect()
    }
    /// Waits for the end of the container. Never returns when its log cannot be followed.
    pub(crate) async fn ended(&self) -> ExitStatus {
        let mut ended = self.ended.subscribe();
        if let Ok(status) = ended.wait_for(Option::is_some).await
            && let Some(status) = *status
        {
            return status;
        }
        std::future::pending().await
    }
    fn lines(&self) -> MutexGuard<'_, VecDeque<String>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whose log, what is known of it, and the task that reads it.
type Running = (Role, Arc<HopLog>, JoinHandle<()>);

/// The tasks that follow logs.
#[derive(Debug)]
pub(crate) struct Followers {
    tasks: TaskTracker,
    /// The session ends: a log that ends is no news.
    ending: CancellationToken,
    stop: CancellationToken,
    running: Mutex<Vec<Running>>,
}

impl Followers {
    pub(crate) fn new(tasks: &TaskTracker) -> Self {
        Self {
            tasks: tasks.clone(),
            ending: CancellationToken::new(),
            stop: CancellationToken::new(),
            running: Mutex::default(),
        }
    }

    /// Follows a hop until its container is gone.
    pub(crate) fn follow(&self, hop: Followed) -> Arc<HopLog> {
        let log = Arc::new(HopLog {
            last: Mutex::default(),
            seen: AtomicUsize::new(hop.skip),
            ended: watch::Sender::new(None),
        });
        let (role, stop, shared) = (hop.role.clone(), self.stop.clone(), Arc::clone(&log));
        let ending = self.ending.clone();
        let task = self.tasks.spawn(async move {
            let (events, role) = (hop.events.clone(), hop.role.clone());
            let following = AssertUnwindSafe(hop.run(&shared, &ending)).catch_unwind();
            tokio::select! {
                () = stop.cancelled() => {}
                end = following => if end.is_err() {
                    unread(&events, &role, "the backend failed");
                },
            }
        });
        self.lock().push((role, Arc::clone(&log), task));
        log
    }

    /// From now on containers are taken away on purpose.
    pub(crate) fn expect_end(&self) {
        self.ending.cancel();
    }

    /// Ends all tasks: soon when their containers are gone, at once when `now`. Returns how many
    /// lines of each log were read.
    pub(crate) async fn finish(&self, now: bool) -> BTreeMap<Role, usize> {
        let running = std::mem::take(&mut *self.lock());
        if now {
            self.stop.cancel();
        }
        let deadline = tokio::time::Instant::now() + DRAIN;
        let mut seen = BTreeMap::new();
        for (role, log, mut task) in running {
            if tokio::time::timeout_at(deadline, &mut task).await.is_err() {
                self.stop.cancel();
                // Cancelled, so it ends at its next step.
                let _ = task.await;
            }
            seen.insert(role, log.seen.load(Ordering::Relaxed));
        }
        seen
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Followed {
    async fn run(self, log: &HopLog, ending: &CancellationToken) {
        let mut broken = 0;
        loop {
            let before = log.seen.load(Ordering::Relaxed);
            let why = self.read(log).await;
            if ending.is_cancelled() {
                return;
            }
            match self.backend.inspect(&self.id).await {
                Ok(state) if state.running => {}
                Ok(state) => {
                    let status = state.exit.unwrap_or(ExitStatus(-1));
                    log.ended.send_replace(Some(status));
                    return;
                }
                // Removed: the session ends, or somebody took it away.
                Err(error) => {
                    tracing::debug!(role = %self.role, kind = ?error.kind(), "the hop is gone");
                    log.ended.send_replace(Some(ExitStatus(-1)));
                    return;
                }
            }
            if log.seen.load(Ordering::Relaxed) > before {
                broken = 0;
            }
            broken += 1;
            if broken > RETRIES {
                unread(&self.events, &self.role, &why);
                return;
            }
            tokio::time::sleep(Duration::from_millis(100) * broken * broken).await;
        }
    }

    /// Reads until the log ends; tells why it did.
    async fn read(&self, log: &HopLog) -> String {
        let request = LogRequest {
            follow: true,
            tail: None,
        };
        let mut lines = match self.backend.logs(&self.id, request).await {
            Ok(lines) => lines,
            Err(error) => return error.to_string(),
        };
        let skip = log.seen.load(Ordering::Relaxed);
        let mut number = 0;
        while let Some(line) = lines.next().await {
            let line = match line {
                Ok(line) => line,
                Err(error) => return error.to_string(),
            };
            number += 1;
            if number > skip {
                self.take(log, line);
                log.seen.store(number, Ordering::Relaxed);
            }
        }
        "it broke off".to_owned()
    }

    fn take(&self, log: &HopLog, line: String) {
        if let Some(proxy) = &self.proxy {
            // A plugin that stumbles over one line shall not cost all others.
            match catch_unwind(AssertUnwindSafe(|| proxy.parse_log(&line))) {
                Ok(Some(event)) => self.events.emit(Event::Egress(event)),
                Ok(None) => {}
                Err(_) => tracing::debug!(role = %self.role, "the plugin cannot read a log line"),
            }
        }
        let mut last = log.lines();
        if last.len() == LAST_LINES {
            last.pop_front();
        }
        last.push_back(line);
    }
}

fn unread(events: &EventSink, role: &Role, why: &str) {
    events.emit(Event::Warning {
        message: format!(
            "the log of `{role}` cannot be followed ({why}); its decisions are not recorded"
        ),
    });
}
