//! The house rules, checked: see `tests/`.
