//! A launch as it happens: bars on a terminal, lines elsewhere, JSON lines for programs.

use std::{
    collections::BTreeMap,
    io::IsTerminal,
    sync::{Arc, Mutex},
    time::Duration,
};

use bottle_api::{Event, Phase, SessionId};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::{
    sync::{
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
        oneshot,
    },
    task::JoinHandle,
};

use super::{Ledger, Printer, refusals::Refusals, text::seconds};

/// Shows events until it is told to finish.
#[derive(Debug)]
pub(crate) struct Progress {
    control: UnboundedSender<Control>,
    task: JoinHandle<()>,
}

/// What a command tells the view. Each is done once everything reported before it was shown.
#[derive(Debug)]
enum Control {
    /// The terminal belongs to somebody else, or to us again.
    Hold(bool, oneshot::Sender<()>),
    Finish,
}

impl Progress {
    /// Begins to show what comes out of `events`, and to keep the books.
    pub(crate) fn start(
        printer: &Printer,
        ledger: Arc<Mutex<Ledger>>,
        events: UnboundedReceiver<Event>,
    ) -> Self {
        let (control, commands) = unbounded_channel();
        let view = View::new(printer.clone(), ledger);
        Self {
            control,
            task: tokio::spawn(view.run(events, commands)),
        }
    }

    /// Keeps quiet while the terminal belongs to the agent; what would have been said follows
    /// when it is ours again. Returns when the bars are gone.
    pub(crate) async fn hold(&self, held: bool) {
        let (done, wait) = oneshot::channel();
        if self.control.send(Control::Hold(held, done)).is_ok() {
            let _ = wait.await;
        }
    }
    /// Shows what has been reported so far, clears the bars and ends.
    pub(crate) async fn finish(self) {
        let _ = self.control.send(Control::Finish);
        let _ = self.task.await;
    }
}

/// What to do with one event.
#[derive(Debug)]
struct View {
    printer: Printer,
    ledger: Arc<Mutex<Ledger>>,
    held: bool,
    waiting: Vec<Event>,
    bars: Option<Bars>,
    tasks: Vec<String>,
    refusals: Refusals,
}

impl View {
    fn new(printer: Printer, ledger: Arc<Mutex<Ledger>>) -> Self {
        let bars = printer.bars().cloned().map(Bars::new);
        Self {
            printer,
            ledger,
            held: false,
            waiting: vec![],
            bars,
            tasks: vec![],
            refusals: Refusals::default(),
        }
    }

    async fn run(
        mut self,
        mut events: UnboundedReceiver<Event>,
        mut commands: UnboundedReceiver<Control>,
    ) {
        loop {
            tokio::select! {
                biased;
                Some(event) = events.recv() => self.take(event),
                command = commands.recv() => match command {
                    Some(Control::Hold(held, done)) => {
                        self.hold(held);
                        let _ = done.send(());
                    }
                    Some(Control::Finish) | None => break,
                },
            }
        }
        self.hold(false);
        self.clear_bars();
        if !self.printer.json() {
            let ledger = Ledger::of(&self.ledger);
            let session = ledger.session().map(SessionId::as_str);
            for line in self.refusals.lines(session) {
                self.printer.note(line);
            }
        }
    }

    fn take(&mut self, event: Event) {
        Ledger::of(&self.ledger).note(&event);
        // Somebody else's screen: a line in the middle of it would be garbage.
        if self.held && std::io::stderr().is_terminal() {
            self.waiting.push(event);
        } else {
            self.show(&event);
        }
    }

    fn hold(&mut self, held: bool) {
        self.held = held;
        if held {
            self.clear_bars();
        } else {
            for event in std::mem::take(&mut self.waiting) {
                self.show(&event);
            }
        }
    }

    fn clear_bars(&mut self) {
        if let Some(bars) = &mut self.bars {
            bars.clear();
        }
    }

    fn show(&mut self, event: &Event) {
        if self.printer.json() {
            self.printer.event(event);
            return;
        }
        match event {
            Event::Egress(event) => self.refusals.note(event),
            Event::Warning { message } => self.printer.warn(message),
            Event::NameTaken { wanted, next } => {
                self.printer
                    .note(format_args!("name `{wanted}` is taken, trying `{next}`"));
            }
            Event::TeardownStep {
                label,
                error: Some(error),
            } => self.printer.warn(&format!("clean-up of {label}: {error}")),
            Event::Ready { name, ms } => self.printer.verbose(format_args!(
                "bottle `{name}` is ready after {}",
                seconds(Duration::from_millis(*ms))
            )),
            _ => {}
        }
        match &mut self.bars {
            Some(bars) => bars.show(event),
            None => self.show_line(event),
        }
    }

