//! Runs cases, as a test binary or as a report.

use std::{
    any::Any,
    fmt,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
};

use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::{Checked, Miss};

/// One named sentence, and how it is tried.
#[derive(Clone)]
pub(crate) struct Task {
    pub(crate) name: String,
    pub(crate) run: Arc<dyn Fn() -> Checked + Send + Sync>,
}

/// How every case of a suite ended, in the suite's order.
#[derive(Clone, Debug)]
pub struct Report(Vec<(String, Checked)>);

impl Report {
    /// Every case and how it ended.
    pub fn outcomes(&self) -> &[(String, Checked)] {
        &self.0
    }
    /// The cases that fail, with the reason.
    pub fn broken(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(|(name, outcome)| match outcome {
            Err(Miss::Broken(why)) => Some((name.as_str(), why.as_str())),
            _ => None,
        })
    }
    /// The cases that could not be tried, with the reason.
    pub fn not_here(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(|(name, outcome)| match outcome {
            Err(Miss::NotHere(why)) => Some((name.as_str(), why.as_str())),
            _ => None,
        })
    }
    /// How many cases were tried and hold.
    pub fn passed(&self) -> usize {
        self.0.iter().filter(|(_, outcome)| outcome.is_ok()).count()
    }
}
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (broken, not_here) = (self.broken().count(), self.not_here().count());
        write!(
            f,
            "{} hold, {broken} broken, {not_here} not tried",
            self.passed()
        )?;
        for (name, why) in self.broken() {
            write!(f, "\n  {name}: {why}")?;
        }
        Ok(())
    }
}

/// A case that panics breaks: a plugin must not panic, and a suite should not.
fn guarded(task: &Task) -> Checked {
    let run = std::panic::AssertUnwindSafe(|| (task.run)());
    std::panic::catch_unwind(run)
        .unwrap_or_else(|panic| Err(Miss::broken(format!("panicked: {}", panic_text(&*panic)))))
}
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a word")
}

/// A task that looks back at all others, once they are done.
pub(crate) type Last = Option<Task>;

/// Runs everything, so many at once.
pub(crate) fn report(tasks: &[Task], last: Last, at_once: usize) -> Report {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let done = Mutex::new(vec![None; tasks.len()]);
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    let Some(task) = tasks.get(n) else { return };
                    let outcome = guarded(task);
                    done.lock().unwrap_or_else(PoisonError::into_inner)[n] = Some(outcome);
                }
            });
        }
    });
    let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    let outcomes = done.into_iter().map(|o| o.unwrap_or(Ok(())));
    let names = tasks.iter().map(|t| t.name.clone());
    let mut all: Vec<_> = names.zip(outcomes).collect();
    all.extend(last.map(|task| (task.name.clone(), guarded(&task))));
    Report(all)
}

/// Set to `1` to let a suite pass whose engine is not here at all.
pub const OPTIONAL: &str = "BOTTLE_CONFORMANCE_OPTIONAL";

/// How a suite runs as a test binary.
#[derive(Clone, Debug, Default)]
pub(crate) struct Manner {
    pub(crate) at_once: usize,
    /// Why nothing can be tried at all.
    pub(crate) absent: Option<String>,
    /// Only with `--ignored` or `--include-ignored`.
    pub(crate) long: bool,
}

/// Whether this process was asked for long tests.
pub(crate) fn long_wanted() -> bool {
    let arguments = Arguments::from_args();
    arguments.ignored || arguments.include_ignored
}

/// Runs everything as a test binary does, with its arguments. A suite of which no case could be
/// tried has failed.
pub(crate) fn main(tasks: Vec<Task>, last: Last, manner: &Manner) -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(manner.at_once);
    let asked = arguments.filter.is_none() && arguments.skip.is_empty() && !arguments.ignored;
    let whole = asked && !manner.long;
    let listing = arguments.list;
    let (long, absent) = (manner.long, manner.absent.as_deref());
    let trials = tasks.into_iter().map(|task| {
        let trial = Trial::ignorable_test(task.name.clone(), move || match guarded(&task) {
            Ok(()) => Ok(Completion::Completed),
            Err(Miss::NotHere(why)) => Ok(Completion::ignored_with(why)),
            Err(Miss::Broken(why)) => Err(Failed::from(why)),
        });
        trial.with_ignored_flag(long && long_wanted())
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    if !listing && whole && conclusion.num_passed == 0 && !conclusion.has_failed() {
        let optional = std::env::var(OPTIONAL).is_ok_and(|value| value == "1");
        let why = absent.unwrap_or("every case was left out");
        let note = format!(
            "no case was tried, so nothing is known: {why}\n\
             (set {OPTIONAL}=1 to let this pass where the engine is not installed)"
        );
        tell(&note);
        return if optional {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        };
    }
    if let Some(task) = last.filter(|_| !listing)
        && let Err(Miss::Broken(why)) = guarded(&task)
    {
        tell(&format!("FAILED {}: {why}", task.name));
        return ExitCode::FAILURE;
    }
    conclusion.exit_code()
}

#[expect(
    clippy::print_stderr,
    reason = "a test binary reports on standard error"
)]
fn tell(text: &str) {
    eprintln!("{text}");
}
