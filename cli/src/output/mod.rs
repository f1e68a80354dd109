//! Everything `bottle` says: results on standard output, the rest on standard error.

mod failure;
mod ledger;
mod plan;
mod printer;
mod progress;
mod refusals;
mod style;
mod table;
mod text;

pub(crate) use failure::{Code, Failure};
pub(crate) use ledger::Ledger;
pub(crate) use plan::render as render_plan;
pub(crate) use printer::{Printer, Verbosity};
pub(crate) use progress::Progress;
pub(crate) use style::{Style, Tone};
pub(crate) use table::Table;
pub(crate) use text::{age, guarantee_words};
