//! Identifiers become parts of request paths: only those that cannot change the path pass.

use bottle_api::{BackendError, BackendErrorKind};

/// The identifier, if it looks like one of the engine's.
pub fn checked(id: &str) -> Result<&str, BackendError> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    if !id.is_empty() && !id.starts_with('.') && id.bytes().all(fits) {
        Ok(id)
    } else {
        Err(BackendError::new(
            BackendErrorKind::NotFound,
            "look up",
            format!("`{}` is no identifier of the engine's", id.escape_debug()),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_cannot_be_changed() {
        assert!(checked("0a1b").is_ok() && checked("bottle-x_1.y").is_ok());
        for id in ["", "..", ".", "a/b", "a?x=1", "a%2f", "a b", "a\n"] {
            assert!(checked(id).is_err(), "{id:?}");
        }
    }
}
