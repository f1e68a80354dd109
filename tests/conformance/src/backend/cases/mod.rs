//! The sentences, a file for each subject.

mod archives;
mod attach;
mod containers;
mod derive;
mod engine;
mod exec;
mod guarantees;
mod images;
mod lifecycle;
mod logs;
mod naming;
mod network;
mod ownership;
mod removal;
mod secrets;

use super::suite::Case;

/// Every case, in the order they are shown.
pub(crate) fn all() -> Vec<Case> {
    [
        engine::cases(),
        ownership::cases(),
        naming::cases(),
        removal::cases(),
        lifecycle::cases(),
        containers::cases(),
        archives::cases(),
        network::cases(),
        guarantees::cases(),
        secrets::cases(),
        exec::cases(),
        attach::cases(),
        logs::cases(),
        images::cases(),
        derive::cases(),
    ]
    .concat()
}

/// `cases!("area"; [each] "sentence" [if Guarantee] => function, ...)`. With `each`, once for
/// every OCI runtime.
macro_rules! cases {
    ($area:literal; $($each:ident $sentence:literal $(if $promise:ident)? => $run:path),+ $(,)?) => {
        vec![$($crate::backend::suite::Case {
            area: $area,
            sentence: $sentence.to_owned(),
            each_runtime: stringify!($each) == "each",
            promised: None$(.or(Some(bottle_api::Guarantee::$promise)))?,
            run: std::sync::Arc::new(|room| Box::pin($run(room))),
        }),+]
    };
}
pub(crate) use cases;
