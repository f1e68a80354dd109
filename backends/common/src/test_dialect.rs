//! An engine's words, for the tests of this crate.

use bottle_api::BackendErrorKind as Kind;

use crate::Dialect;

pub(crate) static DIALECT: Dialect = Dialect {
    program: "engine",
    table: "backend.engine",
    kind_of: |status, _| match status {
        401 => Kind::Denied,
        404 => Kind::NotFound,
        _ => Kind::Other,
    },
    hint_for: |_, _| None,
    no_permission: "join the group",
    not_reached: "start it",
    not_trusted: "check the certificates",
    free_space: "`free`",
};
