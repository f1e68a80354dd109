//! Calls that fail on demand.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bottle_api::{ImageSource, OwnedSelector, Role};
use tokio::sync::watch;

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It fails and has no effect.
    Error,
    /// It panics and has no effect.
    Panic,
    /// It never returns and has no effect.
    Hang,
    /// It takes effect and then fails, as when the connection breaks.
    ErrorAfterEffect,
    /// The engine takes so long, and acts even when the caller has gone away meanwhile.
    Late(Duration),
}

/// One call: what, on what, and how many-th of that kind. Independent of how calls that run
/// side by side interleave.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Call {
    /// The verb and its target: `create_container agent`.
    pub what: String,
    /// 0 is the first call of this kind.
    pub nth: usize,
}
impl Call {
    /// The first call of this kind.
    pub fn first(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            nth: 0,
        }
    }
}
impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} #{}", self.what, self.nth)
    }
}

/// Counts calls and knows which are to fail.
#[derive(Debug)]
pub struct Faults {
    state: Mutex<State>,
    met: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct State {
    due: HashMap<Call, Fault>,
    due_at: HashMap<usize, Fault>,
    calls: Vec<Call>,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            met: watch::Sender::new(0),
        }
    }
}

impl Faults {
    /// Makes one call fail.
    pub fn add(&self, call: Call, fault: Fault) {
        self.lock().due.insert(call, fault);
    }
    /// Makes the `index`-th call fail, counted over all calls.
    pub fn add_at(&self, index: usize, fault: Fault) {
        self.lock().due_at.insert(index, fault);
    }
    /// Every call so far, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.lock().calls.clone()
    }
    /// Notes a call and tells how it is to fail.
    pub fn next(&self, what: String) -> Option<Fault> {
        let mut state = self.lock();
        let index = state.calls.len();
        let nth = state.calls.iter().filter(|c| c.what == what).count();
        let call = Call { what, nth };
        let due = state.due.get(&call).or(state.due_at.get(&index)).copied();
        state.calls.push(call);
        drop(state);
        if due.is_some() {
            self.met.send_modify(|met| *met += 1);
        }
        due
    }
    /// Returns once some call has met its fault.
    pub async fn met(&self) {
        // The sender lives in `self`, so this cannot fail.
        let _ = self.met.subscribe().wait_for(|met| *met > 0).await;
    }
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How calls name an image.
pub fn source_name(source: &ImageSource) -> String {
    match source {
        ImageSource::Pull { reference, .. } => reference.clone(),
        ImageSource::Recipe(recipe) => format!("recipe {}", recipe.repository),
        ImageSource::Context(build) => format!("context {}", build.repository),
    }
}

/// How calls name what they list.
pub fn selector_name(selector: &OwnedSelector) -> String {
    let role = selector.role.as_ref().map(Role::as_str);
    role.unwrap_or("all").to_owned()
}
