//! Checks of paths that config names.

use std::path::Path;

use bottle_api::ConfigError;

/// Refuses what is neither an absolute path inside nor one below `~/`.
pub(crate) fn check_inside(path: &str) -> Result<(), ConfigError> {
    let below = path.strip_prefix("~/").or_else(|| path.strip_prefix('/'));
    let plain = below.is_some_and(|rest| {
        !rest.contains(|c: char| c.is_control())
            && rest.split('/').all(|part| !matches!(part, "" | "." | ".."))
    });
    if plain {
        return Ok(());
    }
    Err(ConfigError::new(format!(
        "`{path}` is not a path inside the bottle; write `/absolute/path` or `~/path`, without `.` and `..`"
    )))
}

/// The last part of a path of the host, as a name to use inside.
pub(crate) fn file_name<'a>(path: &'a Path, what: &str) -> Result<&'a str, ConfigError> {
    path.file_name()
        .and_then(|name| name.to_str())
        .filter(|name| !name.contains(|c: char| c.is_control()))
        .ok_or_else(|| {
            ConfigError::new(format!(
                "{what} `{}` has no plain name of its own",
                path.display()
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_paths_pass() {
        for good in ["/etc/x", "~/.config/a b", "/x"] {
            assert!(check_inside(good).is_ok(), "{good}");
        }
        for bad in [
            "", "/", "~/", "x", "~root/x", "/a/../b", "/a//b", "~/.", "/a\n",
        ] {
            assert!(check_inside(bad).is_err(), "{bad:?}");
        }
        assert_eq!(
            file_name(Path::new("/a/id_ed25519"), "key").unwrap(),
            "id_ed25519"
        );
        assert!(file_name(Path::new("/a/.."), "key").is_err());
    }
}
