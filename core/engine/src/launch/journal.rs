//! Everything that happens, written down and passed on.

use std::{
    fs::File,
    io::Write as _,
    sync::{Arc, OnceLock},
};

use bottle_api::{Event, EventSink};
use serde::Serialize;
use tokio::{sync::mpsc::UnboundedReceiver, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{Lease, StoreError, secrets::Scrubber};

/// Writes `events.jsonl` and `egress.jsonl` and passes every event on, without secrets.
#[derive(Debug)]
pub(crate) struct Journal {
    /// Where the session's parts report.
    pub(crate) events: EventSink,
    /// Set as soon as the secrets are known.
    pub(crate) scrubber: Arc<OnceLock<Scrubber>>,
    finish: CancellationToken,
    task: JoinHandle<()>,
}

impl Journal {
    /// Starts writing into the session's folder.
    pub(crate) fn start(
        lease: &Lease,
        listener: EventSink,
        tasks: &TaskTracker,
    ) -> Result<Self, StoreError> {
        let (events, receiver) = EventSink::channel();
        let scrubber = Arc::new(OnceLock::new());
        let finish = CancellationToken::new();
        let writer = Writer {
            events: Some(lease.open_log("events.jsonl")?),
            egress: Some(lease.open_log("egress.jsonl")?),
            scrubber: Arc::clone(&scrubber),
            listener,
        };
        Ok(Self {
            events,
            scrubber,
            task: tasks.spawn(writer.run(receiver, finish.clone())),
            finish,
        })
    }

    /// Writes what has been reported so far, and ends.
    pub(crate) async fn finish(self) {
        self.finish.cancel();
        // The writer does not panic; if it did, there is nothing left to write.
        let _ = self.task.await;
    }
}

struct Writer {
    events: Option<File>,
    egress: Option<File>,
    scrubber: Arc<OnceLock<Scrubber>>,
    listener: EventSink,
}

impl Writer {
    async fn run(mut self, mut receiver: UnboundedReceiver<Event>, finish: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                event = receiver.recv() => match event {
                    Some(event) => self.take(event),
                    None => return,
                },
                () = finish.cancelled() => return,
            }
        }
    }

    fn take(&mut self, event: Event) {
        let event = match self.scrubber.get() {
            Some(scrubber) => scrubber.event(event),
            None => event,
        };
        // A line into the page cache: not worth a thread of its own.
        let written = match &event {
            Event::Egress(egress) => write_line(&mut self.egress, egress),
            event => write_line(&mut self.events, event),
        };
        if let Err(error) = written {
            self.listener.emit(Event::Warning {
                message: format!("the session's log is incomplete: {error}"),
            });
        }
        self.listener.emit(event);
    }
}

/// Writes one line; after a failure nothing more is written.
fn write_line<T: Serialize>(file: &mut Option<File>, value: &T) -> std::io::Result<()> {
    let Some(open) = file else { return Ok(()) };
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    let written = open.write_all(&line);
    if written.is_err() {
        *file = None;
    }
    written
}