    /// Not on a terminal: a line when a step is over, and one when a long one begins.
    fn show_line(&mut self, event: &Event) {
        match event {
            Event::PhaseFinished { phase, ms } if *phase != Phase::Running => {
                self.printer.note(format_args!(
                    "{:<10} {}",
                    phase.as_str(),
                    seconds(Duration::from_millis(*ms))
                ));
            }
            Event::Progress { task, .. } if !self.tasks.contains(task) => {
                self.tasks.push(task.clone());
                self.printer.note(task);
            }
            Event::Progress { task, detail, .. } => {
                self.printer.verbose(format_args!("{task}: {detail}"));
            }
            _ => {}
        }
    }
}

/// One spinner for the phases that go on, one bar per long step below it.
#[derive(Debug)]
struct Bars {
    all: indicatif::MultiProgress,
    phases: Vec<Phase>,
    head: Option<ProgressBar>,
    steps: BTreeMap<String, ProgressBar>,
}

const TICK: Duration = Duration::from_millis(120);

impl Bars {
    fn new(all: indicatif::MultiProgress) -> Self {
        Self {
            all,
            phases: vec![],
            head: None,
            steps: BTreeMap::new(),
        }
    }

    fn show(&mut self, event: &Event) {
        match event {
            Event::PhaseStarted { phase } if *phase != Phase::Running => {
                self.phases.push(*phase);
                self.redraw();
            }
            Event::PhaseFinished { phase, .. } => {
                self.phases.retain(|other| other != phase);
                if *phase == Phase::Images {
                    self.clear_steps();
                }
                self.redraw();
            }
            Event::Progress {
                task,
                detail,
                current,
                total,
            } => self.step(task, detail, *current, *total),
            Event::Ready { .. } | Event::Finished { .. } => self.clear(),
            _ => {}
        }
    }

    fn redraw(&mut self) {
        let names: Vec<&str> = self.phases.iter().map(|phase| words(*phase)).collect();
        if names.is_empty() {
            if let Some(head) = self.head.take() {
                head.finish_and_clear();
            }
            return;
        }
        let head = self.head.get_or_insert_with(|| {
            let bar = self.all.insert(0, ProgressBar::new_spinner());
            bar.set_style(template("{spinner} {msg} ({elapsed})", "{msg}"));
            bar.enable_steady_tick(TICK);
            bar
        });
        head.set_message(names.join(", "));
    }

    fn step(&mut self, task: &str, detail: &str, current: Option<u64>, total: Option<u64>) {
        let bar = self.steps.entry(task.to_owned()).or_insert_with(|| {
            let bar = self.all.add(ProgressBar::new_spinner());
            bar.set_prefix(task.to_owned());
            bar.set_style(template("  {prefix}: {wide_msg}", "{prefix}"));
            bar
        });
        if let (Some(current), Some(total)) = (current, total.filter(|total| *total > 0)) {
            if bar.length() != Some(total) {
                bar.set_length(total);
                bar.set_style(template(
                    "  {prefix} [{bar:20}] {percent:>3}% {wide_msg}",
                    "{prefix}",
                ));
            }
            bar.set_position(current);
        }
        bar.set_message(detail.replace(char::is_control, " "));
    }

    fn clear_steps(&mut self) {
        for bar in std::mem::take(&mut self.steps).into_values() {
            bar.finish_and_clear();
        }
    }

    fn clear(&mut self) {
        self.clear_steps();
        if let Some(head) = self.head.take() {
            head.finish_and_clear();
        }
        self.phases.clear();
    }
}

/// What goes on, as people say it.
fn words(phase: Phase) -> &'static str {
    match phase {
        Phase::Preflight => "checking",
        Phase::Images => "getting images",
        Phase::Networks => "creating networks",
        Phase::Sidecars => "starting proxies",
        Phase::Agent => "creating the agent's container",
        Phase::Ready => "waiting for the proxies",
        Phase::Provision => "preparing the agent",
        Phase::Teardown => "cleaning up",
        other => other.as_str(),
    }
}

/// A template is a constant; should one be wrong, a plain message is better than no launch.
fn template(text: &str, otherwise: &str) -> ProgressStyle {
    ProgressStyle::with_template(text)
        .or_else(|_| ProgressStyle::with_template(otherwise))
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_templates_are_valid() {
        for text in [
            "{spinner} {msg} ({elapsed})",
            "  {prefix}: {wide_msg}",
            "  {prefix} [{bar:20}] {percent:>3}% {wide_msg}",
        ] {
            assert!(ProgressStyle::with_template(text).is_ok(), "{text}");
        }
    }
}
