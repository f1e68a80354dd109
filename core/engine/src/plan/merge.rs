//! Things that several parties put into one container, each at most once.

use std::collections::BTreeMap;

use bottle_api::{EnvValue, FilePlan, Mount};

use super::PlanError;

/// Whether `path` is `folder` or below it.
pub(crate) fn is_below(path: &str, folder: &str) -> bool {
    let folder = folder.trim_end_matches('/');
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Refuses a path that is not absolute and plain.
pub(super) fn check_path(path: &str, by: &str) -> Result<(), PlanError> {
    let plain = path.len() > 1
        && path.starts_with('/')
        && !path.contains('\0')
        && path[1..]
            .split('/')
            .all(|part| !matches!(part, "" | "." | ".."));
    if plain {
        return Ok(());
    }
    Err(PlanError::conflict(
        format!("{by} names `{path}`, which is not an absolute path inside the container"),
        "write it without `.`, `..` and double slashes; `~/` is the agent's home",
    ))
}

/// The path inside of a mount.
pub(super) fn target(mount: &Mount) -> &str {
    match mount {
        Mount::Bind { target, .. } | Mount::Volume { target } | Mount::Tmpfs { target, .. } => {
            target
        }
    }
}

/// Who claimed what.
#[derive(Default)]
pub(super) struct Merged {
    env: BTreeMap<String, (EnvValue, String)>,
    files: BTreeMap<String, String>,
    mounts: BTreeMap<String, String>,
    /// The files, in the order they were claimed.
    pub(super) file_plans: Vec<FilePlan>,
    /// The mounts, in the order they were claimed.
    pub(super) mount_plans: Vec<Mount>,
}

impl Merged {
    /// A variable. Two parties may agree, not disagree.
    pub(super) fn env(&mut self, name: &str, value: EnvValue, by: &str) -> Result<(), PlanError> {
        match self.env.get(name) {
            Some((other, owner)) if *other != value && owner != by => Err(PlanError::conflict(
                format!("{owner} and {by} give `{name}` different values"),
                format!("set `{name}` yourself in `[env]`, which wins, or drop one of the two"),
            )),
            _ => {
                self.env.insert(name.to_owned(), (value, by.to_owned()));
                Ok(())
            }
        }
    }

    /// A file.
    pub(super) fn file(&mut self, file: FilePlan, by: &str) -> Result<(), PlanError> {
        check_path(&file.path, by)?;
        if let Some(owner) = self.files.insert(file.path.clone(), by.to_owned()) {
            return Err(PlanError::conflict(
                format!("{owner} and {by} both write `{}`", file.path),
                "drop one of the two, or give one of them another path",
            ));
        }
        self.file_plans.push(file);
        Ok(())
    }

    /// A mount.
    pub(super) fn mount(&mut self, mount: Mount, by: &str) -> Result<(), PlanError> {
        check_path(target(&mount), by)?;
        if let Some(owner) = self.mounts.insert(target(&mount).to_owned(), by.to_owned()) {
            return Err(PlanError::conflict(
                format!("{owner} and {by} both mount `{}`", target(&mount)),
                "drop one of the two, or give one of them another path",
            ));
        }
        self.mount_plans.push(mount);
        Ok(())
    }

    /// Whether something is mounted there.
    pub(super) fn has_mount(&self, target: &str) -> bool {
        self.mounts.contains_key(target)
    }

    /// Refuses files that a mount would hide, or that would stay behind on the host.
    pub(super) fn check_files(&self) -> Result<(), PlanError> {
        for file in &self.file_plans {
            let covering = self
                .mount_plans
                .iter()
                .find(|mount| is_below(&file.path, target(mount)));
            let why = match covering {
                Some(Mount::Bind { source, .. }) => {
                    format!("would be left in `{}` on the host", source.display())
                }
                Some(Mount::Tmpfs { target, .. }) => {
                    format!("would be hidden by the memory file system on `{target}`")
                }
                Some(Mount::Volume { .. }) | None => continue,
            };
            let by = self.files.get(&file.path).map_or("", String::as_str);
            return Err(PlanError::conflict(
                format!("`{}` of {by} {why}", file.path),
                "choose a path outside of all mounts, such as one below `~/`",
            ));
        }
        Ok(())
    }

    /// The variables; those in `user` win.
    pub(super) fn env_with(&self, user: &BTreeMap<String, EnvValue>) -> BTreeMap<String, EnvValue> {
        let mut env: BTreeMap<_, _> = self
            .env
            .iter()
            .map(|(name, (value, _))| (name.clone(), value.clone()))
            .collect();
        env.extend(user.clone());
        env
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_absolute_and_plain() {
        for good in ["/a", "/etc/bottle/ca.crt", "/a b/.c"] {
            assert!(check_path(good, "x").is_ok(), "{good}");
        }
        for bad in [
            "", "/", "a", "~/a", "/a/../b", "/a//b", "/a/", "/./a", "/a\0",
        ] {
            assert!(check_path(bad, "x").is_err(), "{bad:?}");
        }
        assert!(is_below("/a/b", "/a") && is_below("/a", "/a/") && is_below("/x", "/"));
        assert!(!is_below("/ab", "/a"));
    }
}
